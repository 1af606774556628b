// The tables of files and of what they name. A content counts its uses in the transaction of whoever begins or ends to use it.
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Database } from '../../database/connect.ts'
import { lockTable } from '../../database/dialect.ts'
import type { NewRow, Row, Tables } from '../../database/tables.ts'
import type { FileQuery } from '../../wire/files.ts'
import { asList, type Paging } from '../../wire/paging.ts'

/** A file as it lies in its table. */
export type FileRow = Row<'files'>

/** Who may see what: a workspace's files, without those that somebody else in it keeps to himself. */
export interface Viewer {
  readonly workspace: string
  /** Id of the key. */
  readonly id: string
  /** Id of the person, where there is one behind the key. */
  readonly user?: string
}

/** Whose the files are that a viewer makes: a person's, whichever key was used, else the key's. */
export const ownerOf = ({ id, user }: Viewer): string => user ?? id

/** Bytes that are about to be named. */
export interface NewContent {
  readonly key: string
  readonly hash: string
  readonly bytes: number
}

/** Writes what names a content. */
export type ContentWrite = (within: Kysely<Tables>, key: string) => Promise<void>

/** Reads and writes the tables of files. */
export interface FileStore {
  /** Runs `write` in one transaction with one more use of equal bytes; false, and nothing written, where there are none. */
  useKnown(hash: string, write: ContentWrite): Promise<boolean>
  /** The same for bytes that were put under a new key. Gives the key that counts: another's, who was faster with equal bytes. */
  useNew(content: NewContent, now: number, write: ContentWrite): Promise<string>
  /** Runs `write`, which tells the contents that are used once less; gives the keys that nobody uses any more, whose bytes can go. */
  release(write: (within: Kysely<Tables>) => Promise<readonly string[]>): Promise<readonly string[]>
  /** A file that the viewer may see and that has not expired. */
  find(viewer: Viewer, id: string, now: number): Promise<FileRow | undefined>
  /** Any file that has not expired, for signed addresses. */
  findSigned(id: string, now: number): Promise<FileRow | undefined>
  /** A page and one more, and how many there are in all. */
  list(viewer: Viewer, query: FileQuery, paging: Paging, now: number): Promise<{ rows: FileRow[]; total: number }>
  /** Ids of some files whose time is over. */
  expired(now: number, limit: number): Promise<readonly string[]>
  /** Bytes of all files of a workspace; `within` a transaction, no other one adds to them until it ends. */
  bytesOf(workspace: string, within?: Kysely<Tables>): Promise<number>
  /** Whether a content is named. */
  isKnown(key: string): Promise<boolean>
}

/** The store over a database. */
export function fileStore({ query, dialect }: Pick<Database, 'query' | 'dialect'>): FileStore {
  const living = (now: number) =>
    query.selectFrom('files').where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
  const visible = (viewer: Viewer, now: number) =>
    living(now)
      .where('workspace', '=', viewer.workspace)
      .where(({ or, eb }) => or([eb('visibility', '=', 'workspace'), eb('owner', '=', ownerOf(viewer))]))
  return {
    useKnown: (hash, write) =>
      query.transaction().execute(async (within) => {
        const known = await within
          .updateTable('contents')
          .set(({ eb }) => ({ uses: eb('uses', '+', 1) }))
          .where('hash', '=', hash)
          .returning('key')
          .executeTakeFirst()
        if (known !== undefined) await write(within, known.key)
        return known !== undefined
      }),
    useNew: (content, now, write) =>
      query.transaction().execute(async (within) => {
        const key = await countUse(within, content, now)
        await write(within, key)
        return key
      }),
    release: (write) => query.transaction().execute(async (within) => await dropUses(within, await write(within))),
    find: (viewer, id, now) => visible(viewer, now).selectAll().where('id', '=', id).executeTakeFirst(),
    findSigned: (id, now) => living(now).selectAll().where('id', '=', id).executeTakeFirst(),
    async list(viewer, asked, paging, now) {
      const matching = filtered(visible(viewer, now), asked)
      const descending = asked.order !== 'asc'
      let page = matching
        .selectAll()
        .orderBy('id', descending ? 'desc' : 'asc')
        .limit(paging.limit + 1)
        .offset(paging.offset)
      if (paging.after !== undefined) page = page.where('id', descending ? '<' : '>', paging.after)
      const rows = await page.execute()
      const counted = await matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
      return { rows, total: Number(counted.total) }
    },
    async expired(now, limit) {
      const rows = await query.selectFrom('files').select('id').where('expires_at', '<=', now).limit(limit).execute()
      return rows.map(({ id }) => id)
    },
    async bytesOf(workspace, within) {
      if (within !== undefined) await lockTable(dialect, within, 'files')
      const sum = await (within ?? query)
        .selectFrom('files')
        .select(sql<number>`cast(coalesce(sum(bytes), 0) as bigint)`.as('bytes'))
        .where('workspace', '=', workspace)
        .executeTakeFirstOrThrow()
      return Number(sum.bytes)
    },
    async isKnown(key) {
      const row = await query.selectFrom('contents').select('key').where('key', '=', key).executeTakeFirst()
      return row !== undefined
    },
  }
}

async function countUse(within: Kysely<Tables>, content: NewContent, now: number): Promise<string> {
  const { key } = await within
    .insertInto('contents')
    .values({ ...content, uses: 1, created_at: now })
    .onConflict((conflict) =>
      conflict.column('hash').doUpdateSet(({ ref }) => ({ uses: sql<number>`${ref('contents.uses')} + 1` })),
    )
    .returning('key')
    .executeTakeFirstOrThrow()
  return key
}

/** Whoever comes while the row is locked finds it gone afterwards, and inserts it anew under another key. */
async function dropUses(within: Kysely<Tables>, keys: readonly string[]): Promise<readonly string[]> {
  const unused: string[] = []
  for (const key of keys) {
    const { uses } = await within
      .updateTable('contents')
      .set(({ eb }) => ({ uses: eb('uses', '-', 1) }))
      .where('key', '=', key)
      .returning('uses')
      .executeTakeFirstOrThrow()
    if (uses > 0) continue
    await within.deleteFrom('contents').where('key', '=', key).execute()
    unused.push(key)
  }
  return unused
}

type Visible = SelectQueryBuilder<Tables, 'files', object>

function filtered(files: Visible, asked: FileQuery): Visible {
  const [samples, sources, types] = [asList(asked.sample_type), asList(asked.source), asList(asked.mimetypes)]
  let result = files
  if (asked.purpose !== undefined) result = result.where('purpose', '=', asked.purpose)
  if (samples.length > 0) result = result.where('sample_type', 'in', samples)
  if (sources.length > 0) result = result.where('source', 'in', sources)
  if (types.length > 0) result = result.where('mimetype', 'in', types)
  if (asked.search !== undefined) {
    const pattern = `%${asked.search.replace(/[\\%_]/g, '\\$&')}%`
    // Both sides in the database's own small letters: SQLite's leave all but ASCII as it is.
    const named = sql<boolean>`lower(filename) like lower(${pattern}) escape '\\'`
    result = result.where(({ or, eb }) => or([named, eb('id', '=', asked.search ?? '')]))
  }
  return result
}

/** What a new file's row is made of. */
export type NewFile = NewRow<'files'>
