// Keeps a user's words apart from a template's control tokens: breaks every spelling of one before rendering, and takes the breaks out after the split.

import { fail } from '../base/errors.ts'
import type { Segment } from './format.ts'

/** One rendering's guard. */
export interface ControlText {
  /** The text with a mark inside everything that spells a control token, or could with what follows it. */
  guard(text: string): string
  /** A rendered prompt as segments: control tokens where the template wrote them, everything else text without marks. */
  split(rendered: string): Segment[]
}

/** Special tokens look like `<…>` or `[…]`. Byte tokens and white space that some vocabularies list are left to the tokenizer. */
const markerShape = /^(?:<\S+>|\[\S+\])$/u
const byteToken = /^<0x[0-9A-Fa-f]{2}>$/u
/** Where one may start. */
const opening = /[<[]/g

/** Finds control tokens by text; made once per vocabulary. */
export class ControlTokens {
  private readonly texts: ReadonlySet<string>
  /** Longest first, so that the longest token wins, as in llama.cpp. */
  private readonly lengths: readonly number[]

  constructor(texts: Iterable<string>) {
    this.texts = new Set([...texts].filter((text) => markerShape.test(text) && !byteToken.test(text)))
    this.lengths = [...new Set([...this.texts].map((text) => text.length))].sort((a, b) => b - a)
  }

  /** Length of the control token that starts at `index`, or 0. */
  at(text: string, index: number): number {
    const close = text.charAt(index) === '<' ? '>' : ']'
    // Most text behind a bracket is no token: its last character tells so without cutting and hashing it.
    const fits = (length: number) =>
      text.charAt(index + length - 1) === close && this.texts.has(text.slice(index, index + length))
    return this.lengths.find(fits) ?? 0
  }

  /** Whether the text from `index` to its end is the start of a control token. */
  private opens(text: string, index: number): boolean {
    const tail = text.slice(index)
    return [...this.texts].some((token) => token.length > tail.length && token.startsWith(tail))
  }

  /** A guard whose mark occurs in none of the texts that will be rendered. */
  guardFor(inputs: string): ControlText {
    const mark = unusedCharacter(inputs)
    const longest = this.lengths[0] ?? 0
    return {
      guard: (text) => {
        let guarded = ''
        let from = 0
        for (const { index } of text.matchAll(opening)) {
          if (this.at(text, index) === 0 && !(text.length - index < longest && this.opens(text, index))) continue
          guarded += text.slice(from, index + 1) + mark
          from = index + 1
        }
        return guarded + text.slice(from)
      },
      split: (rendered) => {
        const segments: Segment[] = []
        let from = 0
        const flush = (to: number) => {
          const text = rendered.slice(from, to).replaceAll(mark, '')
          if (text !== '') segments.push({ type: 'text', text })
        }
        for (const { index } of rendered.matchAll(opening)) {
          const length = index < from ? 0 : this.at(rendered, index)
          if (length === 0) continue
          flush(index)
          segments.push({ type: 'control', token: rendered.slice(index, index + length) })
          from = index + length
        }
        flush(rendered.length)
        return segments
      },
    }
  }
}

/** A private-use character that the inputs do not hold: a mark that no user can have written. */
function unusedCharacter(inputs: string): string {
  for (let code = 0xe000; code <= 0xf8ff; code++) {
    const character = String.fromCharCode(code)
    if (!inputs.includes(character)) return character
  }
  throw fail('invalid_value', { param: 'messages', reason: 'they hold every private-use character of Unicode' })
}
