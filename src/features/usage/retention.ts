// Deletes what has been kept long enough, workspace by workspace, once an hour on one node. Sums per day stay: they are the accounts.
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { UsageSettings } from './settings.ts'
import { sumWidths } from './store.ts'

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

async function deleteFineSums(query: Kysely<Tables>, before: number, workspace?: string): Promise<number> {
  let deleted = 0
  for (const width of [sumWidths.minute, sumWidths.hour]) {
    const deleting = query
      .deleteFrom('usage_sums')
      .where('width', '=', width)
      .where('start', '<', before - width)
    const own = workspace === undefined ? deleting : deleting.where('workspace', '=', workspace)
    deleted += Number((await own.executeTakeFirst()).numDeletedRows)
  }
  return deleted
}
