// Usage in the database: rows and their sums, written together, each call once. Knows no buffer and no report.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { NewRow, Tables } from '../../database/tables.ts'
import { keepPrices } from '../prices/store.ts'
import type { UsageRecord, UsageRow } from './row.ts'

/** Spans that usage is summed over, in milliseconds: a minute, an hour, a day in UTC. Reports read these and never the rows. */
export const sumWidths = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/**
 * Writes the records and their sums in one transaction. A call that is there already changes nothing, but a counted one takes the place of
 * an estimate: its node was only asleep. Resolves once all is committed.
 */
export async function writeUsage({ query }: Pick<Database, 'query'>, records: readonly UsageRecord[]): Promise<void> {
  const prices = new Map(records.flatMap(({ row: { price } }) => (price === null ? [] : [[price.id, price] as const])))
  const unique = [...new Map(records.map((record) => [record.row.id, record])).values()]
  await query.transaction().execute(async (transaction) => {
    await keepPrices(
      transaction,
      [...prices.values()].sort((one, other) => (one.id < other.id ? -1 : 1)),
    )
    const added = await insertRows(
      transaction,
      unique.map(({ row }) => row),
    )
    const fresh = unique.filter(({ row }) => added.has(row.id))
    const seen = unique.filter(({ row }) => !added.has(row.id) && (row.ranOn !== null || !row.estimated))
    const counted = seen.map(({ row }) => columnsOf(row))
    const parts = fresh.map(({ row }) => ({ row: columnsOf(row), sign: 1 }) as const)
    const moved = counted.length === 0 ? [] : await replaceEstimates(transaction, counted)
    await addToSums(transaction, [...parts, ...moved])
    await insertContents(transaction, fresh)
  })
}

/** Puts rows of calls that were seen in the place of those of reservations, which ran nowhere; how the sums move by that. */
async function replaceEstimates(
  transaction: Kysely<Tables>,
  counted: readonly NewRow<'usage'>[],
): Promise<readonly SumPart[]> {
  const parts: SumPart[] = []
  for (const row of counted) {
    const old = await transaction
      .selectFrom('usage')
      .selectAll()
      .where('id', '=', row.id)
      .where('estimated', '=', 1)
      .where('ran_on', 'is', null)
      .executeTakeFirst()
    if (old === undefined) continue
    const { numUpdatedRows } = await transaction
      .updateTable('usage')
      .set(row)
      .where('id', '=', row.id)
      .where('estimated', '=', 1)
      .where('ran_on', 'is', null)
      .executeTakeFirst()
    if (numUpdatedRows === 1n) parts.push({ row: old, sign: -1 }, { row, sign: 1 })
  }
  return parts
}

/** Ids of those that were not there. */
async function insertRows(transaction: Kysely<Tables>, rows: readonly UsageRow[]): Promise<ReadonlySet<string>> {
  const added = new Set<string>()
  for (const some of pieces(rows)) {
    const inserted = await transaction
      .insertInto('usage')
      .values(some.map(columnsOf))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .execute()
    for (const { id } of inserted) added.add(id)
  }
  return added
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

const dimensions = [
  'width',
  'start',
  'workspace',
  'key_id',
  'model',
  'provider',
  'operation',
  'class',
  'currency',
] as const
const amounts = [
  ...(['requests', 'errors', 'estimated', 'prompt_tokens', 'cached_tokens', 'completion_tokens'] as const),
  ...(['reasoning_tokens', 'cost', 'duration_ms', 'queue_ms', 'first_token_ms', 'first_tokens'] as const),
]

/** A row that goes into the sums, or out of them. */
export interface SumPart {
  readonly row: NewRow<'usage'>
  readonly sign: 1 | -1
}

/** Moves the sums of all widths by these rows, within the transaction that writes the rows. */
export async function addToSums(transaction: Kysely<Tables>, parts: readonly SumPart[]): Promise<void> {
  for (const some of pieces(sumsOf(parts))) {
    await transaction
      .insertInto('usage_sums')
      .values([...some])
      .onConflict((conflict) =>
        conflict.columns([...dimensions]).doUpdateSet(({ eb, ref }) => {
          const plus = (name: (typeof amounts)[number]) => eb(`usage_sums.${name}`, '+', ref(`excluded.${name}`))
          return Object.fromEntries(amounts.map((name) => [name, plus(name)]))
        }),
      )
      .execute()
  }
}

/** One entry per sum, in the order of their keys: transactions that lock in one order cannot deadlock. */
function sumsOf(parts: readonly SumPart[]): readonly Sum[] {
  const sums = new Map<string, Sum>()
  for (const part of parts) {
    for (const width of Object.values(sumWidths)) {
      const one = sumOf(part, width)
      const key = dimensions.map((name) => one[name]).join('\n')
      const sum = sums.get(key)
      if (sum === undefined) sums.set(key, one)
      else for (const name of amounts) sum[name] += one[name]
    }
  }
  return [...sums.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum)
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

/** Rows of one statement at most: a row has 26 values, and SQLite takes 32,766 in a statement, PostgreSQL 65,535. */
const largestPiece = 512

/** Cuts a list into pieces whose lengths are powers of two, so that statements have few shapes and stay prepared. */
function* pieces<Item>(items: readonly Item[]): Generator<readonly Item[], void> {
  for (let from = 0; from < items.length; ) {
    const left = items.length - from
    const length = Math.min(largestPiece, 2 ** Math.floor(Math.log2(left)))
    yield items.slice(from, from + length)
    from += length
  }
}
