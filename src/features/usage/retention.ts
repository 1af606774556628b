// Deletes what has been kept long enough, workspace by workspace, once an hour on one node. Sums per day stay: they are the accounts.
import { setImmediate as turn } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { UsageSettings } from './settings.ts'
import { plusExcluded, sumAmounts, sumWidths, totalDimensions } from './store.ts'

const dayMs = 86_400_000

/** Sums per minute and hour are kept this long where a workspace says nothing else. */
export const fineSumDays = 100

/** Rows of one statement: a delete holds SQLite's only write lock for a few milliseconds. */
const piece = 1000

/** What was deleted. */
export interface Deleted {
  readonly rows: number
  readonly contents: number
  readonly sums: number
}

/** Deletes what is older than its workspace's rules allow. */
export async function deleteOld(
  query: Kysely<Tables>,
  settings: ReadonlyMap<string, Pick<UsageSettings, 'rowDays' | 'contentDays'>>,
  now: number,
  signal?: AbortSignal,
): Promise<Deleted> {
  const deleted = { rows: 0, contents: 0, sums: 0 }
  const repeat = async (name: keyof Deleted, run: () => Promise<{ numDeletedRows: bigint }>) => {
    for (let count = piece; count >= piece && signal?.aborted !== true; ) {
      count = Number((await run()).numDeletedRows)
      deleted[name] += count
      // SQLite's writes never wait: others must get a turn.
      await turn()
    }
  }
  for (const [workspace, { rowDays, contentDays }] of settings) {
    const contentAge = Math.min(contentDays ?? Number.POSITIVE_INFINITY, rowDays ?? Number.POSITIVE_INFINITY)
    if (Number.isFinite(contentAge)) {
      await repeat('contents', () => deleteFrom(query, 'usage_contents', workspace, now - contentAge * dayMs))
    }
    if (rowDays === null) continue
    await repeat('rows', () => deleteFrom(query, 'usage', workspace, now - rowDays * dayMs))
    deleted.sums += await deleteFineSums(query, now - rowDays * dayMs, workspace)
  }
  deleted.sums += await deleteFineSums(query, now - fineSumDays * dayMs)
  return deleted
}

function deleteFrom(query: Kysely<Tables>, table: 'usage' | 'usage_contents', workspace: string, before: number) {
  const old = query
    .selectFrom(table)
    .select('id')
    .where('workspace', '=', workspace)
    .where('at', '<', before)
    .orderBy('at')
    .limit(piece)
  return query.deleteFrom(table).where('id', 'in', old).executeTakeFirst()
}

/** Rows that old are gone, so that nobody moves these sums any more. Totals are without the workspace's part afterwards. */
async function deleteFineSums(query: Kysely<Tables>, before: number, workspace?: string): Promise<number> {
  let deleted = 0
  for (const width of [sumWidths.minute, sumWidths.hour]) {
    deleted += await query.transaction().execute(async (transaction) => {
      if (workspace === undefined) await old(transaction.deleteFrom('usage_totals'), width, before).execute()
      else await takeFromTotals(transaction, { workspace, width, before })
      const deleting = old(transaction.deleteFrom('usage_sums'), width, before)
      const own = workspace === undefined ? deleting : deleting.where('workspace', '=', workspace)
      return Number((await own.executeTakeFirst()).numDeletedRows)
    })
    await turn()
  }
  return deleted
}

function old<Query extends { where(column: 'width' | 'start', operator: '=' | '<', value: number): Query }>(
  query: Query,
  width: number,
  before: number,
): Query {
  return query.where('width', '=', width).where('start', '<', before - width)
}

async function takeFromTotals(
  transaction: Kysely<Tables>,
  { workspace, width, before }: { readonly workspace: string; readonly width: number; readonly before: number },
): Promise<void> {
  const dimensions = sql.raw(totalDimensions.join(', '))
  const taken = sql.raw(sumAmounts.map((name) => `cast(-sum(${name}) as bigint)`).join(', '))
  await sql`insert into usage_totals (${dimensions}, ${sql.raw(sumAmounts.join(', '))})
    select ${dimensions}, ${taken} from usage_sums
    where width = ${width} and start < ${before - width} and workspace = ${workspace} group by ${dimensions}
    on conflict (${dimensions}) do update set ${sql.raw(plusExcluded('usage_totals'))}`.execute(transaction)
}
