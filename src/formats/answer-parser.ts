// Splits a growing answer into text, reasoning and calls at a format's markers. Knows no format: the markers come as rules.

import type { CallReader, ReadResult } from './call-reader.ts'
import type { AnswerParser, AnswerPart, AnswerPiece } from './format.ts'

/** What to look for in one answer. */
export interface AnswerRules {
  /** The text that the answer continues and includes. */
  readonly prefix: string
  /** SentencePiece puts a space before the first word: it is no part of the answer. */
  readonly dropsFirstSpace: boolean
  readonly reasoning: { readonly open: string; readonly close: string; readonly startsOpen: boolean } | undefined
  /** How calls begin. `bare`: an answer that starts with `{` is a call too; `only`: nothing else may be answered. Undefined: there are no calls. */
  readonly calls:
    | {
        readonly openers: readonly Opener[]
        readonly bare: boolean
        readonly only: boolean
        read(opener: string): CallReader
      }
    | undefined
}

/** A marker that opens calls, as a special token, as plain text, or as either. */
export interface Opener {
  readonly text: string
  readonly as: 'control' | 'either'
}

/** A parser for one answer. */
export function answerParser(rules: AnswerRules): AnswerParser {
  return new StreamedAnswer(rules)
}

class StreamedAnswer implements AnswerParser {
  private readonly rules: AnswerRules
  private state: 'text' | 'reasoning' | 'call'
  /** Read, not yet given out: may become a marker, or is space before the first word. */
  private held = ''
  /** Only white space so far: `<think>` and a bare call count here alone. */
  private atStart: boolean
  /** White space after reasoning or calls is layout, not answer. */
  private dropsSpace = false
  private prefixDue: boolean
  private firstSpaceDue: boolean
  private reader: CallReader | undefined
  private parts: AnswerPart[] = []

  constructor(rules: AnswerRules) {
    this.rules = rules
    this.state = rules.reasoning?.startsOpen === true ? 'reasoning' : 'text'
    this.atStart = rules.prefix === ''
    this.dropsSpace = this.state === 'reasoning'
    this.prefixDue = rules.prefix !== ''
    this.firstSpaceDue = rules.dropsFirstSpace && rules.prefix === ''
  }

  push(piece: AnswerPiece): AnswerPart[] {
    this.begin()
    if (piece.control) this.control(piece.text)
    else this.text(piece.text)
    return this.take()
  }

  end(cut = false): AnswerPart[] {
    this.begin()
    const callsOnly = cut && this.rules.calls?.only === true
    if (this.reader !== undefined) {
      for (const part of this.reader.end(cut)) if (part.type === 'tool-call' || !callsOnly) this.give(part)
      this.reader = undefined
      this.state = 'text'
    } else if (callsOnly && this.state === 'text') this.held = ''
    this.flush()
    return this.take()
  }

  private begin(): void {
    if (!this.prefixDue) return
    this.prefixDue = false
    this.give({ type: 'text', text: this.rules.prefix })
  }

  private control(token: string): void {
    if (this.reader !== undefined) {
      const result = this.reader.control(token)
      if (result !== undefined) {
        this.apply(result)
        return
      }
      for (const part of this.reader.end(false)) this.give(part)
      this.leaveCall()
    }
    const { reasoning, calls } = this.rules
    // Any other special token is no part of an answer's text.
    if (this.state === 'reasoning') {
      if (token !== reasoning?.close) return
      this.flush()
      this.closeReasoning()
    } else if (token === reasoning?.open) this.openReasoning()
    else if (calls?.openers.some((opener) => opener.text === token) === true) this.openCall(token)
  }

  private text(text: string): void {
    if (this.reader !== undefined) {
      this.apply(this.reader.text(text))
      return
    }
    this.held += text
    this.drain()
  }

  private apply(result: ReadResult): void {
    for (const part of result.parts) this.give(part)
    if (!result.done) return
    this.leaveCall()
    this.held = result.rest
    this.drain()
  }

  private leaveCall(): void {
    this.reader = undefined
    this.state = 'text'
    this.atStart = false
    this.dropsSpace = true
  }

  /** Gives out what can no longer become a marker, and follows markers. */
  private drain(): void {
    while (this.reader === undefined) {
      this.dropSpace()
      if (this.state === 'text' && this.atStart) {
        const visible = this.held.trimStart()
        if (visible === '') return
        if (this.rules.calls?.bare === true && visible.startsWith('{')) {
          this.held = ''
          this.openCall('')
          if (this.reader !== undefined) this.text(visible)
          return
        }
      }
      const found = this.nextMarker()
      if (found === undefined) {
        this.giveSettled()
        return
      }
      const before = this.held.slice(0, found.index)
      this.held = this.held.slice(found.index + found.marker.length)
      const isReasoning = this.state === 'reasoning'
      if (isReasoning || !this.atStart || before.trim() !== '') this.say(before)
      if (isReasoning) this.closeReasoning()
      else if (found.marker === this.rules.reasoning?.open && this.atStart) this.openReasoning()
      else this.openCallWith(found.marker)
    }
  }

  private markers(): string[] {
    const { reasoning, calls } = this.rules
    if (this.state === 'reasoning') return reasoning === undefined ? [] : [reasoning.close]
    const openers = (calls?.openers ?? []).filter((opener) => opener.as === 'either').map((opener) => opener.text)
    return this.atStart && reasoning !== undefined ? [reasoning.open, ...openers] : openers
  }

  private nextMarker(): { index: number; marker: string } | undefined {
    let first: { index: number; marker: string } | undefined
    for (const marker of this.markers()) {
      const index = this.held.indexOf(marker)
      if (index < 0 || (first !== undefined && index >= first.index)) continue
      // Reasoning opens an answer; later the same text is text.
      if (marker === this.rules.reasoning?.open && this.held.slice(0, index).trim() !== '') continue
      first = { index, marker }
    }
    return first
  }

  private giveSettled(): void {
    const markers = this.markers()
    let from = this.held.length
    for (let index = Math.max(0, this.held.length - longest(markers)); index < this.held.length; index++) {
      const tail = this.held.slice(index)
      if (markers.some((marker) => marker.startsWith(tail))) {
        from = index
        break
      }
    }
    const settled = this.held.slice(0, from)
    if (this.state === 'text' && this.atStart && settled.trim() === '') return
    this.held = this.held.slice(from)
    this.say(settled)
  }

  private openCallWith(marker: string): void {
    const after = this.held
    this.held = ''
    this.openCall(marker)
    if (this.reader !== undefined) this.text(after)
  }

  private openCall(opener: string): void {
    if (this.atStart && this.held.trim() === '') this.held = ''
    this.flush()
    this.reader = this.rules.calls?.read(opener)
    if (this.reader !== undefined) this.state = 'call'
  }

  private openReasoning(): void {
    if (!this.atStart) this.flush()
    else if (this.held.trim() === '') this.held = ''
    this.state = 'reasoning'
    this.atStart = false
    this.dropsSpace = true
  }

  private closeReasoning(): void {
    this.state = 'text'
    this.atStart = true
    this.dropsSpace = true
  }

  private dropSpace(): void {
    if (!this.dropsSpace) return
    this.held = this.held.trimStart()
    if (this.held !== '') this.dropsSpace = false
  }

  private flush(): void {
    this.dropSpace()
    const text = this.held
    this.held = ''
    this.say(text)
  }

  /** Gives out text of the current state. */
  private say(text: string): void {
    if (text === '') return
    this.give({ type: this.state === 'reasoning' ? 'reasoning' : 'text', text })
  }

  private give(part: AnswerPart): void {
    let next = part
    if (part.type === 'text' && this.firstSpaceDue) {
      this.firstSpaceDue = false
      if (part.text.startsWith(' ')) next = { type: 'text', text: part.text.slice(1) }
    }
    if (next.type === 'tool-call') this.firstSpaceDue = false
    else {
      if (next.text === '') return
      if (next.type === 'text' && next.text.trim() !== '') this.atStart = false
      const last = this.parts.at(-1)
      if (last?.type === next.type) {
        this.parts[this.parts.length - 1] = { type: next.type, text: last.text + next.text }
        return
      }
    }
    this.parts.push(next)
  }

  private take(): AnswerPart[] {
    const parts = this.parts
    this.parts = []
    return parts
  }
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length))
}
