// The table of lines: which wait, which are settled. A line is settled once, whoever comes late.
import type { Database } from '../../database/connect.ts'
import type { NewRow, Row } from '../../database/tables.ts'
import { costOfRequests, isCountedWhole } from '../usage/request-cost.ts'

/** A line as it lies in its table. */
export type LineRow = Row<'batch_lines'>

/** What a line's answer has used. */
export interface LineUsage {
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly reasoning: number
}

/** How a line ended. */
export interface Settled {
  readonly state: 'succeeded' | 'failed'
  /** JSON: its line in the results. */
  readonly output: string
  /** What went wrong. */
  readonly error: string | null
  readonly usage: LineUsage
  /** Ids of all attempts, which usage counts by. */
  readonly requestIds: readonly string[]
}

/** Reads and writes the table of lines. */
export interface LineStore {
  /** Lines that wait and are not among `taken`, those that begin alike together. */
  waiting(batch: string, taken: ReadonlySet<number>, limit: number): Promise<LineRow[]>
  /** Whether any line waits. */
  anyWaiting(batch: string): Promise<boolean>
  /** Which of these ids the batch has already, with their lines. */
  known(batch: string, customIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  insert(rows: readonly NewRow<'batch_lines'>[]): Promise<void>
  /**
   * Counts an attempt that failed, unless its request is counted whole already: its first run was, and the server was killed before the line
   * was settled. The next run then keeps the id, so that the money is counted once. Says whether the next one has another id.
   */
  countAttempt(batch: string, number: number, requestId: string): Promise<boolean>
  /** Writes a line's end and the batch's counts in one transaction; false where it had ended before. */
  settle(batch: string, number: number, settled: Settled): Promise<boolean>
  /** Lines in the order of the input after `number`, of one kind: those that succeeded, or all others. */
  page(batch: string, kind: 'succeeded' | 'others', after: number, limit: number): Promise<LineRow[]>
  /** What went wrong and how often, the most frequent first. */
  tally(batch: string, limit: number): Promise<readonly { readonly message: string; readonly count: number }[]>
}

/** The store over a database. */
export function lineStore({ query }: Pick<Database, 'query'>): LineStore {
  const of = (batch: string) => query.selectFrom('batch_lines').where('batch', '=', batch)
  return {
    waiting(batch, taken, limit) {
      const waiting = of(batch)
        .selectAll()
        .where('state', '=', 'waiting')
        .orderBy('rank')
        .orderBy('number')
        .limit(limit)
      return (taken.size === 0 ? waiting : waiting.where('number', 'not in', [...taken])).execute()
    },
    async anyWaiting(batch) {
      return (await of(batch).select('number').where('state', '=', 'waiting').limit(1).executeTakeFirst()) !== undefined
    },
    async known(batch, customIds) {
      const rows = await of(batch).select(['custom_id', 'number']).where('custom_id', 'in', customIds).execute()
      return new Map(rows.map(({ custom_id, number }) => [custom_id ?? '', number]))
    },
    async insert(rows) {
      await query.insertInto('batch_lines').values(rows).execute()
    },
    async countAttempt(batch, number, requestId) {
      if (await isCountedWhole(query, requestId)) return false
      await query
        .updateTable('batch_lines')
        .set(({ eb }) => ({ attempts: eb('attempts', '+', 1) }))
        .where('batch', '=', batch)
        .where('number', '=', number)
        .where('state', '=', 'waiting')
        .execute()
      return true
    },
    settle: (batch, number, settled) => settle(query, batch, number, settled),
    page: (batch, kind, after, limit) =>
      of(batch)
        .selectAll()
        .where('state', kind === 'succeeded' ? '=' : '!=', 'succeeded')
        .where('number', '>', after)
        .orderBy('number')
        .limit(limit)
        .execute(),
    async tally(batch, limit) {
      const rows = await of(batch)
        .select(({ fn }) => ['error as message', fn.countAll<number>().as('count')])
        .where('error', 'is not', null)
        .groupBy('error')
        .orderBy('count', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ message, count }) => ({ message: message ?? '', count: Number(count) }))
    },
  }
}

async function settle(query: Database['query'], batch: string, number: number, settled: Settled): Promise<boolean> {
  const { state, output, error, usage, requestIds } = settled
  const { cost, currency } = await costOfRequests(query, requestIds)
  return await query.transaction().execute(async (within) => {
    const { numUpdatedRows } = await within
      .updateTable('batch_lines')
      .set({ state, output, error })
      .where('batch', '=', batch)
      .where('number', '=', number)
      .where('state', '=', 'waiting')
      .executeTakeFirstOrThrow()
    if (numUpdatedRows === 0n) return false
    await within
      .updateTable('batches')
      .set(({ eb }) => ({
        [state]: eb(state, '+', 1),
        input_tokens: eb('input_tokens', '+', usage.input),
        cached_tokens: eb('cached_tokens', '+', usage.cached),
        output_tokens: eb('output_tokens', '+', usage.output),
        reasoning_tokens: eb('reasoning_tokens', '+', usage.reasoning),
        cost: eb('cost', '+', cost),
        ...(currency !== null && { currency }),
      }))
      .where('id', '=', batch)
      .execute()
    return true
  })
}
