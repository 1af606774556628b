// Turns the tokens of one choice into events: bytes to text, stop strings, the format's parser, log-probabilities. Knows no sampling and no engine step.

import { shortId } from '../../base/ids.ts'
import type { AnswerParser, AnswerPart } from '../../formats/format.ts'
import type { ChosenLogprob, ModelEvent, ToolCall } from '../../wire/model.ts'
import { StopStrings } from './stop-strings.ts'

/** What an answer must know of tokens. */
export interface AnswerVocabulary {
  piece(token: number): Uint8Array
  isControl(token: number): boolean
}

/** How one choice is read. */
export interface AnswerRules {
  readonly choice: number
  readonly stop: readonly string[]
  /** Absent for completions: the text is the answer. */
  readonly parser?: AnswerParser
}

/** One choice's answer so far. */
export class Answer {
  readonly #vocabulary: AnswerVocabulary
  readonly #choice: number
  readonly #parser: AnswerParser | undefined
  readonly #stops: StopStrings
  // The mark U+FEFF is text like any other here.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Of tokens whose text was not released yet, with the character at which their text starts. */
  #logprobs: { readonly entry: ChosenLogprob; readonly start: number }[] = []
  #received = 0
  #released = 0
  #reasoning = false
  readonly #calls: ToolCall[] = []
  #reasoningTokens = 0
  #text = ''

  constructor(vocabulary: AnswerVocabulary, rules: AnswerRules) {
    this.#vocabulary = vocabulary
    this.#choice = rules.choice
    this.#parser = rules.parser
    this.#stops = new StopStrings(rules.stop)
  }

  /** Calls of functions found so far. */
  get calls(): readonly ToolCall[] {
    return this.#calls
  }

  /** Tokens that were reasoning, not answer. */
  get reasoningTokens(): number {
    return this.#reasoningTokens
  }

  /** The text released so far, without reasoning and calls. */
  get text(): string {
    return this.#text
  }

  /** Takes one token. `stopped`: a stop string was found, and nothing may follow. */
  push(token: number, logprob?: ChosenLogprob): { events: ModelEvent[]; stopped: boolean } {
    if (logprob !== undefined) this.#logprobs.push({ entry: logprob, start: this.#received })
    const events: ModelEvent[] = []
    if (this.#vocabulary.isControl(token)) {
      this.#flushText(events)
      const text = Buffer.from(this.#vocabulary.piece(token)).toString('utf8')
      this.#read({ text, control: true }, events)
      if (this.#reasoning) this.#reasoningTokens += 1
      return { events, stopped: false }
    }
    const stopped = this.#release(this.#decoder.decode(this.#vocabulary.piece(token), { stream: true }), events)
    if (this.#reasoning) this.#reasoningTokens += 1
    return { events, stopped }
  }

  /** Releases everything held back. Call once, after the last token. `cut`: there was no room for more, perhaps inside a call. */
  end(cut = false): ModelEvent[] {
    const events: ModelEvent[] = []
    this.#flushText(events)
    if (this.#parser !== undefined) this.#take(this.#parser.end(cut), events)
    this.#released = Infinity
    if (this.#logprobs.length > 0) this.#emit('text', '', events)
    return events
  }

  /** Hands on what cannot become a stop string; true when one was found. */
  #release(decoded: string, events: ModelEvent[]): boolean {
    this.#received += decoded.length
    const { text, stopped } = this.#stops.push(decoded)
    this.#released += text.length
    // Tokens that lie in the stop string whole are not part of the answer.
    if (stopped) this.#logprobs = this.#logprobs.filter(({ start }) => start < this.#released)
    this.#read({ text, control: false }, events)
    return stopped
  }

  /** Bytes that stay incomplete become U+FFFD; text held for a stop string is text after all. */
  #flushText(events: ModelEvent[]): void {
    if (this.#release(this.#decoder.decode(), events)) return
    const held = this.#stops.flush()
    this.#released += held.length
    this.#read({ text: held, control: false }, events)
  }

  #read(piece: { text: string; control: boolean }, events: ModelEvent[]): void {
    if (this.#parser === undefined) {
      if (!piece.control && piece.text !== '') this.#emit('text', piece.text, events)
      return
    }
    if (piece.text !== '') this.#take(this.#parser.push(piece), events)
  }

  #take(parts: readonly AnswerPart[], events: ModelEvent[]): void {
    for (const part of parts) {
      this.#reasoning = part.type === 'reasoning'
      if (part.type === 'tool-call') this.#emitCall(part, events)
      else if (part.text !== '') this.#emit(part.type, part.text, events)
    }
  }

  #emitCall(part: Extract<AnswerPart, { type: 'tool-call' }>, events: ModelEvent[]): void {
    const call = { id: shortId(9), name: part.name, arguments: part.arguments }
    const unfinished = part.unfinished === true ? { unfinished: true as const } : {}
    events.push({ type: 'tool-call', choice: this.#choice, index: this.#calls.length, call, ...unfinished })
    this.#calls.push(call)
    // The client is shown the call, not the text it was written in.
    this.#logprobs = []
  }

  #emit(type: 'text' | 'reasoning', text: string, events: ModelEvent[]): void {
    if (type === 'text') this.#text += text
    const event = {
      type: type === 'text' ? ('text-delta' as const) : ('reasoning-delta' as const),
      choice: this.#choice,
      text,
    }
    if (this.#logprobs.length === 0) {
      events.push(event)
      return
    }
    const shown = this.#logprobs.filter(({ start }) => start < this.#released)
    this.#logprobs = this.#logprobs.slice(shown.length)
    events.push({ ...event, logprobs: shown.map(({ entry }) => entry) })
  }
}
