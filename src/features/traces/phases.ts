// Where the time of a call of ours went, as spans within its own. They are not stored: the call's span tells of them, and so each call is one row.
import type { Row } from '../../database/tables.ts'
import type { Attributes, Span } from '../../telemetry/span.ts'

interface Phase {
  readonly spanId: string
  readonly name: string
  /** Microseconds. */
  readonly startedAt: number
  readonly duration: number
  readonly attributes: Attributes
}

/** In the order in which a call goes through them, with what the span of each repeats of its call's. */
const order: readonly (readonly [name: string, repeats: readonly string[]])[] = [
  ['queue', []],
  ['load', []],
  ['prefill', ['gen_ai.usage.input_tokens', 'gen_ai.usage.cache_read.input_tokens', 'galerne.prefix.hit']],
  ['decode', ['gen_ai.usage.output_tokens', 'galerne.speculated_tokens', 'galerne.batch_size']],
]

/** The attribute that holds how long a phase took, in milliseconds. */
const lengthName = (name: string) => `galerne.${name}_ms`

/** How many phases the span of a call of ours tells of. */
export function phaseCount(attributes: Attributes = {}): number {
  return order.filter(([name]) => lengthOf(attributes, name) > 0).length
}

/** The phases of a span of ours, as spans to hand on. */
export function phasesOf(span: Span): readonly Span[] {
  return phasesIn(span, span.endedAt - span.startedAt).map(({ spanId, name, startedAt, duration, attributes }) => ({
    ...span,
    ...{ spanId, parentSpanId: span.spanId, name, kind: 'internal', state: 'unset', stateMessage: '' },
    ...{ startedAt, endedAt: startedAt + duration, attributes },
  }))
}

/** The phases of a span as it lies in its table, as rows like it. */
export function phaseRows(row: Row<'spans'>): readonly Row<'spans'>[] {
  if (row.source !== 'galerne') return []
  const attributes = JSON.parse(row.attributes) as Attributes
  const nothing = {
    ...{ operation: null, provider: null, request_model: null, response_model: null, response_id: null },
    ...{ conversation: null, user_name: null, tool_name: null, error_type: null, cost: null, currency: null },
    ...{ input_tokens: null, output_tokens: null, cached_tokens: null, cache_write_tokens: null },
  }
  const parent = { spanId: row.span_id, startedAt: row.started_at, attributes }
  return phasesIn(parent, row.duration).map((phase) => ({
    ...row,
    ...nothing,
    ...{ span_id: phase.spanId, parent_span_id: row.span_id, name: phase.name, kind: 'internal', state: 'unset' },
    ...{ state_message: '', started_at: phase.startedAt, duration: phase.duration },
    attributes: JSON.stringify(phase.attributes),
  }))
}

function lengthOf(attributes: Attributes, name: string): number {
  const value = attributes[lengthName(name)]
  return typeof value === 'number' ? value : 0
}

function phasesIn(
  { spanId, startedAt, attributes }: Pick<Span, 'spanId' | 'startedAt' | 'attributes'>,
  longest: number,
): readonly Phase[] {
  const phases: Phase[] = []
  let at = 0
  for (const [index, [name, repeats]] of order.entries()) {
    const length = lengthOf(attributes, name)
    if (length <= 0) continue
    const end = Math.min(longest, at + Math.round(length * 1_000))
    const repeated = repeats.flatMap((key) => (attributes[key] === undefined ? [] : [[key, attributes[key]] as const]))
    phases.push({
      spanId: idOf(spanId, index + 1),
      ...{ name, startedAt: startedAt + at, duration: end - at, attributes: Object.fromEntries(repeated) },
    })
    at = end
  }
  return phases
}

/** The same whenever it is asked for, and none of its siblings': the call's own id, its last digit moved on. */
function idOf(spanId: string, place: number): string {
  const last = (Number.parseInt(spanId.slice(-1), 16) + place) % 16
  return `${spanId.slice(0, -1)}${last.toString(16)}`
}
