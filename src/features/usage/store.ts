// Usage in the database: rows and their sums, written together, each call once. Knows no buffer and no report.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import { forUpdate } from '../../database/dialect.ts'
import { insertMany } from '../../database/insert-many.ts'
import type { NewRow, Tables } from '../../database/tables.ts'
import { keepPrices } from '../prices/store.ts'
import type { UsageRecord, UsageRow } from './row.ts'

/** Spans that usage is summed over, in milliseconds: a minute, an hour, a day in UTC. Reports read these and never the rows. */
export const sumWidths = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/**
 * Writes the records and their sums in one transaction. A call that is there already changes nothing, but a counted one takes the place of
 * an estimate: its node was only asleep. Resolves once all is committed.
 */
export async function writeUsage(
  { query, dialect }: Pick<Database, 'query' | 'dialect'>,
  records: readonly UsageRecord[],
): Promise<void> {
  const prices = new Map(records.flatMap(({ row: { price } }) => (price === null ? [] : [[price.id, price] as const])))
  const unique = [...new Map(records.map((record) => [record.row.id, record])).values()]
  await query.transaction().execute(async (transaction) => {
    await keepPrices(
      transaction,
      [...prices.values()].sort((one, other) => (one.id < other.id ? -1 : 1)),
    )
    const added = await insertRows(
      dialect,
      transaction,
      unique.map(({ row }) => row),
    )
    const fresh = unique.filter(({ row }) => added.has(row.id))
    const seen = unique.filter(({ row }) => !added.has(row.id) && (row.ranOn !== null || !row.estimated))
    const counted = seen.map(({ row }) => columnsOf(row))
    const parts = fresh.map(({ row }) => ({ row: columnsOf(row), sign: 1 }) as const)
    const moved = counted.length === 0 ? [] : await replaceEstimates(dialect, transaction, counted)
    await addToSums(dialect, transaction, [...parts, ...moved])
    await insertContents(transaction, fresh)
  })
}

/** Puts rows of calls that were seen in the place of those of reservations, which ran nowhere; how the sums move by that. */
async function replaceEstimates(
  dialect: Database['dialect'],
  transaction: Kysely<Tables>,
  counted: readonly NewRow<'usage'>[],
): Promise<readonly SumPart[]> {
  const parts: SumPart[] = []
  for (const row of counted) {
    const reading = transaction
      .selectFrom('usage')
      .selectAll()
      .where('id', '=', row.id)
      .where('estimated', '=', 1)
      .where('ran_on', 'is', null)
    // Whoever computes costs again must not change what is taken out of the sums here.
    const old = await forUpdate(dialect, reading).executeTakeFirst()
    if (old === undefined) continue
    await transaction.updateTable('usage').set(row).where('id', '=', row.id).execute()
    parts.push({ row: old, sign: -1 }, { row, sign: 1 })
  }
  return parts
}

const rowInsertion = {
  table: 'usage',
  columns: [
    ...(['id', 'request_id', 'at', 'workspace', 'key_id', 'operation', 'class', 'model', 'provider'] as const),
    ...(['currency', 'status', 'member', 'end_user', 'digest', 'ran_on', 'price', 'finish_reason'] as const),
    ...(['prompt_tokens', 'cached_tokens', 'completion_tokens', 'reasoning_tokens', 'cost'] as const),
    ...(['duration_ms', 'queue_ms', 'first_token_ms', 'estimated'] as const),
  ],
  rest: 'on conflict (id) do nothing returning id',
} as const

/** Ids of those that were not there. */
async function insertRows(
  dialect: Database['dialect'],
  transaction: Kysely<Tables>,
  rows: readonly UsageRow[],
): Promise<ReadonlySet<string>> {
  const columns = rows.map((row) => ({ ...columnsOf(row) }))
  const inserted = await insertMany<'usage', { readonly id: string }>(transaction, dialect, rowInsertion, columns)
  return new Set(inserted.map(({ id }) => id))
}

function columnsOf(row: UsageRow): NewRow<'usage'> {
  const { id, at, workspace, operation, model, provider, currency, status, member, digest, cost } = row
  return {
    ...{ id, at, workspace, operation, model, provider, currency, status, member, digest, cost },
    request_id: row.requestId,
    key_id: row.key,
    class: row.class,
    end_user: row.endUser,
    ran_on: row.ranOn,
    price: row.price?.id ?? null,
    finish_reason: row.finishReason,
    prompt_tokens: row.promptTokens,
    cached_tokens: row.cachedTokens,
    completion_tokens: row.completionTokens,
    reasoning_tokens: row.reasoningTokens,
    duration_ms: row.durationMs,
    queue_ms: row.queueMs,
    first_token_ms: row.firstTokenMs,
    estimated: row.estimated ? 1 : 0,
  }
}

type Sum = NewRow<'usage_sums'>

/** What sums add up. */
export const sumAmounts = [
  ...(['requests', 'errors', 'estimated', 'prompt_tokens', 'cached_tokens', 'completion_tokens'] as const),
  ...(['reasoning_tokens', 'cost', 'duration_ms', 'queue_ms', 'first_token_ms', 'first_tokens'] as const),
]

/** What totals tell apart. */
export const totalDimensions = ['width', 'start', 'model', 'provider', 'operation', 'class', 'currency'] as const
const sumDimensions = [...totalDimensions, 'workspace', 'key_id'] as const

const sumInsertion = {
  table: 'usage_sums',
  columns: [...sumDimensions, ...sumAmounts],
  rest: `on conflict (${sumDimensions.join(', ')}) do update set ${plusExcluded('usage_sums')}`,
} as const

const totalInsertion = {
  table: 'usage_totals',
  columns: [...totalDimensions, ...sumAmounts],
  rest: `on conflict (${totalDimensions.join(', ')}) do update set ${plusExcluded('usage_totals')}`,
} as const

/** The update of a sum that is there, in SQL: what comes is added. */
export function plusExcluded(table: 'usage_sums' | 'usage_totals'): string {
  return sumAmounts.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ')
}

/** A row that goes into the sums, or out of them. */
export interface SumPart {
  readonly row: NewRow<'usage'>
  readonly sign: 1 | -1
}

/** Moves the sums of all widths by these rows, within the transaction that writes the rows. */
export async function addToSums(
  dialect: Database['dialect'],
  transaction: Kysely<Tables>,
  parts: readonly SumPart[],
): Promise<void> {
  const sums = parts.flatMap((part) => Object.values(sumWidths).map((width) => sumOf(part, width)))
  await insertMany(transaction, dialect, sumInsertion, gathered(sums, sumDimensions))
  await insertMany(transaction, dialect, totalInsertion, gathered(sums, totalDimensions))
}

/** One entry per sum, in the order of their keys: transactions that lock in one order cannot deadlock. */
function gathered(parts: readonly Sum[], dimensions: readonly (keyof Sum)[]): readonly { [column: string]: unknown }[] {
  const sums = new Map<string, Sum>()
  for (const part of parts) {
    const key = dimensions.map((name) => part[name]).join('\n')
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { ...part })
    else for (const name of sumAmounts) sum[name] += part[name]
  }
  return [...sums.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => ({ ...sum }))
}

function sumOf({ row, sign }: SumPart, width: number): Sum {
  const { workspace, key_id, model, provider, operation, currency, first_token_ms } = row
  const ended = row.status === 'ok' || row.status === 'abandoned'
  return {
    ...{ width, start: row.at - (row.at % width), workspace, key_id, model, provider, operation, currency },
    class: row.class,
    requests: sign,
    errors: ended ? 0 : sign,
    estimated: sign * row.estimated,
    prompt_tokens: sign * row.prompt_tokens,
    cached_tokens: sign * row.cached_tokens,
    completion_tokens: sign * row.completion_tokens,
    reasoning_tokens: sign * row.reasoning_tokens,
    cost: sign * row.cost,
    duration_ms: sign * row.duration_ms,
    queue_ms: sign * (row.queue_ms ?? 0),
    first_token_ms: sign * (first_token_ms ?? 0),
    first_tokens: first_token_ms === null || first_token_ms === undefined ? 0 : sign,
  }
}

async function insertContents(transaction: Kysely<Tables>, records: readonly UsageRecord[]): Promise<void> {
  for (const { row, content } of records) {
    if (content === undefined) continue
    const { id, workspace, at } = row
    await transaction
      .insertInto('usage_contents')
      .values({ id, workspace, at, ...content })
      .execute()
  }
}
