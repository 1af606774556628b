// Turns the events of one or several calls into the answer of `/v1/completions`: pieces for a stream, and their sum for an answer in one piece.
import { type Failure, fail } from '../../base/errors.ts'
import type { Completion, CompletionChoice } from '../../wire/completions.ts'
import { errorObject } from '../../wire/failure.ts'
import type { FinishReason, Usage } from '../../wire/model.ts'
import { doneFrame, frame } from '../../wire/sse.ts'
import { usageObject } from '../../wire/usage.ts'
import { answerHead } from '../chat/answer.ts'
import { appendLogprobs, noLogprobs, OffsetCounter, type PromptLogprob } from './logprobs.ts'
import type { PromptEvent } from './merge.ts'
import type { CompletionShape } from './prepare.ts'

/** What of the request goes into the answer. */
export interface CompletionAnswer {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly model: string
  readonly shape: CompletionShape
  readonly includeUsage: boolean
  /** How many prompts there are. */
  readonly calls: number
  /** The prompts' texts, for `echo`; empty without it. */
  readonly prompts: readonly string[]
}

interface ChoiceState {
  readonly offsets: OffsetCounter
  /** Sum and number of the generated tokens' log-probabilities, for `best_of`. */
  sum: number
  count: number
}

/** Follows all choices of an answer. */
export class CompletionEncoder {
  readonly #answer: CompletionAnswer
  readonly #choices = new Map<number, ChoiceState>()
  #usage: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 }
  #head: ReturnType<typeof answerHead>
  #ended = 0

  constructor(answer: CompletionAnswer) {
    this.#answer = answer
    this.#head = answerHead(answer, '')
  }

  /** The tokens of all calls so far ended, together. */
  get usage(): Usage {
    return this.#usage
  }

  /** Throws where a call's events stopped before its end: it was cut off, and that is never a short answer. */
  assertEnded(): void {
    if (this.#ended < this.#answer.calls) throw fail('internal_error', { requestId: this.#answer.id })
  }

  /** The body around choices: the whole answer, or one event of a stream. */
  body(choices: CompletionChoice[]): Completion {
    return { ...this.#head, object: 'text_completion', choices }
  }

  /** How likely a choice's tokens were on average; what was generated without any token comes last. */
  score(index: number): number {
    const state = this.#choices.get(index)
    return state === undefined || state.count === 0 ? Number.NEGATIVE_INFINITY : state.sum / state.count
  }

  /** What one event adds to the choices. */
  pieces(event: PromptEvent): CompletionChoice[] {
    const { shape } = this.#answer
    switch (event.type) {
      case 'started':
        this.#head = answerHead(this.#answer, event.ranOn)
        return shape.echo && shape.logprobs === undefined ? this.#echo(event.prompt, undefined) : []
      case 'prompt-logprobs':
        return shape.echo ? this.#echo(event.prompt, event.tokens) : []
      case 'text-delta':
      case 'reasoning-delta':
        return [this.#delta(event.prompt * shape.generated + event.choice, event.text, event.logprobs ?? [])]
      case 'finish': {
        const index = event.prompt * shape.generated + event.choice
        return [{ index, text: '', logprobs: null, finish_reason: finishReason(event.reason) }]
      }
      case 'end':
        this.#ended += 1
        this.#usage = addUsage(this.#usage, event.usage)
        return []
      case 'tool-call':
        return []
    }
  }

  #echo(prompt: number, tokens: readonly PromptLogprob[] | undefined): CompletionChoice[] {
    const { shape, prompts } = this.#answer
    const text = prompts[prompt] ?? ''
    return Array.from({ length: shape.generated }, (_, choice) => {
      const index = prompt * shape.generated + choice
      const { offsets } = this.#state(index)
      offsets.append(text)
      const logprobs = tokens === undefined ? null : noLogprobs()
      if (logprobs !== null) appendLogprobs(logprobs, tokens ?? [], shape.logprobs ?? 0, offsets)
      return { index, text, logprobs, finish_reason: null }
    })
  }

  #delta(index: number, text: string, tokens: readonly (PromptLogprob & { logprob: number })[]): CompletionChoice {
    const { logprobs: top } = this.#answer.shape
    const state = this.#state(index)
    for (const token of tokens) {
      state.sum += token.logprob
      state.count += 1
    }
    state.offsets.append(text)
    const logprobs = top === undefined ? null : noLogprobs()
    if (logprobs !== null) appendLogprobs(logprobs, tokens, top ?? 0, state.offsets)
    return { index, text, logprobs, finish_reason: null }
  }

  #state(index: number): ChoiceState {
    const known = this.#choices.get(index)
    if (known !== undefined) return known
    const state: ChoiceState = { offsets: new OffsetCounter(), sum: 0, count: 0 }
    this.#choices.set(index, state)
    return state
  }
}

/** The answer as frames of a stream. */
export async function* completionFrames(
  events: AsyncIterable<PromptEvent>,
  answer: CompletionAnswer,
): AsyncGenerator<string> {
  const encoder = new CompletionEncoder(answer)
  const usage = answer.includeUsage ? { usage: null } : {}
  for await (const event of events) {
    for (const piece of encoder.pieces(event)) yield frame({ ...encoder.body([piece]), ...usage })
  }
  encoder.assertEnded()
  if (answer.includeUsage) yield frame({ ...encoder.body([]), usage: usageObject(encoder.usage) })
  yield doneFrame
}

/** The end of a stream that failed after it began, as chat's: an event that OpenAI's SDKs raise. */
export function completionFailureFrames(failure: Failure, answer: CompletionAnswer): string {
  const choices = [{ index: 0, text: '', logprobs: null, finish_reason: 'error' }]
  const body = { ...new CompletionEncoder(answer).body([]), choices, error: errorObject(failure) }
  return frame(body) + doneFrame
}

/** The answer in one piece; of `best_of` the likeliest per token, best first. */
export async function foldCompletion(
  events: AsyncIterable<PromptEvent>,
  answer: CompletionAnswer,
): Promise<Completion> {
  const encoder = new CompletionEncoder(answer)
  const whole = new Map<number, CompletionChoice>()
  for await (const event of events) {
    for (const piece of encoder.pieces(event)) {
      const choice = whole.get(piece.index)
      if (choice === undefined) whole.set(piece.index, piece)
      else addPiece(choice, piece)
    }
  }
  encoder.assertEnded()
  const choices = best([...whole.values()], answer.shape, (index) => encoder.score(index))
  return { ...encoder.body(choices), usage: usageObject(encoder.usage) }
}

function addPiece(choice: CompletionChoice, piece: CompletionChoice): void {
  choice.text += piece.text
  choice.finish_reason = piece.finish_reason ?? choice.finish_reason
  if (piece.logprobs === null) return
  choice.logprobs ??= noLogprobs()
  choice.logprobs.tokens.push(...piece.logprobs.tokens)
  choice.logprobs.token_logprobs.push(...piece.logprobs.token_logprobs)
  choice.logprobs.top_logprobs.push(...piece.logprobs.top_logprobs)
  choice.logprobs.text_offset.push(...piece.logprobs.text_offset)
}

/** For each prompt the `choices` best of the `generated` ones, numbered anew. */
function best(all: CompletionChoice[], shape: CompletionShape, score: (index: number) => number): CompletionChoice[] {
  const { choices, generated } = shape
  const sorted = all.sort((a, b) => a.index - b.index)
  if (generated === choices) return sorted
  return Array.from({ length: Math.ceil(sorted.length / generated) }, (_, prompt) =>
    sorted
      .slice(prompt * generated, (prompt + 1) * generated)
      .sort((a, b) => score(b.index) - score(a.index) || a.index - b.index)
      .slice(0, choices)
      .map((choice, place) => ({ ...choice, index: prompt * choices + place })),
  ).flat()
}

/** `/v1/completions` knows two reasons: a full context is `length` too. */
function finishReason(reason: FinishReason): 'stop' | 'length' {
  return reason === 'length' || reason === 'context' ? 'length' : 'stop'
}

function addUsage(a: Usage, b: Usage): Usage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  }
}
