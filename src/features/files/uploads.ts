// Files that arrive in parts: parts are kept as they come, in any order, and joined when the caller says which and in what order.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Database } from '../../database/connect.ts'
import type { NewRow, Row, Tables } from '../../database/tables.ts'
import { detailsOf, isJsonl, mimeTypeOf } from './details.ts'
import type { Files } from './files.ts'
import { type FileRow, ownerOf, type Viewer } from './store.ts'

/** An upload as it lies in its table. */
export type UploadRow = Row<'uploads'>

/** What the caller says of a file to come. */
export type NewUpload = Pick<NewRow<'uploads'>, 'filename' | 'purpose' | 'mimetype' | 'bytes'> & {
  /** Milliseconds that the file will live; null: until it is deleted. */
  readonly file_expires_after: number | null
}

/** Uploads of all workspaces. */
export interface Uploads {
  create(viewer: Viewer, upload: NewUpload): Promise<UploadRow>
  /** Adds a part; gives its row. */
  addPart(viewer: Viewer, id: string, source: AsyncIterable<Buffer>): Promise<Row<'upload_parts'>>
  /** Joins the parts; gives the file. */
  complete(viewer: Viewer, id: string, parts: readonly string[], md5?: string): Promise<[UploadRow, FileRow]>
  cancel(viewer: Viewer, id: string): Promise<UploadRow>
  /** Drops the parts of uploads whose time is over, and those that ended uploads left. */
  dropExpired(): Promise<void>
}

// OpenAI's figures: a part holds 64 MB, an upload is open for an hour.
const largestPart = 64 * 1024 * 1024
const lifetime = 3_600_000

/** Uploads over the database and the files. */
export function createUploads(parts: {
  readonly database: Pick<Database, 'query'>
  readonly files: Files
  readonly clock: Clock
  /** Bytes of the largest file. */
  readonly limit: number
}): Uploads {
  const { database, files, clock, limit } = parts
  const { query } = database
  const find = async (viewer: Viewer, id: string): Promise<UploadRow> => {
    const own = query.selectFrom('uploads').selectAll().where('id', '=', id)
    const row = await own
      .where('workspace', '=', viewer.workspace)
      .where('owner', '=', ownerOf(viewer))
      .executeTakeFirst()
    if (row === undefined) throw fail('not_found', { what: 'upload', id: id.slice(0, 100), param: 'upload_id' })
    return row
  }
  const pending = async (viewer: Viewer, id: string): Promise<UploadRow> => {
    const row = await find(viewer, id)
    const status = statusOf(row, clock.now())
    if (status !== 'pending') throw fail('invalid_value', { param: 'upload_id', reason: `the upload is ${status}` })
    return row
  }
  const partsOf = (id: string) => query.selectFrom('upload_parts').selectAll().where('upload', '=', id)

  /** Ends an upload that is pending; says whether it was. */
  const end = async (within: Kysely<Tables>, id: string, change: Pick<UploadRow, 'status' | 'file'>) => {
    const update = within.updateTable('uploads').set(change).where('id', '=', id).where('status', '=', 'pending')
    return (await update.executeTakeFirstOrThrow()).numUpdatedRows === 1n
  }
  const dropParts = async (within: Kysely<Tables>, id: string) => {
    const gone = await within.deleteFrom('upload_parts').where('upload', '=', id).returning('content').execute()
    return gone.map(({ content }) => content)
  }
  const giveUp = (id: string, status: 'cancelled' | 'expired') =>
    files.drop(async (within) => ((await end(within, id, { status, file: null })) ? await dropParts(within, id) : []))

  return {
    async create(viewer, upload) {
      if (upload.bytes > limit) throw fail('file_too_large', { limit, setting: 'upload-limit', param: 'bytes' })
      await files.checkRoom(viewer.workspace, upload.bytes)
      const now = clock.now()
      const row: UploadRow = {
        ...upload,
        id: newId('upload', clock),
        workspace: viewer.workspace,
        owner: ownerOf(viewer),
        status: 'pending',
        file: null,
        created_at: now,
        expires_at: now + lifetime,
      }
      await query.insertInto('uploads').values(row).execute()
      return row
    },
    async addPart(viewer, id, source) {
      const upload = await pending(viewer, id)
      const spooled = await files.spool(source, { bytes: largestPart, setting: 'nothing: a part holds 64 MiB; more' })
      const { bytes } = spooled
      let part: Row<'upload_parts'> | undefined
      await files.keepBytes(spooled, async (within, content) => {
        part = { id: newId('part', clock), upload: id, bytes, content, created_at: clock.now() }
        await within.insertInto('upload_parts').values(part).execute()
        const { held } = await within
          .selectFrom('upload_parts')
          .select(({ fn }) => fn.sum<number>('bytes').as('held'))
          .where('upload', '=', id)
          .executeTakeFirstOrThrow()
        // Parts that will never fit are refused as they come, so that nobody fills the disk with them.
        if (Number(held) > 2 * Math.max(upload.bytes, largestPart)) {
          const reason = `with this part the upload holds ${held} bytes, and ${upload.bytes} were announced`
          throw fail('invalid_value', { param: 'data', reason })
        }
      })
      if (part === undefined) throw new Error('the content was kept and the part was not')
      return part
    },
    async complete(viewer, id, order, md5) {
      const upload = await pending(viewer, id)
      const there = new Map((await partsOf(id).execute()).map((part) => [part.id, part]))
      const chosen = order.map((partId, index) => {
        const part = there.get(partId)
        there.delete(partId)
        if (part !== undefined) return part
        throw fail('invalid_value', {
          param: `part_ids[${index}]`,
          reason: 'this upload has no such part, or it was named before',
        })
      })
      const sum = chosen.reduce((total, { bytes }) => total + bytes, 0)
      if (sum !== upload.bytes) {
        const reason = `the parts hold ${sum} bytes, and ${upload.bytes} were announced`
        throw fail('invalid_value', { param: 'part_ids', reason })
      }
      const details = detailsOf(
        viewer,
        { ...upload, mimetype: mimeTypeOf(upload.filename, upload.mimetype) },
        clock.now(),
      )
      const line = isJsonl(upload.purpose) ? { line: files.longestLine } : {}
      const spooled = await files.spool(joined(files, chosen), { bytes: limit, setting: 'upload-limit', ...line })
      if (md5 !== undefined && md5.toLowerCase() !== spooled.md5) {
        await spooled.discard()
        throw fail('invalid_value', { param: 'md5', reason: `the parts joined have the MD5 ${spooled.md5}` })
      }
      const file = await files.keep(spooled, details, async (within, made) => {
        if (await end(within, id, { status: 'completed', file: made.id })) return
        throw fail('invalid_value', { param: 'upload_id', reason: 'the upload was ended by another request' })
      })
      // The file is there: parts that stay behind are the sweep's.
      await files.drop((within) => dropParts(within, id)).catch(() => {})
      return [{ ...upload, status: 'completed', file: file.id }, file]
    },
    async cancel(viewer, id) {
      await pending(viewer, id)
      await giveUp(id, 'cancelled')
      const ended = await find(viewer, id)
      if (ended.status === 'cancelled') return ended
      throw fail('invalid_value', { param: 'upload_id', reason: `the upload is ${ended.status}` })
    },
    async dropExpired() {
      const over = query.selectFrom('uploads').select('id').where('status', '=', 'pending')
      const rows = await over.where('expires_at', '<=', clock.now()).limit(100).execute()
      for (const { id } of rows) await giveUp(id, 'expired')
      // A process that died after the file was kept left its parts.
      const ended = query
        .selectFrom('upload_parts')
        .innerJoin('uploads', 'uploads.id', 'upload_parts.upload')
        .select('upload_parts.upload as id')
        .where('uploads.status', '!=', 'pending')
        .distinct()
      for (const { id } of await ended.limit(100).execute()) await files.drop((within) => dropParts(within, id))
    },
  }
}

/** How an upload stands; one whose time is over is expired before the sweep comes by. */
export function statusOf({ status, expires_at }: UploadRow, now: number): UploadRow['status'] {
  return status === 'pending' && expires_at <= now ? 'expired' : status
}

async function* joined(files: Files, parts: readonly Row<'upload_parts'>[]): AsyncGenerator<Buffer> {
  for (const { content, bytes } of parts) if (bytes > 0) yield* (await files.read(content)) as AsyncIterable<Buffer>
}
