// Reads tool calls out of a growing answer, after the text or token that opened them. What turns out to be no call is given back as text.

import type { AnswerPart } from './format.ts'
import { compactJson, isJsonObject, JsonEnd, objectMembers } from './json-text.ts'

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
  /** The answer ended: gives back what is held. */
  end(): AnswerPart[]
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

const space = /^\s*/u
const more: ReadResult = { parts: [], done: false, rest: '' }

/** Reads `{"name": …, "arguments": {…}}` objects. */
export class ObjectCallReader implements CallReader {
  private readonly layout: ObjectCallLayout
  private readonly names: ReadonlySet<string>
  private state: 'open' | 'object' | 'after' | 'item' = 'open'
  /** Read but not yet part of a call: the opener, separators, an open object. */
  private held: string
  private object = ''
  private jsonEnd = new JsonEnd()

  constructor(layout: ObjectCallLayout, names: ReadonlySet<string>) {
    this.layout = layout
    this.names = names
    this.held = layout.opener
  }

  text(text: string): ReadResult {
    const parts: AnswerPart[] = []
    let rest = this.state === 'object' ? text : this.takeWaiting() + text
    for (;;) {
      const before: string = rest
      const state = this.state
      if (state === 'object') {
        const end = this.jsonEnd.read(rest)
        if (end < 0) {
          this.object += rest
          return { parts, done: false, rest: '' }
        }
        const object = this.object + rest.slice(0, end)
        rest = rest.slice(end)
        const call = callFromObject(object, this.names)
        if (call === undefined) return { parts: [...parts, asText(this.held + object)], done: true, rest }
        parts.push(call)
        this.held = ''
        this.object = ''
        this.jsonEnd = new JsonEnd()
        this.state = this.layout.list ? 'item' : 'after'
        continue
      }
      const gap = space.exec(rest)?.[0] ?? ''
      const visible = rest.slice(gap.length)
      if (visible === '') return this.wait(parts, before)
      if (state === 'open' || state === 'item') {
        if (visible.startsWith('{')) {
          this.held += gap
          this.state = 'object'
          rest = visible
          continue
        }
        if (state === 'open' && this.layout.list && visible.startsWith('[') && !this.held.endsWith('[')) {
          this.held += `${gap}[`
          rest = visible.slice(1)
          continue
        }
        if (state === 'item' && visible.startsWith(',')) {
          this.held += `${gap},`
          rest = visible.slice(1)
          continue
        }
        if (this.layout.list && visible.startsWith(']')) return { parts, done: true, rest: visible.slice(1) }
        return { parts: this.held === '' ? parts : [...parts, asText(this.held + gap)], done: true, rest: visible }
      }
      const { close, separator } = this.layout
      if (close !== undefined && visible.startsWith(close))
        return { parts, done: true, rest: visible.slice(close.length) }
      if (separator !== undefined && visible.startsWith(separator)) {
        this.held = `${gap}${separator}`
        this.state = 'open'
        rest = visible.slice(separator.length)
        continue
      }
      if (close?.startsWith(visible) === true) return this.wait(parts, before)
      return { parts, done: true, rest: visible }
    }
  }

  control(token: string): ReadResult | undefined {
    if (this.state === 'after' && token === this.layout.close) return { parts: [], done: true, rest: '' }
    return undefined
  }

  end(): AnswerPart[] {
    if (this.state === 'after' || this.held + this.object === '') return []
    return [asText(this.held + this.object + this.takeWaiting())]
  }

  private waiting = ''

  private wait(parts: AnswerPart[], text: string): ReadResult {
    this.waiting = text
    return parts.length === 0 ? more : { parts, done: false, rest: '' }
  }

  private takeWaiting(): string {
    const waiting = this.waiting
    this.waiting = ''
    return waiting
  }
}

function asText(text: string): AnswerPart {
  return { type: 'text', text }
}
