// Our own door to traces: a trace whole with what people think of it, feedback, and how recording goes.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Row } from '../../database/tables.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { RefusedRequest, Server } from '../../wire/exchange.ts'
import { FeedbackObject, FeedbackRequest, RecordingObject, WholeTraceObject } from '../../wire/observability.ts'
import { seconds } from '../../wire/times.ts'
import type { TraceBuffer } from './buffer.ts'
import { spanObject, traceObject } from './encode.ts'
import type { FeedbackStore } from './feedback.ts'
import { type IngestParts, registerIngest } from './ingest.ts'
import { type ObservabilityParts, registerObservability } from './observability.ts'

/** What traces are made of. */
export interface TraceParts extends ObservabilityParts, IngestParts {
  readonly buffer: TraceBuffer
  readonly feedback: FeedbackStore
  /** Takes a request that was refused. Never waits, never throws. */
  refused(request: RefusedRequest): void
  /** What was not kept beside the buffer's own: spans that a collector did not take, and refusals that were too many. */
  lost(): { readonly exported: number; readonly refusals: number }
}

/** Adds every route of traces. */
export async function registerTraces(server: Server, parts: TraceParts & { readonly metrics: Metrics }): Promise<void> {
  addMetrics(parts.metrics, parts)
  registerObservability(server, parts)
  registerState(server, parts)
  registerWhole(server, parts)
  registerFeedback(server, parts)
  await registerIngest(server, parts)
}

const tags = ['observability']

function addMetrics(metrics: Metrics, { buffer, lost }: TraceParts): void {
  const sample = (name: string, help: string, read: () => number, type: 'gauge' | 'counter' = 'counter') =>
    metrics.gauge(name, help, () => [{ labels: {}, value: read() }], type)
  sample('galerne_trace_spans_waiting', 'Spans on their way to the database.', () => buffer.counts().waiting, 'gauge')
  sample('galerne_trace_spans_shed_total', 'Spans that found no room.', () => buffer.counts().shed)
  sample('galerne_trace_refusals_shed_total', 'Refused requests too many to be kept.', () => lost().refusals)
  sample('galerne_trace_export_lost_total', 'Spans that the collector did not take.', () => lost().exported)
}

function registerState(server: Server, { buffer, lost }: TraceParts): void {
  server.get(
    '/galerne/v1/traces/state',
    {
      config: { permission: 'traces.read' },
      schema: { tags, summary: 'How recording goes', response: { 200: RecordingObject } },
    },
    async () => {
      const { waiting, room, shed, shedAt } = buffer.counts()
      const { exported, refusals } = lost()
      return {
        object: 'recording' as const,
        ...{ waiting, room, shed, shed_refusals: refusals, export_lost: exported },
        last_shed_at: shedAt === undefined ? null : new Date(shedAt).toISOString(),
      }
    },
  )
}

function registerWhole(server: Server, { store, feedback }: TraceParts): void {
  server.get(
    '/galerne/v1/traces/:trace_id',
    {
      config: { permission: 'traces.read' },
      schema: {
        tags,
        summary: 'A trace with its spans and its feedback',
        params: Type.Object({ trace_id: Type.String() }),
        response: { 200: WholeTraceObject },
      },
    },
    async ({ params, exchange }) => {
      const { workspace } = exchange.caller
      const id = params.trace_id.toLowerCase()
      const whole = await store.whole(workspace, id)
      if (whole === undefined) throw fail('not_found', { what: 'trace', id: id.slice(0, 64), param: 'trace_id' })
      const answers = whole.spans.map((span) => span.response_id).filter((responseId) => responseId !== null)
      const said = await feedback.of(workspace, [...new Set(answers)])
      return {
        object: 'trace' as const,
        trace: traceObject(whole.trace),
        spans: whole.spans.map((span) => spanObject(span, whole.contents.get(span.span_id))),
        feedback: said.map(feedbackObject),
      }
    },
  )
}

function registerFeedback(server: Server, { feedback }: TraceParts): void {
  server.post(
    '/galerne/v1/feedback',
    {
      config: { permission: 'traces.write' },
      schema: {
        tags,
        summary: 'Say what you think of an answer',
        body: FeedbackRequest,
        response: { 200: FeedbackObject },
      },
    },
    async ({ body, exchange }) =>
      feedbackObject(
        await feedback.add({
          workspace: exchange.caller.workspace,
          key: exchange.caller.id,
          responseId: body.response_id,
          name: body.name ?? 'helpful',
          score: body.score ?? null,
          label: body.label ?? null,
          comment: body.comment ?? null,
        }),
      ),
  )
}

function feedbackObject(row: Row<'feedback'>): Static<typeof FeedbackObject> {
  return {
    id: row.id,
    object: 'feedback',
    response_id: row.response_id,
    name: row.name,
    score: row.score,
    label: row.label,
    comment: row.comment,
    created_at: seconds(row.created_at),
  }
}
