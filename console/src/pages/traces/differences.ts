// What differs between two traces: their figures, where their time went, what was set, what was said. Pure.
import type { SpanShape, TraceShape } from '../../../../src/wire/observability.ts'
import { messagesOf } from '../../server/said.ts'

/** A figure of both; `name` is a key of the page's words. */
export interface ComparedFigure {
  readonly name: 'duration' | 'input' | 'cachedTokens' | 'outputTokens' | 'cost' | 'spans' | 'errors'
  readonly left: number | null
  readonly right: number | null
}

/** The figures; duration in milliseconds, cost in nano-units. */
export function figuresOf(left: TraceShape, right: TraceShape): readonly ComparedFigure[] {
  const both = (name: ComparedFigure['name'], read: (trace: TraceShape) => number | null): ComparedFigure => ({
    ...{ name, left: read(left), right: read(right) },
  })
  return [
    both('duration', (trace) => trace.duration_ns / 1e6),
    both('input', (trace) => trace.input_tokens),
    both('cachedTokens', (trace) => trace.cache_read_input_tokens),
    both('outputTokens', (trace) => trace.output_tokens),
    both('cost', (trace) => trace.cost),
    both('spans', (trace) => trace.span_count),
    both('errors', (trace) => trace.error_count),
  ]
}

/** How much more the right is than the left, as a fraction of the left: 0 where they are the same; undefined where nothing can be said. */
export function changeOf({ left, right }: ComparedFigure): number | undefined {
  if (left === right) return 0
  return left === null || right === null || left === 0 ? undefined : right / left - 1
}

/** What spans of one name took in both, in milliseconds. */
export interface ComparedTime {
  readonly name: string
  readonly left: number
  readonly right: number
}

/** Time by the name of spans, the longest first. A span holds the time of those under it, too. */
export function timesOf(left: readonly SpanShape[], right: readonly SpanShape[]): readonly ComparedTime[] {
  const sum = (spans: readonly SpanShape[], name: string) =>
    spans.reduce((total, span) => total + (span.span_name === name ? span.duration_ns / 1e6 : 0), 0)
  const names = [...new Set([...left, ...right].map((span) => span.span_name))]
  const times = names.map((name) => ({ name, left: sum(left, name), right: sum(right, name) }))
  return times.sort((one, other) => Math.max(other.left, other.right) - Math.max(one.left, one.right))
}

/** An attribute that is not the same in both. */
export interface ComparedAttribute {
  readonly name: string
  readonly left: string | undefined
  readonly right: string | undefined
}

/** Attributes of the first call of a model in each that are not the same. */
export function attributesOf(left: readonly SpanShape[], right: readonly SpanShape[]): readonly ComparedAttribute[] {
  const [one, other] = [callOf(left)?.span_attributes ?? {}, callOf(right)?.span_attributes ?? {}]
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()
  return names
    .filter((name) => one[name] !== other[name] && !name.endsWith('.messages'))
    .map((name) => ({ name, left: one[name], right: other[name] }))
}

function callOf(spans: readonly SpanShape[]): SpanShape | undefined {
  return spans.find((span) => span.request_model !== '') ?? spans[0]
}

/** What was said in a trace, as one text; empty where it is not kept. */
export function saidIn(spans: readonly SpanShape[]): string {
  const span = spans.find((one) => one.input_messages !== '' || one.output_messages !== '')
  if (span === undefined) return ''
  return [...messagesOf(span.input_messages), ...messagesOf(span.output_messages)]
    .map(({ role, parts }) => `${role}:\n${parts.map((part) => part['content'] ?? JSON.stringify(part)).join('\n')}`)
    .join('\n\n')
}
