// Reads one call of Mistral's later formats: `[TOOL_CALLS]name[ARGS]{…}` with or without `[CALL_ID]id` before the arguments.

import { type CallReader, callOf, type ReadResult } from './call-reader.ts'
import type { AnswerPart } from './format.ts'
import { compactJson, JsonEnd } from './json-text.ts'

/** Spent after one call: the next `[TOOL_CALLS]` opens another. The id that a model writes is not used; callers get their own. */
export class NamedCallReader implements CallReader {
  private readonly names: ReadonlySet<string>
  private state: 'name' | 'id' | 'arguments' = 'name'
  private name = ''
  /** All that was read, markers included, for giving it back. */
  private raw: string
  private argumentsText = ''
  private readonly jsonEnd = new JsonEnd()

  constructor(opener: string, names: ReadonlySet<string>) {
    this.names = names
    this.raw = opener
  }

  text(text: string): ReadResult {
    if (this.state === 'name') this.name += text
    if (this.state !== 'arguments') {
      this.raw += text
      return { parts: [], done: false, rest: '' }
    }
    const visible = this.argumentsText === '' ? text.trimStart() : text
    this.raw += text.slice(0, text.length - visible.length)
    if (visible === '') return { parts: [], done: false, rest: '' }
    if (this.argumentsText === '' && !visible.startsWith('{')) return this.noCall(visible)
    const end = this.jsonEnd.read(visible)
    this.argumentsText += end < 0 ? visible : visible.slice(0, end)
    if (end < 0) return { parts: [], done: false, rest: '' }
    const rest = visible.slice(end)
    const call = callOf(this.name.trim(), this.argumentsText, this.names)
    return call === undefined ? this.noCall(rest) : { parts: [call], done: true, rest }
  }

  control(token: string): ReadResult | undefined {
    const next = token === '[ARGS]' ? 'arguments' : token === '[CALL_ID]' ? 'id' : undefined
    const fits = (next === 'arguments' && this.state !== 'arguments') || (next === 'id' && this.state === 'name')
    if (next === undefined || !fits) return undefined
    this.state = next
    this.raw += token
    return { parts: [], done: false, rest: '' }
  }

  end(cut: boolean): AnswerPart[] {
    const name = this.name.trim()
    if (cut && this.state === 'name' && [...this.names].some((known) => known.startsWith(name))) return []
    if (cut && this.state !== 'name' && this.names.has(name)) {
      return [{ type: 'tool-call', name, arguments: compactJson(this.argumentsText), unfinished: true }]
    }
    return this.givenBack()
  }

  private givenBack(): AnswerPart[] {
    return [{ type: 'text', text: this.raw + this.argumentsText }]
  }

  private noCall(rest: string): ReadResult {
    return { parts: this.givenBack(), done: true, rest }
  }
}
