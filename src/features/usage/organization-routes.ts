// OpenAI's reports: /v1/organization/usage/* and /v1/organization/costs, page by page over buckets of time.
import type { Kysely } from 'kysely'
import type { Static } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import {
  queryList,
  type ReportGroup,
  ReportPage,
  ReportQuery,
  type ReportResult,
} from '../../wire/organization-usage.ts'
import { isTrue } from '../../wire/paging.ts'
import { nanoPerUnit } from '../prices/price.ts'
import { reachWithin } from './reach.ts'
import { type Dimension, sumUsage, type UsageQuestion, type UsageSum } from './report.ts'
import type { UsageRow } from './row.ts'
import { sumWidths } from './store.ts'

/** All that these reports say. */
const amounts = ['requests', 'promptTokens', 'cachedTokens', 'completionTokens', 'cost'] as const

/** What a report takes and how it words a sum. */
interface Report {
  readonly path: string
  readonly summary: string
  /** None: this server never does that, and the report is empty. */
  readonly operations: readonly UsageRow['operation'][]
  readonly groups: readonly ReportGroup[]
  result(sum: UsageSum, groups: readonly string[]): ReportResult
}

const callGroups: readonly ReportGroup[] = [
  'project_id',
  'user_id',
  'api_key_id',
  'model',
  'batch',
  'service_tier',
  'api_source',
]
const otherGroups: readonly ReportGroup[] = ['project_id', 'user_id', 'api_key_id', 'model', 'api_source']

/** Kinds of usage that OpenAI reports and this server does not have, with what only they can be told apart by. */
const unused: Readonly<Record<string, readonly ReportGroup[]>> = {
  ...{ moderations: [], audio_speeches: [], audio_transcriptions: [], vector_stores: [] },
  ...{ code_interpreter_sessions: [], images: ['size', 'source'] },
  ...{ file_search_calls: ['vector_store_id'], web_search_calls: ['context_level'] },
}

const reports: readonly Report[] = [
  {
    path: '/v1/organization/usage/completions',
    summary: 'Usage of chat, completions and responses',
    operations: ['chat', 'complete'],
    groups: callGroups,
    result: completionsResult,
  },
  {
    path: '/v1/organization/usage/embeddings',
    summary: 'Usage of embeddings and reranking',
    operations: ['embed', 'rank'],
    groups: otherGroups,
    result: (sum) => ({
      object: 'organization.usage.embeddings.result',
      input_tokens: sum.promptTokens,
      num_model_requests: sum.requests,
      ...whoOf(sum),
    }),
  },
  ...Object.entries(unused).map(([kind, groups]) => ({
    path: `/v1/organization/usage/${kind}`,
    summary: `Usage of ${kind.replaceAll('_', ' ')}: none here`,
    operations: [],
    groups: [...otherGroups, ...groups],
    result: (sum: UsageSum) => completionsResult(sum, []),
  })),
  {
    path: '/v1/organization/costs',
    summary: 'Costs per day',
    operations: ['chat', 'complete', 'embed', 'rank'],
    groups: ['project_id', 'user_id', 'api_key_id', 'line_item', 'api_source'],
    result: costsResult,
  },
]

/** Adds the routes. */
export function registerOrganizationUsage(
  server: Server,
  { query: database }: { readonly query: Kysely<Tables> },
): void {
  for (const report of reports) {
    server.get(
      report.path,
      {
        config: { permission: 'usage.read' },
        schema: {
          tags: ['usage'],
          summary: report.summary,
          description:
            'Whoever may see one workspace only gets the usage of that one. Lists go as `name[]=…`, repeated.',
          querystring: ReportQuery,
          response: { 200: ReportPage },
        },
      },
      async ({ query, exchange }) => await answer(database, report, query as ReportQuery, exchange),
    )
  }
}

async function answer(
  database: Kysely<Tables>,
  report: Report,
  query: ReportQuery,
  { caller, clock }: { readonly caller: Caller; readonly clock: { now(): number } },
): Promise<Static<typeof ReportPage>> {
  const page = readPage(query, report.path.endsWith('/costs'), clock.now())
  const groups = queryList(query, 'group_by') ?? []
  const unknown = groups.find((group) => !report.groups.some((known) => known === group))
  if (unknown !== undefined) {
    throw fail('invalid_value', { param: 'group_by', reason: `"${unknown}" is not one of ${report.groups.join(', ')}` })
  }
  const only = report.operations.length === 0 ? [] : report.operations
  const sums = await sumUsage(database, {
    ...readFilters(query, caller),
    ...page,
    groupBy: dimensionsOf(groups),
    operations: only,
    amounts,
  })
  const byStart = Map.groupBy(sums, ({ start }) => start)
  const step = sumWidths[page.width]
  const data = Array.from({ length: (page.to - page.from) / step }, (_, index) => {
    const start = page.from + index * step
    const results = (byStart.get(start) ?? []).map((sum) => report.result(sum, groups))
    return { object: 'bucket' as const, start_time: start / 1000, end_time: (start + step) / 1000, results }
  })
  return { object: 'page' as const, data, has_more: page.more, next_page: page.more ? `page_${page.to / 1000}` : null }
}

/** Days, hours and minutes on one page: OpenAI's defaults and limits. */
const lengths = { day: [7, 31], hour: [24, 168], minute: [60, 1440] } as const
const costLengths = [7, 180] as const
const widths = { '1d': 'day', '1h': 'hour', '1m': 'minute' } as const

/** Which buckets are on this page. */
function readPage(query: ReportQuery, costs: boolean, now: number) {
  const width = widths[query.bucket_width ?? '1d']
  if (costs && width !== 'day')
    throw fail('invalid_value', { param: 'bucket_width', reason: 'costs come per day: "1d"' })
  const step = sumWidths[width]
  const [usual, most] = costs ? costLengths : lengths[width]
  const limit = query.limit === undefined ? usual : Number(query.limit)
  if (limit < 1 || limit > most) {
    throw fail('invalid_value', { param: 'limit', reason: `it must be between 1 and ${most} for this bucket_width` })
  }
  const first = Number(query.start_time) * 1000
  const end = query.end_time === undefined ? now : Number(query.end_time) * 1000
  if (end <= first)
    throw fail('invalid_value', {
      param: 'end_time',
      reason: 'it must lie after start_time, which must lie in the past',
    })
  const resumed = query.page === undefined ? first : Number(query.page.slice('page_'.length)) * 1000
  const from = Math.max(first, resumed) - (Math.max(first, resumed) % step)
  const last = Math.ceil(end / step) * step
  const to = Math.max(from, Math.min(last, from + limit * step))
  return { width, from, to, byTime: true, more: to < last }
}

function readFilters(
  query: ReportQuery,
  caller: Caller,
): Pick<UsageQuestion, 'workspaces' | 'keys' | 'models' | 'members' | 'class'> {
  const workspaces = reachWithin(caller, queryList(query, 'project_ids'))
  const [keys, members] = [queryList(query, 'api_key_ids'), queryList(query, 'user_ids')]
  const models = queryList(query, 'models') ?? queryList(query, 'line_items')
  return {
    ...(workspaces !== undefined && { workspaces }),
    ...(keys !== undefined && { keys }),
    ...(models !== undefined && { models }),
    ...(members !== undefined && { members }),
    ...(query.batch !== undefined && { class: isTrue(query.batch) ? ('batch' as const) : ('interactive' as const) }),
  }
}

const dimensionByGroup: Readonly<Record<string, Dimension>> = {
  project_id: 'workspace',
  user_id: 'member',
  api_key_id: 'key',
  model: 'model',
  line_item: 'model',
  batch: 'class',
}

/** There is one service tier and one source here, so those two tell nothing apart. */
function dimensionsOf(groups: readonly string[]): readonly Dimension[] {
  return [...new Set(groups.flatMap((group) => dimensionByGroup[group] ?? []))]
}

function whoOf({ group }: UsageSum) {
  return {
    project_id: group.workspace ?? null,
    user_id: group.member ?? null,
    api_key_id: group.key ?? null,
    model: group.model ?? null,
  }
}

function completionsResult(sum: UsageSum, groups: readonly string[]): ReportResult {
  const { promptTokens, cachedTokens, completionTokens, requests, group } = sum
  return {
    object: 'organization.usage.completions.result',
    input_tokens: promptTokens,
    input_cached_tokens: cachedTokens,
    input_uncached_tokens: promptTokens - cachedTokens,
    input_text_tokens: promptTokens - cachedTokens,
    input_cached_text_tokens: cachedTokens,
    ...{ input_audio_tokens: 0, input_image_tokens: 0 },
    output_tokens: completionTokens,
    output_text_tokens: completionTokens,
    ...{ output_audio_tokens: 0, output_image_tokens: 0 },
    num_model_requests: requests,
    ...whoOf(sum),
    batch: group.class === undefined ? null : group.class === 'batch',
    service_tier: groups.includes('service_tier') ? 'default' : null,
    api_source: groups.includes('api_source') ? 'unlabeled' : null,
  }
}

function costsResult(sum: UsageSum, groups: readonly string[]): ReportResult {
  const { model, ...who } = whoOf(sum)
  const itemised = groups.includes('line_item')
  return {
    object: 'organization.costs.result',
    amount: { value: sum.cost / nanoPerUnit, currency: sum.currency.toLowerCase() },
    line_item: model,
    ...who,
    quantity: itemised ? sum.promptTokens + sum.completionTokens : null,
    quantity_unit: itemised ? 'tokens' : null,
    api_source: groups.includes('api_source') ? 'unlabeled' : null,
  }
}
