// A span as it lies in the tables, and back. Pure.
import type { Row } from '../../database/tables.ts'
import { partContent, readGenAi } from '../../telemetry/gen-ai.ts'
import type { AttributeValue, Span, SpanEvent } from '../../telemetry/span.ts'

/** A span that somebody hands in, with whose it is. */
export interface OwnedSpan {
  readonly span: Span
  readonly workspace: string
  readonly key: string | null
  /** `galerne`: recorded by this server; `otlp`: sent by an application. */
  readonly source: 'galerne' | 'otlp'
  /** Whether what was said is kept. */
  readonly keepsContent: boolean
  /** Nano-units and their currency, where the call has a price. */
  readonly cost?: { readonly amount: number; readonly currency: string }
}

/** The rows that a span becomes. */
export interface SpanRows {
  readonly span: Row<'spans'>
  readonly content: Row<'span_contents'> | undefined
}

/** Longer texts are cut, with a mark that says so: one attribute must not hold a book. */
const longestText = 32_768

/** The rows of a span. */
export function rowsOf({ span, workspace, key, source, keepsContent, cost }: OwnedSpan): SpanRows {
  const { facts, content } = partContent(span.attributes)
  const genAi = readGenAi(span)
  const ids = { workspace, trace_id: span.traceId, span_id: span.spanId, started_at: span.startedAt }
  const row: Row<'spans'> = {
    ...ids,
    parent_span_id: span.parentSpanId,
    name: span.name.slice(0, 500),
    kind: span.kind,
    duration: span.endedAt - span.startedAt,
    state: span.state,
    state_message: span.stateMessage.slice(0, 2_000),
    trace_state: span.traceState.slice(0, 512),
    source,
    service: text(span.resource['service.name']),
    environment: text(span.resource['deployment.environment.name'] ?? span.resource['deployment.environment']),
    operation: genAi.operation,
    provider: genAi.provider,
    request_model: genAi.requestModel,
    response_model: genAi.responseModel,
    response_id: genAi.responseId,
    conversation: genAi.conversation,
    user_name: genAi.userName,
    key_id: key,
    tool_name: genAi.toolName,
    error_type: genAi.errorType,
    input_tokens: genAi.inputTokens,
    output_tokens: genAi.outputTokens,
    cached_tokens: genAi.cachedTokens,
    cache_write_tokens: genAi.cacheWriteTokens,
    cost: cost?.amount ?? null,
    currency: cost?.currency ?? null,
    attributes: json(facts),
    resource: json(span.resource),
    events: keepsContent ? json(span.events) : json(span.events.map(withoutContent)),
    scope_name: span.scope.name.slice(0, 200),
    scope_version: span.scope.version.slice(0, 100),
  }
  const said = keepsContent && Object.keys(content).length > 0
  return { span: storable(row), content: said ? { ...ids, content: json(content) } : undefined }
}

/** The row as PostgreSQL can hold it, whatever an application, or a request that was refused, put into its texts. */
function storable(row: Row<'spans'>): Row<'spans'> {
  const columns = Object.entries(row).map(([name, value]) => [name, typeof value === 'string' ? clean(value) : value])
  return Object.fromEntries(columns) as Row<'spans'>
}

function withoutContent(event: SpanEvent): SpanEvent {
  return { ...event, attributes: partContent(event.attributes).facts }
}

function text(value: AttributeValue | undefined): string {
  return typeof value === 'string' ? value.slice(0, 200) : ''
}

/** JSON without the character that PostgreSQL's text cannot hold, long texts cut. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'string' ? bounded(inner) : inner))
}

function bounded(value: string): string {
  const text = clean(value)
  if (text.length <= longestText) return text
  return `${text.slice(0, longestText)}… (${text.length - longestText} more characters were not kept)`
}

function clean(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}
