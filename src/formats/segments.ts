// Collects a prompt's segments, joining neighbouring texts into one.

import type { Segment } from './format.ts'

/** A prompt under construction. */
export class SegmentList {
  readonly segments: Segment[] = []

  control(token: string): void {
    this.segments.push({ type: 'control', token })
  }

  /** Adds text; empty text adds nothing. */
  text(text: string): void {
    if (text === '') return
    const last = this.segments.at(-1)
    if (last?.type === 'text' && last.bare === undefined)
      this.segments[this.segments.length - 1] = { type: 'text', text: last.text + text }
    else this.segments.push({ type: 'text', text })
  }

  /** Adds text that starts without the vocabulary's leading space. */
  bareText(text: string): void {
    if (text !== '') this.segments.push({ type: 'text', text, bare: true })
  }

  get endsWithText(): boolean {
    return this.segments.at(-1)?.type === 'text'
  }
}
