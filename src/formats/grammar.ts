// Builds the Lark grammar (llguidance's dialect) that holds an answer to its tools and its output rule. Knows the layout of calls only through rules.

import type { JsonSchema, Tool } from '../wire/model.ts'
import { callableTools, mayCallTools, mustCallTools } from './content.ts'
import type { FormatCall } from './format.ts'

/** More calls than this in one answer are a loop, not a plan. */
const callLimit = 32

/** How calls are written, for a grammar. */
export interface CallLayout {
  /** Text that opens a run of calls; undefined when only a token does. */
  readonly openText: string | undefined
  /** Special token that opens a run of calls. */
  readonly openToken: number | undefined
  /**
   * Calls may start without any opener: a call is then one JSON value, given here as a schema. Free text may not start with `{`, and where
   * the answer is JSON too, both are one schema, because the grammar cannot tell two JSON values apart by more than their first byte.
   */
  readonly bareCall: ((name: string, argumentsSchema: JsonSchema) => JsonSchema) | undefined
  /** Lark for what follows the opener: one call, or the last of a run. `call` is the rule of one call. */
  readonly body: (callRule: string) => string
  /** Lark for what stands between two calls of one run, undefined when each call needs the opener anew. */
  readonly separator: string | undefined
  /** Lark around all calls of a run. */
  readonly around: readonly [before: string, after: string]
  /** Lark of one call: its name as a Lark string, its arguments as a rule. */
  readonly call: (name: string, argumentsRule: string) => string
}

/** Reasoning markers as Lark: how it may open (undefined: the prompt opened it) and how it closes. */
export interface ReasoningLayout {
  readonly open: string
  readonly close: string
  readonly openToken: number | undefined
  readonly closeToken: number | undefined
  readonly startsOpen: boolean
}

/** A Lark string literal: Lark reads JSON's escapes. */
export function literal(text: string): string {
  return JSON.stringify(text)
}

/** The grammar of a whole answer; undefined when anything may be answered. */
export function answerGrammar(
  call: FormatCall,
  layout: CallLayout,
  reasoning: ReasoningLayout | undefined,
): string | undefined {
  const calls = mayCallTools(call)
  const { output } = call
  if (!calls && output.type === 'text') return undefined
  const rules: string[] = []
  const alternatives: string[] = []
  if (!mustCallTools(call)) alternatives.push(output.type === 'text' ? freeText(layout, calls) : 'answer')
  if (calls) {
    alternatives.push(...openings(call, layout))
    rules.push(...callRules(call, layout))
  }
  if (output.type !== 'text') {
    const schema = output.type === 'json-object' ? { type: 'object' } : output.schema
    rules.push(`answer: %json ${schemaText(calls ? answerOrCall(call, schema, layout) : schema)}`)
  }
  const thought = reasoning === undefined ? '' : thoughtRules(reasoning, rules)
  return [
    `start: ${thought}answer_or_calls`,
    `answer_or_calls: ${alternatives.filter((alternative) => alternative !== '').join(' | ')}`,
    ...rules,
    'TEXT: /(.|\\n)+/',
    '',
  ].join('\n')
}

function freeText(layout: CallLayout, calls: boolean): string {
  return layout.bareCall !== undefined && calls ? 'TEXT_BEFORE_NO_CALL?' : 'TEXT?'
}

/** The alternatives of `answer_or_calls` that are calls, with free text before them where the answer may hold text. */
function openings(call: FormatCall, layout: CallLayout): string[] {
  const mixed = !mustCallTools(call) && call.output.type === 'text'
  const ways: string[] = []
  if (layout.openToken !== undefined)
    ways.push(`${mixed ? `${freeText(layout, true)} ` : ''}<[${layout.openToken}]> run`)
  if (layout.openText !== undefined) ways.push(mixed ? 'text_and_opener run' : `${literal(layout.openText)} run`)
  if (layout.bareCall !== undefined && (call.output.type === 'text' || mustCallTools(call))) ways.push('run')
  return ways
}

/** `run` (what follows the opener), `call`, and one rule for each tool. */
function callRules(call: FormatCall, layout: CallLayout): string[] {
  const rules: string[] = []
  const tools = callableTools(call)
  const single = !call.parallelToolCalls || typeof call.toolChoice === 'object'
  const reopen = [
    ...(layout.openToken === undefined ? [] : [`<[${layout.openToken}]>`]),
    ...(layout.openText === undefined ? [] : [literal(layout.openText)]),
  ].join(' | ')
  const between = layout.separator ?? `GAP? (${reopen})`
  const [before, after] = layout.around
  const one = layout.body('call')
  const repeated = single ? '' : ` (${between} ${one}){0,${callLimit - 1}}`
  rules.push(`run: ${before}${one}${repeated}${after}`)
  rules.push(`call: ${tools.map((_, index) => `call_${index}`).join(' | ')}`)
  tools.forEach((tool, index) => {
    rules.push(`call_${index}: ${layout.call(tool.name, `arguments_${index}`)}`)
    rules.push(`arguments_${index}: %json ${schemaText(argumentsSchema(tool))}`)
  })
  rules.push('GAP: /[ \\n]{1,4}/')
  if (layout.bareCall !== undefined) rules.push('TEXT_BEFORE_NO_CALL: /[^{](.|\\n)*/')
  if (layout.openText !== undefined) {
    rules.push(`text_and_opener[lazy]: /(.|\\n)*${pattern(layout.openText)}/`)
  }
  return rules
}

function thoughtRules(reasoning: ReasoningLayout, rules: string[]): string {
  const closing = [
    ...(reasoning.closeToken === undefined ? [] : [`TEXT? <[${reasoning.closeToken}]>`]),
    'thought_and_close',
  ]
  rules.push(`thought_and_close[lazy]: /(.|\\n)*${pattern(reasoning.close)}/`)
  rules.push(`rest_of_thought: (${closing.join(' | ')}) SPACE?`)
  rules.push('SPACE: /[ \\n]{1,4}/')
  if (reasoning.startsOpen) return 'rest_of_thought '
  const opening = [
    ...(reasoning.openToken === undefined ? [] : [`<[${reasoning.openToken}]>`]),
    literal(reasoning.open),
  ]
  rules.push(`thought: SPACE? (${opening.join(' | ')}) rest_of_thought`)
  return 'thought? '
}

/** JSON of the answer's schema or, for calls without an opener, of one call. Each part keeps its own `#/…` references by an id of its own. */
function answerOrCall(call: FormatCall, schema: JsonSchema, layout: CallLayout): JsonSchema {
  const { bareCall } = layout
  if (bareCall === undefined) return schema
  const settings = typeof schema === 'object' && Object.hasOwn(schema, 'x-guidance') ? schema['x-guidance'] : undefined
  const oneCall = callableTools(call).map((tool, index) =>
    bareCall(tool.name, identified(argumentsSchema(tool), `urn:call:${index}`)),
  )
  return {
    ...(settings === undefined ? {} : { 'x-guidance': settings }),
    anyOf: [identified(schema, 'urn:answer'), ...oneCall],
  }
}

function identified(schema: JsonSchema, id: string): JsonSchema {
  if (typeof schema === 'boolean') return schema
  const { 'x-guidance': _settings, ...rest } = schema
  return { $id: id, ...rest }
}

/** The schema of a tool's arguments: an object, whatever else the caller says of it. */
export function argumentsSchema({ parameters }: Tool): JsonSchema {
  return typeof parameters === 'boolean' ? parameters && { type: 'object' } : { ...parameters, type: 'object' }
}

function schemaText(schema: JsonSchema): string {
  return JSON.stringify(typeof schema === 'boolean' ? (schema ? {} : { not: {} }) : schema)
}

/** A text as a regular expression inside `/…/`. */
function pattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/gu, '\\$&')
}
