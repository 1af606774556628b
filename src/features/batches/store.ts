// The table of batches. Knows how a batch stands, not how its lines are answered.
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { BatchStatus } from '../../database/file-tables.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { Paging } from '../../wire/paging.ts'

/** A batch as it lies in its table. */
export type BatchRow = Row<'batches'>

/** Statuses of batches that somebody still works on, or will. */
export const openStatuses = ['validating', 'in_progress', 'finalizing', 'cancelling'] as const

/** Whether nothing will happen to a batch any more. */
export function hasEnded({ status }: Pick<BatchRow, 'status'>): boolean {
  return !openStatuses.some((open) => open === status)
}

/** What a list of batches may be narrowed to. */
export interface BatchFilter {
  readonly model?: string
  readonly owner?: string
  readonly statuses?: readonly BatchStatus[]
  /** Milliseconds since 1970. */
  readonly createdAfter?: number
  readonly metadata?: Readonly<Record<string, string>>
  /** The oldest first. */
  readonly ascending?: boolean
}

/** Reads and writes the table of batches. */
export interface BatchStore {
  /** A batch of a workspace that is not about to go. */
  find(workspace: string, id: string): Promise<BatchRow | undefined>
  /** A batch as it is now, whoever's it is. */
  read(id: string): Promise<BatchRow | undefined>
  insert(within: Kysely<Tables>, row: BatchRow): Promise<void>
  list(workspace: string, filter: BatchFilter, paging: Paging): Promise<{ rows: BatchRow[]; total: number }>
  /** Changes a batch that is in one of the given statuses; false where it is not. */
  update(id: string, from: readonly BatchStatus[], change: Partial<BatchRow>, within?: Kysely<Tables>): Promise<boolean>
  /** Names a file of results of an open batch that has none of its kind yet; false where it has, or has ended. */
  nameResults(id: string, column: 'output_file' | 'error_file', file: string, within: Kysely<Tables>): Promise<boolean>
  /** Removes a batch that has ended, and its lines. */
  remove(id: string): Promise<void>
  /** Batches that are open although their job has failed for good. */
  abandoned(): Promise<readonly string[]>
  /** Batches that have ended and still have lines, or are to go. */
  leftovers(): Promise<readonly Pick<BatchRow, 'id' | 'deleted'>[]>
  /** Removes some lines of a batch; false when none was left. */
  removeLines(id: string): Promise<boolean>
}

// Small enough that a write never holds SQLite's lock for long.
const linesAtOnce = 2_000

/** The store over a database. */
export function batchStore({ query }: Pick<Database, 'query'>): BatchStore {
  const store: BatchStore = {
    find: (workspace, id) =>
      query
        .selectFrom('batches')
        .selectAll()
        .where('id', '=', id)
        .where('workspace', '=', workspace)
        .where('deleted', '=', 0)
        .executeTakeFirst(),
    read: (id) => query.selectFrom('batches').selectAll().where('id', '=', id).executeTakeFirst(),
    async insert(within, row) {
      await within.insertInto('batches').values(row).execute()
      const pairs = Object.entries(JSON.parse(row.metadata ?? '{}') as Record<string, string>)
      if (pairs.length === 0) return
      const values = pairs.map(([name, value]) => ({ batch: row.id, name, value }))
      await within.insertInto('batch_metadata').values(values).execute()
    },
    async list(workspace, filter, paging) {
      const own = query.selectFrom('batches').where('workspace', '=', workspace).where('deleted', '=', 0)
      const matching = filtered(own, filter)
      const ascending = filter.ascending === true
      const order = matching.selectAll().orderBy('id', ascending ? 'asc' : 'desc')
      let page = order.limit(paging.limit + 1).offset(paging.offset)
      if (paging.after !== undefined) page = page.where('id', ascending ? '>' : '<', paging.after)
      const rows = await page.execute()
      const { total } = await matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
      return { rows, total: Number(total) }
    },
    async update(id, from, change, within = query) {
      const update = within.updateTable('batches').set(change).where('id', '=', id).where('status', 'in', from)
      return (await update.executeTakeFirstOrThrow()).numUpdatedRows === 1n
    },
    async nameResults(id, column, file, within) {
      const update = within
        .updateTable('batches')
        .set({ [column]: file })
        .where('id', '=', id)
      const open = update.where('status', 'in', openStatuses).where(column, 'is', null)
      return (await open.executeTakeFirstOrThrow()).numUpdatedRows === 1n
    },
    async remove(id) {
      while (await store.removeLines(id));
      await query.deleteFrom('batch_metadata').where('batch', '=', id).execute()
      await query.deleteFrom('batches').where('id', '=', id).execute()
    },
    async abandoned() {
      const rows = await sql<{ id: string }>`
        select batches.id from batches join jobs on jobs.id = batches.job
        where batches.status in (${sql.join(openStatuses)}) and jobs.state = 'failed'`.execute(query)
      return rows.rows.map(({ id }) => id)
    },
    leftovers: () =>
      query
        .selectFrom('batches')
        .select(['id', 'deleted'])
        .where('status', 'not in', openStatuses)
        .where(({ or, eb, exists, selectFrom }) =>
          or([
            eb('deleted', '=', 1),
            exists(
              selectFrom('batch_lines').select('number').whereRef('batch_lines.batch', '=', 'batches.id').limit(1),
            ),
          ]),
        )
        .execute(),
    async removeLines(id) {
      const some = query.selectFrom('batch_lines').select('number').where('batch', '=', id).limit(linesAtOnce)
      const gone = await query
        .deleteFrom('batch_lines')
        .where('batch', '=', id)
        .where('number', 'in', some)
        .executeTakeFirstOrThrow()
      return gone.numDeletedRows > 0n
    },
  }
  return store
}

type Batches = SelectQueryBuilder<Tables, 'batches', object>

function filtered(batches: Batches, filter: BatchFilter): Batches {
  let result = batches
  if (filter.model !== undefined) result = result.where('model', '=', filter.model)
  if (filter.owner !== undefined) result = result.where('owner', '=', filter.owner)
  if (filter.statuses !== undefined) result = result.where('status', 'in', filter.statuses)
  if (filter.createdAfter !== undefined) result = result.where('created_at', '>', filter.createdAfter)
  for (const [name, value] of Object.entries(filter.metadata ?? {})) {
    result = result.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('batch_metadata')
          .select('name')
          .whereRef('batch_metadata.batch', '=', 'batches.id')
          .where('name', '=', name)
          .where('value', '=', value),
      ),
    )
  }
  return result
}
