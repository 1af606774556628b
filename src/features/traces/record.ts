// A finished call of a model as a span, with all that its answer depends on and where its time went. Pure but for the span's id.
import { createHash } from 'node:crypto'
import { hexId } from '../../base/ids.ts'
import { type Attributes, type AttributeValue, readTraceParent, type Span } from '../../telemetry/span.ts'
import type { CallLabels, Sampling } from '../../wire/model.ts'
import { decimal } from '../prices/price.ts'
import type { FinishedCall } from '../usage/finished-call.ts'
import type { OwnedSpan } from './rows.ts'

const operations = { chat: 'chat', complete: 'text_completion', embed: 'embeddings', rank: 'rerank' } as const

/** Who makes our spans. */
const resource: Attributes = { 'service.name': 'galerne' }
const scope = { name: 'galerne', version: '' }

/** The span of a call. Its trace is the caller's where it sent a `traceparent`, else one that has the request's id. */
export function spanOfCall(call: FinishedCall): OwnedSpan {
  const { row, context } = call
  const parent = readTraceParent(context.traceparent)
  const traceId = parent?.traceId ?? traceIdOf(row.requestId)
  const startedAt = row.at * 1_000
  const endedAt = startedAt + row.durationMs * 1_000
  const root = galerneSpan({ traceId, parentSpanId: parent?.spanId ?? null, startedAt, endedAt })
  const whole: Span = {
    ...root,
    name: `${operations[row.operation]} ${row.model}`,
    kind: 'server',
    state: row.status === 'ok' ? 'ok' : row.status === 'abandoned' ? 'unset' : 'error',
    stateMessage: row.status === 'ok' ? '' : (call.cause ?? row.status),
    attributes: attributesOf(call),
  }
  return {
    ...{ span: whole, workspace: row.workspace, key: row.key, source: 'galerne', keepsContent: false },
    ...(row.price !== null && { cost: { amount: row.cost, currency: row.currency } }),
  }
}

/** Request ids have the form of trace ids; those of batches are made into one. */
export function traceIdOf(requestId: string): string {
  return /^(?!0{32})[0-9a-f]{32}$/.test(requestId)
    ? requestId
    : createHash('sha256').update(requestId).digest('hex').slice(0, 32)
}

/** A span of ours that says nothing yet. */
export function galerneSpan(place: Pick<Span, 'traceId' | 'parentSpanId' | 'startedAt' | 'endedAt'>): Span {
  return {
    ...place,
    spanId: hexId(8),
    traceState: '',
    name: '',
    kind: 'internal',
    state: 'unset',
    stateMessage: '',
    attributes: {},
    events: [],
    resource,
    scope,
  }
}

function attributesOf(call: FinishedCall): Attributes {
  const { row, context, sampling, timings } = call
  const { labels } = context
  const reasons = row.finishReason?.split(',') ?? []
  return factsOf({
    'gen_ai.operation.name': operations[row.operation],
    'gen_ai.provider.name': row.provider === 'local' ? 'galerne' : row.provider,
    'gen_ai.request.model': row.model,
    'gen_ai.response.model': row.model,
    'gen_ai.response.id': row.requestId,
    'gen_ai.response.finish_reasons': reasons.length === 0 ? undefined : reasons,
    'gen_ai.response.time_to_first_chunk': row.firstTokenMs === null ? undefined : row.firstTokenMs / 1_000,
    'gen_ai.usage.input_tokens': row.promptTokens,
    'gen_ai.usage.output_tokens': row.completionTokens,
    'gen_ai.usage.cache_read.input_tokens': row.cachedTokens,
    'gen_ai.usage.reasoning.output_tokens': row.reasoningTokens === 0 ? undefined : row.reasoningTokens,
    ...samplingAttributes(sampling),
    'gen_ai.request.seed': sampling?.seed ?? call.seed,
    'error.type': row.status === 'ok' || row.status === 'abandoned' ? undefined : row.status,
    'user.id': row.endUser ?? undefined,
    ...labelAttributes(labels),
    'galerne.call.id': row.id,
    'galerne.request.id': row.requestId,
    'galerne.key.id': row.key,
    'galerne.class': row.class,
    'galerne.seed.chosen': sampling?.seed === undefined && call.seed !== undefined ? true : undefined,
    'galerne.weights.digest': row.digest ?? undefined,
    'galerne.weights.quantisation': call.card.quantisation,
    'galerne.ran_on': row.ranOn ?? undefined,
    'galerne.engine.build': row.provider === 'local' ? row.ranOn?.slice(row.ranOn.lastIndexOf('@') + 1) : undefined,
    'galerne.prefix.hit': row.promptTokens === 0 ? undefined : row.cachedTokens > 0,
    'galerne.batch_size': timings?.batchSize,
    'galerne.price.id': row.price?.id,
    'galerne.cost': row.price === null ? undefined : decimal(row.cost, 9),
    'galerne.currency': row.price === null ? undefined : row.currency,
    'galerne.estimated': row.estimated ? true : undefined,
    // What `phases.ts` makes spans of.
    'galerne.queue_ms': milliseconds(call.queueMs - call.loadMs),
    'galerne.load_ms': milliseconds(call.loadMs),
    'galerne.prefill_ms': milliseconds(timings?.prefillMs ?? 0),
    'galerne.decode_ms': milliseconds(timings?.decodeMs ?? 0),
    'galerne.speculated_tokens': timings?.acceptedTokens === 0 ? undefined : timings?.acceptedTokens,
  })
}

/** To the microsecond; undefined where there was none. */
function milliseconds(length: number): number | undefined {
  return length <= 0 ? undefined : Math.round(length * 1_000) / 1_000
}

type Facts = Record<string, AttributeValue | undefined>

/** The attributes that there are. */
export function factsOf(facts: Facts): Attributes {
  const given: Record<string, AttributeValue> = {}
  for (const name in facts) {
    const value = facts[name]
    if (value !== undefined) given[name] = value
  }
  return given
}

/** A client's own words. */
export function labelAttributes(labels: CallLabels | undefined): Facts {
  if (labels === undefined) return {}
  const { session, prompt, tags, metadata } = labels
  return {
    'gen_ai.conversation.id': session,
    'gen_ai.prompt.name': prompt?.name,
    'gen_ai.prompt.version': prompt === undefined ? undefined : String(prompt.version),
    'galerne.tags': tags,
    'galerne.metadata': metadata,
  }
}

function samplingAttributes(sampling: Sampling | undefined): Facts {
  return {
    'gen_ai.request.temperature': sampling?.temperature,
    'gen_ai.request.top_p': sampling?.topP,
    'gen_ai.request.top_k': sampling?.topK,
    'gen_ai.request.max_tokens': sampling?.maxTokens,
    'gen_ai.request.frequency_penalty': sampling?.frequencyPenalty,
    'gen_ai.request.presence_penalty': sampling?.presencePenalty,
    'gen_ai.request.stop_sequences': sampling?.stop,
    'gen_ai.request.choice.count': (sampling?.choices ?? 1) > 1 ? sampling?.choices : undefined,
  }
}
