// Reads tool calls out of a growing answer, after the text or token that opened them. What turns out to be no call is given back as text.

import type { AnswerPart } from './format.ts'
import { compactJson, isJson, isJsonObject, JsonEnd, objectMembers } from './json-text.ts'

/** What a reader made of a piece. Once `done`, the reader is spent and `rest` goes on as plain answer text. */
export interface ReadResult {
  readonly parts: readonly AnswerPart[]
  readonly done: boolean
  readonly rest: string
}

/** Reads one run of calls. */
export interface CallReader {
  text(text: string): ReadResult
  /** A special token inside the run; undefined when it does not belong here: the run is over, and the token goes on to the parser. */
  control(token: string): ReadResult | undefined
  /** The answer ended: gives back what is held. `cut`: it had no room for more, and a call with a name counts as far as it came. */
  end(cut: boolean): AnswerPart[]
}

/** A call from `{"name": …, "arguments": …}` (or `parameters`); undefined when it is none, or names a function that was not offered. */
export function callFromObject(text: string, names: ReadonlySet<string>): AnswerPart | undefined {
  const members = objectMembers(text)
  const name = members?.get('name')
  if (members === undefined || name === undefined || !name.startsWith('"')) return undefined
  return callOf(JSON.parse(name) as string, members.get('arguments') ?? members.get('parameters') ?? '{}', names)
}

/** A call from its name and arguments; arguments that are a JSON string holding an object count too. */
export function callOf(name: string, argumentsText: string, names: ReadonlySet<string>): AnswerPart | undefined {
  if (!names.has(name)) return undefined
  const text = argumentsText.startsWith('"') ? String(JSON.parse(argumentsText)) : argumentsText
  return isJsonObject(text) ? { type: 'tool-call', name, arguments: compactJson(text) } : undefined
}

/**
 * A call whose text was cut: its name is whole, its arguments are what came of them. `unnamed` when only the beginning of a name came,
 * undefined when the text is no call's beginning.
 */
export function cutCall(text: string, names: ReadonlySet<string>): AnswerPart | 'unnamed' | undefined {
  const [head, name] = /^\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*/su.exec(text) ?? []
  if (head === undefined || name === undefined) return startsCall(text, names) ? 'unnamed' : undefined
  const known = isJson(name) ? String(JSON.parse(name)) : ''
  if (!names.has(known)) return undefined
  const rest = text.slice(head.length)
  const [key] = /^,\s*"(?:arguments|parameters)"\s*:\s*/u.exec(rest) ?? []
  if (key === undefined) {
    const begun = rest.replace(/\s/gu, '')
    const fits = [',"arguments":', ',"parameters":'].some((full) => full.startsWith(begun))
    return fits ? { type: 'tool-call', name: known, arguments: '', unfinished: true } : undefined
  }
  const argumentsText = cutArguments(rest.slice(key.length))
  if (argumentsText === undefined) return undefined
  return { type: 'tool-call', name: known, arguments: argumentsText, unfinished: true }
}

function startsCall(text: string, names: ReadonlySet<string>): boolean {
  const begun = text.replace(/\s/gu, '')
  return [...names].some((name) => `{"name":${JSON.stringify(name)}`.startsWith(begun))
}

/** Of the value that the arguments' text begins with, what came: of an object, or of a string of JSON unpacked. */
function cutArguments(text: string): string | undefined {
  if (text.startsWith('"')) {
    const closed = /^"(?:[^"\\]|\\(?:[^u]|u[0-9a-fA-F]{4}))*/su.exec(text)?.[0] ?? '"'
    return isJson(`${closed}"`) ? String(JSON.parse(`${closed}"`)) : undefined
  }
  if (text !== '' && !text.startsWith('{')) return undefined
  const end = new JsonEnd().read(text)
  return compactJson(end < 0 ? text : text.slice(0, end))
}

/** How JSON calls are laid out after their opener. */
export interface ObjectCallLayout {
  /** What opened the run, given back when nothing in it is a call. */
  readonly opener: string
  /** Calls stand in a JSON list. */
  readonly list: boolean
  /** Text or token that closes one call; may be missing. */
  readonly close?: string
  /** Text between calls of one run. */
  readonly separator?: string
}

/** One step through the text: go `on` with the rest, wait for `more`, or be `done`. */
interface Step {
  readonly parts: readonly AnswerPart[]
  readonly next: 'on' | 'more' | 'done'
  readonly rest: string
}

/** Reads `{"name": …, "arguments": {…}}` objects. */
export class ObjectCallReader implements CallReader {
  private readonly layout: ObjectCallLayout
  private readonly names: ReadonlySet<string>
  /** `open`: a call must follow; `object`: inside one; `item`: after one in a list; `after`: after one outside a list. */
  private state: 'open' | 'object' | 'item' | 'after' = 'open'
  /** Markers and separators that belong to no call yet, given back when none comes. */
  private held: string
  private object = ''
  private jsonEnd = new JsonEnd()
  /** Text that cannot be understood before more comes. */
  private waiting = ''
  private inList = false
  private found = false

  constructor(layout: ObjectCallLayout, names: ReadonlySet<string>) {
    this.layout = layout
    this.names = names
    this.held = layout.opener
  }

  text(text: string): ReadResult {
    const parts: AnswerPart[] = []
    let rest = this.waiting + text
    this.waiting = ''
    for (;;) {
      const step = this.state === 'object' ? this.readObject(rest) : this.readBetween(rest)
      parts.push(...step.parts)
      if (step.next !== 'on') return { parts, done: step.next === 'done', rest: step.rest }
      rest = step.rest
    }
  }

  control(token: string): ReadResult | undefined {
    if (this.state === 'after' && token === this.layout.close) return { parts: [], done: true, rest: '' }
    return undefined
  }

  end(cut: boolean): AnswerPart[] {
    // A separator that nothing follows is no text.
    if (this.found && this.object === '') return []
    const call = cut ? cutCall(this.object, this.names) : undefined
    // Without an opener, an object that is not known to be a call may as well be the answer.
    if (call === 'unnamed') return this.layout.opener === '' && !this.found ? this.givenBack() : []
    return call === undefined ? this.givenBack() : [call]
  }

  private givenBack(): AnswerPart[] {
    const text = this.held + this.object + this.waiting
    return text === '' ? [] : [{ type: 'text', text }]
  }

  private readObject(text: string): Step {
    const end = this.jsonEnd.read(text)
    this.object += end < 0 ? text : text.slice(0, end)
    if (end < 0) return { parts: [], next: 'more', rest: '' }
    const rest = text.slice(end)
    const call = callFromObject(this.object, this.names)
    if (call === undefined) return { parts: this.givenBack(), next: 'done', rest }
    this.found = true
    this.held = ''
    this.object = ''
    this.jsonEnd = new JsonEnd()
    this.state = this.inList ? 'item' : 'after'
    return { parts: [call], next: 'on', rest }
  }

  private readBetween(text: string): Step {
    const visible = text.trimStart()
    if (visible === '') return this.wait(text)
    const gap = text.slice(0, text.length - visible.length)
    return this.state === 'after' ? this.readAfter(text, gap, visible) : this.readOpening(gap, visible)
  }

  private readOpening(gap: string, visible: string): Step {
    const [first = ''] = visible
    if (first === '{') {
      this.held += gap
      this.state = 'object'
      return { parts: [], next: 'on', rest: visible }
    }
    const opensList = first === '[' && this.layout.list && !this.inList
    if (opensList || (first === ',' && this.state === 'item')) {
      this.inList = true
      this.held += gap + first
      return { parts: [], next: 'on', rest: visible.slice(1) }
    }
    if (first === ']' && this.inList) return { parts: [], next: 'done', rest: visible.slice(1) }
    this.held += gap
    return { parts: this.givenBack(), next: 'done', rest: visible }
  }

  private readAfter(text: string, gap: string, visible: string): Step {
    const { close, separator } = this.layout
    if (close !== undefined && visible.startsWith(close)) {
      return { parts: [], next: 'done', rest: visible.slice(close.length) }
    }
    if (separator !== undefined && visible.startsWith(separator)) {
      this.held = gap + separator
      this.state = 'open'
      return { parts: [], next: 'on', rest: visible.slice(separator.length) }
    }
    return close?.startsWith(visible) === true ? this.wait(text) : { parts: [], next: 'done', rest: visible }
  }

  private wait(text: string): Step {
    this.waiting = text
    return { parts: [], next: 'more', rest: '' }
  }
}
