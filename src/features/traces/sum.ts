// What the spans of a trace add up to. Pure: the same spans give the same row in whatever order and however often they come.
import type { Row } from '../../database/tables.ts'
import { isModelCall } from '../../telemetry/gen-ai.ts'
import { type Attributes, isList } from '../../telemetry/span.ts'
import { phaseCount } from './phases.ts'

/** A span as far as its trace needs it. */
export type SummedSpan = Omit<
  Row<'spans'>,
  'events' | 'resource' | 'state_message' | 'trace_state' | 'scope_name' | 'scope_version'
>

/** The row of one trace; `spans` are all that are known of it, at least one. */
export function sumTrace(spans: readonly SummedSpan[]): Row<'traces'> {
  const ordered = [...spans].sort(
    (one, other) => one.started_at - other.started_at || compare(one.span_id, other.span_id),
  )
  const root = rootOf(ordered)
  const ours = ordered.map(ownAttributes)
  const phases = ordered.reduce(
    (count, { source }, index) => count + (source === 'galerne' ? phaseCount(ours[index]) : 0),
    0,
  )
  const calls = countedCalls(ordered)
  const startedAt = ordered[0]?.started_at ?? 0
  const endedAt = Math.max(...ordered.map((span) => span.started_at + span.duration))
  const errors = ordered.filter((span) => span.state === 'error').length
  const models = distinct(calls.map((call) => call.response_model ?? call.request_model))
  const sum = (read: (span: SummedSpan) => number | null) => calls.reduce((total, call) => total + (read(call) ?? 0), 0)
  return {
    workspace: root.workspace,
    trace_id: root.trace_id,
    root_span_id: root.span_id,
    name: root.name,
    service: root.service,
    environment: root.environment,
    started_at: startedAt,
    ended_at: endedAt,
    duration: endedAt - startedAt,
    // A trace failed when its root did; an error that was caught on the way is counted, and is none of the whole.
    state: root.state,
    error_count: errors,
    span_count: ordered.length + phases,
    gen_ai_count: ordered.filter((span) => span.operation !== null).length,
    model_calls: calls.length,
    tool_calls: ordered.filter((span) => span.operation === 'execute_tool').length,
    retrievals: ordered.filter((span) => span.operation === 'retrieval').length,
    input_tokens: sum((call) => call.input_tokens),
    output_tokens: sum((call) => call.output_tokens),
    cached_tokens: sum((call) => call.cached_tokens),
    cache_write_tokens: sum((call) => call.cache_write_tokens),
    ...moneyOf(calls),
    model: models[0] ?? '',
    models: JSON.stringify(models),
    tools: JSON.stringify(distinct(ordered.map((span) => span.tool_name))),
    tags: JSON.stringify(distinct(ours.flatMap(tagsOf))),
    conversation: first(ordered, (span) => span.conversation),
    user_name: first(ordered, (span) => span.user_name),
    key_id: first(ordered, (span) => span.key_id),
  }
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

/** The span without a parent; where it has not come (yet), the earliest whose parent is not there. */
function rootOf(ordered: readonly SummedSpan[]): SummedSpan {
  const ids = new Set(ordered.map((span) => span.span_id))
  const root =
    ordered.find((span) => span.parent_span_id === null) ??
    ordered.find((span) => span.parent_span_id !== null && !ids.has(span.parent_span_id)) ??
    ordered[0]
  if (root === undefined) throw new RangeError('a trace has at least one span')
  return root
}

/**
 * The calls of models, each once: where an application's client and this server both tell of a call, they name the same answer, and
 * ours is the one that counted.
 */
function countedCalls(ordered: readonly SummedSpan[]): readonly SummedSpan[] {
  const calls = ordered.filter((span) => isModelCall(span.operation))
  const ours = new Set(calls.filter((call) => call.source === 'galerne').map((call) => call.response_id))
  const seen = new Set<string>()
  return calls.filter((call) => {
    if (call.response_id === null) return true
    if (call.source !== 'galerne' && ours.has(call.response_id)) return false
    if (seen.has(call.response_id)) return false
    seen.add(call.response_id)
    return true
  })
}

/** Amounts of one currency add up; where there are two, no sum is told. */
function moneyOf(calls: readonly SummedSpan[]): Pick<Row<'traces'>, 'cost' | 'currency'> {
  const priced = calls.filter((call) => call.cost !== null)
  const [currency, ...others] = distinct(priced.map((call) => call.currency))
  if (currency === undefined || others.length > 0) return { cost: null, currency: null }
  return { cost: priced.reduce((total, call) => total + (call.cost ?? 0), 0), currency }
}

/** The attributes of a span that has any of ours; of others nothing is read here. */
function ownAttributes({ attributes }: SummedSpan): Attributes {
  return attributes.includes('"galerne.') ? (JSON.parse(attributes) as Attributes) : {}
}

function tagsOf(attributes: Attributes): readonly string[] {
  const tags = attributes['galerne.tags']
  return isList(tags) ? tags.map(String) : []
}

function distinct(values: readonly (string | null)[]): readonly string[] {
  return [...new Set(values.filter((value) => value !== null))]
}

function first(spans: readonly SummedSpan[], read: (span: SummedSpan) => string | null): string | null {
  for (const span of spans) {
    const value = read(span)
    if (value !== null) return value
  }
  return null
}
