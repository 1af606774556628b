// Shares in the database. What has ended is as if it were not there, and goes when the next one is made.
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'

/** What is to be shared. `content` is JSON text, `lifeMs` how long it may be opened. */
export interface NewShare {
  readonly workspace: string
  readonly owner: string
  readonly title: string
  readonly content: string
  readonly lifeMs: number
}

/** The queries on shares. */
export interface ShareStore {
  create(share: NewShare): Promise<Row<'shares'>>
  /** One that can still be opened, of whatever workspace. */
  find(id: string): Promise<Row<'shares'> | undefined>
  /** Those of a workspace that can still be opened, the newest first, without their content; `after` is an id. */
  list(
    workspace: string,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<readonly Omit<Row<'shares'>, 'content'>[]>
  remove(id: string): Promise<void>
}

/** The store over an open database. */
export function shareStore({ query }: Pick<Database, 'query'>, clock: Clock): ShareStore {
  return {
    async create({ lifeMs, ...share }) {
      const now = clock.now()
      const row = { id: newId('share', clock), ...share, created_at: now, expires_at: now + lifeMs }
      await query.deleteFrom('shares').where('expires_at', '<=', now).execute()
      await query.insertInto('shares').values(row).execute()
      return row
    },
    find: (id) =>
      query
        .selectFrom('shares')
        .selectAll()
        .where('id', '=', id)
        .where('expires_at', '>', clock.now())
        .executeTakeFirst(),
    async list(workspace, { after, limit }) {
      let selected = query
        .selectFrom('shares')
        .select(['id', 'workspace', 'owner', 'title', 'created_at', 'expires_at'])
        .where('workspace', '=', workspace)
        .where('expires_at', '>', clock.now())
        // Ids begin with the time they were made at.
        .orderBy('id', 'desc')
        .limit(limit)
      if (after !== undefined) selected = selected.where('id', '<', after)
      return await selected.execute()
    },
    async remove(id) {
      await query.deleteFrom('shares').where('id', '=', id).execute()
    },
  }
}
