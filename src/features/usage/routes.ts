// Usage under our own path: sums for dashboards (JSON or CSV) and single calls. Whoever may see one workspace sees that one.
import type { Kysely } from 'kysely'
import type { Static } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Row, Tables } from '../../database/tables.ts'
import { csv } from '../../wire/csv.ts'
import type { Server } from '../../wire/exchange.ts'
import { asList, isTrue, listObject, pageOf, readPaging } from '../../wire/paging.ts'
import { may } from '../../wire/permissions.ts'
import { readTime } from '../../wire/times.ts'
import {
  CallDetail,
  CallList,
  type CallObject,
  CallsQuery,
  OwnCallsQuery,
  type UsageObject,
  UsageQuery,
  UsageReport,
} from '../../wire/usage-report.ts'
import { decimal } from '../prices/price.ts'
import { type CallsQuestion, findCall, listCalls } from './calls.ts'
import { reachOf, reachWithin } from './reach.ts'
import { type Dimension, sumUsage, type UsageSum } from './report.ts'
import { sumWidths } from './store.ts'

const config = { permission: 'usage.read' } as const
const tags = ['usage']

/** Adds the routes. */
export function registerUsage(server: Server, { query: database }: { readonly query: Kysely<Tables> }): void {
  server.get(
    '/galerne/v1/usage',
    {
      config,
      schema: {
        tags,
        summary: 'Usage and costs, for dashboards',
        description:
          'From sums that are written with the calls. Without from and to: the last 30 days. `format=csv` answers text/csv. With `limit`: the newest first, in pages.',
        querystring: UsageQuery,
        response: { 200: UsageReport },
      },
    },
    async ({ query, exchange }, reply) => {
      const span = readSpan(query, exchange.clock.now())
      const groupBy = asList<Dimension>(query.group_by)
      const workspaces = reachWithin(exchange.caller, given(query.workspace))
      const [keys, models, members] = [given(query.key), given(query.model), given(query.member)]
      const sums = await sumUsage(database, {
        ...{ width: span.width, from: span.from, to: span.to, byTime: query.width !== 'total', groupBy },
        ...(workspaces !== undefined && { workspaces }),
        ...(keys !== undefined && { keys }),
        ...(models !== undefined && { models }),
        ...(members !== undefined && { members }),
        ...(query.class !== undefined && { class: query.class }),
        shadows: isTrue(query.shadows, true),
      })
      const data = sums.map(usageObject)
      if (query.format === 'csv') return await sendCsv(reply, csv(data, ['start', ...groupBy, ...csvColumns]))
      const [from, to] = [iso(span.from), iso(span.to)]
      const report = { object: 'usage.report' as const, from, to, width: query.width ?? 'day' }
      if (query.limit === undefined && query.after === undefined) return { ...report, data }
      const idOf = (row: (typeof data)[number]) =>
        JSON.stringify([row.start, ...groupBy.map((name) => (row as Record<string, unknown>)[name]), row.currency])
      return { ...pageOf(data.toReversed(), readPaging(query), idOf), ...report }
    },
  )
  registerCalls(server, database)
}

/** A route's type knows its JSON alone. */
async function sendCsv(reply: { header(name: string, value: string): { send(text: unknown): unknown } }, text: string) {
  await reply.header('content-type', 'text/csv; charset=utf-8').send(Buffer.from(text))
  return undefined as never
}

const csvColumns = [
  ...(['requests', 'errors', 'estimated', 'prompt_tokens', 'cached_tokens', 'completion_tokens'] as const),
  ...(['reasoning_tokens', 'currency', 'cost', 'cost_nano'] as const),
  ...(['average_queue_ms', 'average_first_token_ms', 'average_duration_ms'] as const),
]

function given(value: string | string[] | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : asList(value)
}

/** Spans in one answer at most, whatever their length. */
const mostSpans = 1500
const usualDays = 30

/** The time asked for, widened to whole spans. */
function readSpan({ from, to, width = 'day' }: UsageQuery, now: number) {
  const end = to === undefined ? now : readTime(to, 'to')
  const begin = from === undefined ? end - usualDays * sumWidths.day : readTime(from, 'from')
  if (begin >= end) throw fail('invalid_value', { param: 'from', reason: 'it must lie before to' })
  // A total is the sum of days where the time begins and ends with days, else of hours, else of minutes.
  const fits = (step: number) => begin % step === 0 && (end % step === 0 || to === undefined)
  const finest = fits(sumWidths.day) || from === undefined ? 'day' : fits(sumWidths.hour) ? 'hour' : 'minute'
  const whole = width === 'total' ? finest : width
  const step = sumWidths[whole]
  const [first, last] = [begin - (begin % step), Math.ceil(end / step) * step]
  if ((last - first) / step > mostSpans && (width !== 'total' || whole === 'minute')) {
    throw fail('invalid_value', {
      param: 'from',
      reason: `that is more than ${mostSpans} ${whole}s: take a larger width`,
    })
  }
  return { width: whole, from: first, to: last }
}

const iso = (time: number) => new Date(time).toISOString()

/** A sum as the API shows it. */
function usageObject(sum: UsageSum): Static<typeof UsageObject> {
  const average = (total: number, count: number) => (count === 0 ? null : Math.round(total / count))
  return {
    start: sum.start === null ? null : iso(sum.start),
    ...sum.group,
    ...{ requests: sum.requests, errors: sum.errors, estimated: sum.estimated },
    ...{ prompt_tokens: sum.promptTokens, cached_tokens: sum.cachedTokens },
    ...{ completion_tokens: sum.completionTokens, reasoning_tokens: sum.reasoningTokens },
    ...{ currency: sum.currency, cost_nano: sum.cost, cost: decimal(sum.cost, 9) },
    average_queue_ms: average(sum.queueMs, sum.requests),
    average_first_token_ms: average(sum.firstTokenMs, sum.firstTokens),
    average_duration_ms: average(sum.durationMs, sum.requests),
  }
}

const largestPages = { usual: 50, most: 1000 }

/** The calls that a query asks for, of those that the caller may see. */
async function pageOfCalls(
  database: Kysely<Tables>,
  query: CallsQuery,
  reach: Pick<CallsQuestion, 'workspaces' | 'keys'>,
) {
  const paging = readPaging(query, largestPages)
  const models = given(query.model)
  const rows = await listCalls(database, {
    ...reach,
    ...(query.from !== undefined && { from: readTime(query.from, 'from') }),
    ...(query.to !== undefined && { to: readTime(query.to, 'to') }),
    ...(models !== undefined && { models }),
    ...(query.class !== undefined && { class: query.class }),
    ...(query.request !== undefined && { request: query.request }),
    ...(query.batch !== undefined && { batch: query.batch }),
    ...{
      failed: isTrue(query.failed),
      shadows: isTrue(query.shadows, true),
      after: paging.after,
      limit: paging.limit + 1,
    },
  })
  return listObject(rows.map(callObject), paging, undefined)
}

function registerCalls(server: Server, database: Kysely<Tables>): void {
  server.get(
    '/galerne/v1/usage/calls',
    {
      config,
      schema: {
        tags,
        summary: 'Calls of models, the newest first',
        querystring: CallsQuery,
        response: { 200: CallList },
      },
    },
    async ({ query, exchange }) => {
      const workspaces = reachWithin(exchange.caller, given(query.workspace))
      const keys = given(query.key)
      return await pageOfCalls(database, query, {
        ...(workspaces !== undefined && { workspaces }),
        ...(keys !== undefined && { keys }),
      })
    },
  )
  server.get(
    '/galerne/v1/usage/own-calls',
    {
      config: { permission: 'self.read' },
      schema: {
        tags,
        summary: 'Calls that were made with the key that asks, the newest first',
        querystring: OwnCallsQuery,
        response: { 200: CallList },
      },
    },
    async ({ query, exchange: { caller } }) => await pageOfCalls(database, query, { keys: [caller.id] }),
  )
  server.get(
    '/galerne/v1/usage/calls/:id',
    {
      config,
      schema: {
        tags,
        summary: 'One call, with what was said where that is kept and the caller may read traces',
        response: { 200: CallDetail },
      },
    },
    async ({ params, exchange }) => {
      const { id } = params as { id: string }
      const found = await findCall(database, id, reachOf(exchange.caller))
      if (found === undefined) throw fail('not_found', { what: 'call', id: id.slice(0, 100), param: 'id' })
      const { call, content } = found
      const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text))
      // Who sees what calls cost need not see what was said.
      const reads = may(exchange.caller, 'traces.read', call.workspace)
      const said = reads && content ? { input: parsed(content.input), output: parsed(content.output) } : null
      return { ...callObject(call), content: said }
    },
  )
}

/** A call as the API shows it. */
function callObject(row: Row<'usage'>): Static<typeof CallObject> {
  const { id, request_id, workspace, member, end_user, operation, model, provider, digest, ran_on, currency } = row
  const { prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, price, status, finish_reason } = row
  return {
    ...{ id, object: 'usage.call', request_id, at: iso(row.at), workspace, key: row.key_id, member, end_user },
    ...{ operation, class: row.class, model, provider, digest, ran_on },
    ...{ prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens },
    ...{ currency, cost_nano: row.cost, cost: decimal(row.cost, 9), price },
    ...{ queue_ms: row.queue_ms, first_token_ms: row.first_token_ms, duration_ms: row.duration_ms },
    ...{ status, finish_reason, estimated: row.estimated === 1 },
  }
}
