// Mistral's observability API over our traces: search, fields, aggregates, and a trace with its spans.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import type { Server } from '../../wire/exchange.ts'
import {
  AggregateAnswer,
  AggregateRequest,
  FieldsAnswer,
  OptionsAnswer,
  SearchQuery,
  SearchRequest,
  SpanObject,
  SpansAnswer,
  TraceObject,
  TracesAnswer,
} from '../../wire/observability.ts'
import { aggregate, aggregations } from './aggregate.ts'
import { isoDate, spanObject, traceObject } from './encode.ts'
import { type Field, spanFields, traceFields } from './fields.ts'
import type { TraceSearch } from './search.ts'
import { readPage, readTime } from './search-query.ts'
import type { TraceStore } from './store.ts'

/** What the routes need. */
export interface ObservabilityParts {
  readonly store: TraceStore
  readonly search: TraceSearch
  readonly reader: Pick<Database, 'query' | 'dialect'>
}

const config = { permission: 'traces.read' } as const
const tags = ['observability']
const day = 86_400_000_000

/** Adds the routes. */
export function registerObservability(server: Server, parts: ObservabilityParts): void {
  registerSearch(server, parts)
  registerTrace(server, parts)
  for (const [table, fields] of [
    ['traces', traceFields],
    ['spans', spanFields],
  ] as const) {
    registerFields(server, parts, table, fields)
    registerAggregate(server, parts, table)
  }
}

function registerSearch(server: Server, { search }: ObservabilityParts): void {
  server.post(
    '/v1/observability/traces/search',
    {
      config,
      schema: {
        tags,
        summary: 'Search traces',
        querystring: SearchQuery,
        body: SearchRequest,
        response: { 200: TracesAnswer },
      },
    },
    async ({ query, body, exchange }) => {
      const page = await search.traces(readPage(query, body.search_expression, exchange.caller.workspace))
      return { traces: { results: page.items.map(traceObject), next: null, cursor: page.cursor ?? null } }
    },
  )
  server.post(
    '/v1/observability/spans/search',
    {
      config,
      schema: {
        tags,
        summary: 'Search spans',
        querystring: SearchQuery,
        body: SearchRequest,
        response: { 200: SpansAnswer },
      },
    },
    async ({ query, body, exchange }) => {
      const page = await search.spans(readPage(query, body.search_expression, exchange.caller.workspace))
      return { spans: { results: page.items.map((row) => spanObject(row)), next: null, cursor: page.cursor ?? null } }
    },
  )
}

function registerTrace(server: Server, { store }: ObservabilityParts): void {
  const find = async (workspace: string, id: string) => {
    const whole = await store.whole(workspace, id.toLowerCase())
    if (whole === undefined) throw fail('not_found', { what: 'trace', id: id.slice(0, 64), param: 'trace_id' })
    return whole
  }
  const params = Type.Object({ trace_id: Type.String() })
  server.get(
    '/v1/observability/traces/:trace_id',
    { config, schema: { tags, summary: 'One trace', params, response: { 200: TraceObject } } },
    async ({ params: { trace_id }, exchange }) => traceObject((await find(exchange.caller.workspace, trace_id)).trace),
  )
  server.get(
    '/v1/observability/traces/:trace_id/spans',
    {
      config,
      schema: {
        tags,
        summary: 'The spans of a trace',
        description: 'All of them in one page, in the order they began.',
        params,
        querystring: SearchQuery,
        response: { 200: SpansAnswer },
      },
    },
    async ({ params: { trace_id }, exchange }) => {
      const { spans, contents } = await find(exchange.caller.workspace, trace_id)
      const results = spans.map((span) => spanObject(span, contents.get(span.span_id)))
      return { spans: { results, next: null, cursor: null } }
    },
  )
  server.get(
    '/v1/observability/traces/:trace_id/spans/:span_id',
    {
      config,
      schema: {
        tags,
        summary: 'One span',
        params: Type.Object({ trace_id: Type.String(), span_id: Type.String() }),
        response: { 200: SpanObject },
      },
    },
    async ({ params: { trace_id, span_id }, exchange }) => {
      const { spans, contents } = await find(exchange.caller.workspace, trace_id)
      const span = spans.find((one) => one.span_id === span_id.toLowerCase())
      if (span === undefined) throw fail('not_found', { what: 'span', id: span_id.slice(0, 32), param: 'span_id' })
      return spanObject(span, contents.get(span.span_id))
    },
  )
}

const operators = {
  text: ['eq', 'neq', 'like', 'ilike', 'not_like', 'not_ilike', 'in', 'not_in', 'contains', 'not_contains'],
  pattern: ['regexp', 'not_regexp', 'exists', 'not_exists'],
  number: ['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'between', 'not_between', 'in', 'not_in', 'exists', 'not_exists'],
  list: ['has', 'hasAny', 'hasAll', 'exists', 'not_exists'],
} as const

function operatorsOf({ type }: Field): string[] {
  if (type === 'ARRAY') return [...operators.list]
  return type === 'INT' || type === 'FLOAT' || type === 'TIMESTAMP'
    ? [...operators.number]
    : [...operators.text, ...operators.pattern]
}

function aggregationsOf({ type }: Field): string[] {
  if (type === 'ARRAY' || type === 'MAP') return []
  return type === 'INT' || type === 'FLOAT' ? [...aggregations] : ['count', 'count_distinct']
}

function registerFields(
  server: Server,
  { search }: ObservabilityParts,
  table: 'traces' | 'spans',
  fields: readonly Field[],
): void {
  server.get(
    `/v1/observability/${table}/fields`,
    { config, schema: { tags, summary: `The fields that ${table} have`, response: { 200: FieldsAnswer } } },
    async () => ({
      field_definitions: fields.map((field) => ({
        name: field.name,
        label: field.label,
        type: field.type,
        group: field.group,
        supported_operators: operatorsOf(field),
        supported_aggregations: aggregationsOf(field),
        source_attribute_key: field.attribute ?? null,
      })),
    }),
  )
  server.get(
    `/v1/observability/${table}/fields/:field_name/options`,
    {
      config,
      schema: {
        tags,
        summary: `Values of a field among the latest ${table}`,
        params: Type.Object({ field_name: Type.String() }),
        querystring: Type.Object({}, { additionalProperties: true }),
        response: { 200: OptionsAnswer },
      },
    },
    async ({ params, exchange }) => ({
      options: [...(await search.options(table, exchange.caller.workspace, params.field_name))],
    }),
  )
}

function registerAggregate(server: Server, { reader }: ObservabilityParts, table: 'traces' | 'spans'): void {
  server.post(
    `/v1/observability/${table}/aggregate`,
    {
      config,
      schema: {
        tags,
        summary: `Figures over ${table}`,
        querystring: Type.Pick(SearchQuery, ['from', 'to']),
        body: AggregateRequest,
        response: { 200: AggregateAnswer },
      },
    },
    async ({ query, body, exchange }) => {
      const to = readTime(query.to, 'to') ?? exchange.clock.now() * 1_000
      const from = readTime(query.from, 'from') ?? to - day
      const { rows, bucketSeconds } = await aggregate(reader.query, reader.dialect, {
        workspace: exchange.caller.workspace,
        table,
        from,
        to,
        measure: body.metric.measure,
        aggregation: body.metric.aggregation,
        dimensions: body.dimensions ?? [],
        granularity: body.time_dimension == null ? undefined : (body.time_dimension.granularity ?? 'auto'),
        expression: body.search_expression ?? '',
        orderBy: (body.order_by ?? []).map(({ field, direction }) => ({ field, direction: direction ?? 'asc' })),
        limit: body.limit ?? 1_000,
      })
      return {
        data: rows.map(({ bucket, dimensions, value }) => ({
          metric_name: `${body.metric.aggregation}(${body.metric.measure})`,
          time_bucket: bucket === null ? null : isoDate(bucket),
          dimensions: { ...dimensions },
          metric_value: value,
        })),
        meta: { from_timestamp: isoDate(from), to_timestamp: isoDate(to), granularity_seconds: bucketSeconds },
      }
    },
  )
}
