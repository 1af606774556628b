// What can be done with files: taking a stream, keeping it under a name, reading it, dropping it. Knows no HTTP.
import type { Readable } from 'node:stream'
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { Failure, fail } from '../../base/errors.ts'
import { newId, shortId } from '../../base/ids.ts'
import type { Tables } from '../../database/tables.ts'
import type { ByteRange, Contents } from './contents.ts'
import { type Spooled, type SpoolLimits, spool } from './spool.ts'
import type { ContentWrite, FileRow, FileStore, NewFile, Viewer } from './store.ts'

/** What is said of a file that is kept. */
export type FileDetails = Pick<
  NewFile,
  'workspace' | 'owner' | 'filename' | 'purpose' | 'sample_type' | 'source' | 'visibility' | 'mimetype'
> & {
  /** Milliseconds since 1970; null: until it is deleted. */
  readonly expires_at: number | null
}

/** The files of all workspaces. */
export interface Files {
  readonly store: FileStore
  /** The longest line that JSONL may have, in bytes. */
  readonly longestLine: number
  /** Takes a stream to disk, within limits. */
  spool(source: AsyncIterable<Buffer | Uint8Array>, limits: SpoolLimits): Promise<Spooled>
  /** Keeps bytes that `write` names in its transaction. The spooled file is gone afterwards, whatever happens. */
  keepBytes(spooled: Spooled, write: ContentWrite): Promise<void>
  /** Throws `storage_quota_exceeded` where so many bytes more have no room in the workspace. */
  checkRoom(workspace: string, bytes: number): Promise<void>
  /** Keeps a file; `also` writes in the same transaction. Throws `storage_quota_exceeded`, but never for what the server made itself. */
  keep(
    spooled: Spooled,
    details: FileDetails,
    also?: (within: Kysely<Tables>, file: FileRow) => Promise<void>,
  ): Promise<FileRow>
  /** The bytes under a content's key. */
  read(content: string, range?: ByteRange): Promise<Readable>
  /** The file that the viewer may see; throws `not_found` for `param`. */
  get(viewer: Viewer, id: string, param?: string): Promise<FileRow>
  /** Runs `write`, which tells the contents that are used once less, and removes the bytes that nobody uses any more. */
  drop(write: (within: Kysely<Tables>) => Promise<readonly string[]>): Promise<void>
  /** Deletes files, whoever may see them. */
  remove(ids: readonly string[]): Promise<void>
}

/** What files are made of. */
export interface FileParts {
  readonly store: FileStore
  readonly contents: Contents
  /** Where streams are taken to; on the disk of the contents where those are a folder. */
  readonly spoolFolder: string
  readonly longestLine: number
  readonly clock: Clock
  /** Bytes that the files of a workspace may hold together; absent: any number. */
  readonly quota?: number
  /** Milliseconds that files of batches live where nothing is said of them; absent: until they are deleted. */
  readonly batchLife?: number
}

/** What is made for batches and by them. */
const ofBatches: ReadonlySet<string> = new Set(['batch', 'batch_output'])

/** Files over a store of rows and one of bytes. */
export function createFiles(parts: FileParts): Files {
  const { store, contents, clock, quota, batchLife } = parts
  const checkRoom = async (workspace: string, bytes: number, within?: Kysely<Tables>) => {
    if (quota === undefined) return
    const used = await store.bytesOf(workspace, within)
    if (used + bytes > quota) throw fail('storage_quota_exceeded', { used, quota, bytes, param: 'file' })
  }
  const expiryOf = ({ purpose, expires_at }: FileDetails) =>
    expires_at === null && batchLife !== undefined && ofBatches.has(purpose) ? clock.now() + batchLife : expires_at
  const files: Files = {
    store,
    longestLine: parts.longestLine,
    spool: (source, limits) => spool(source, parts.spoolFolder, limits),
    async keepBytes(spooled, write) {
      try {
        await keepBytes(parts, spooled, write)
      } finally {
        await spooled.discard()
      }
    },
    checkRoom: (workspace, bytes) => checkRoom(workspace, bytes),
    async keep(spooled, details, also) {
      const { bytes, hash, lines } = spooled
      const id = newId('file', clock)
      const facts = { id, bytes, hash, lines, link_secret: shortId(43), created_at: clock.now() }
      const row = { ...details, expires_at: expiryOf(details), ...facts }
      let kept: FileRow | undefined
      await files.keepBytes(spooled, async (within, content) => {
        // Results are paid for: they are kept, and what is uploaded next has no room.
        if (details.source === 'upload') await checkRoom(details.workspace, bytes, within)
        kept = { ...row, content }
        await within.insertInto('files').values(kept).execute()
        await also?.(within, kept)
      })
      if (kept === undefined) throw new Error('the content was kept and the file was not')
      return kept
    },
    read: (content, range) => contents.read(content, range),
    async get(viewer, id, param = 'file_id') {
      const file = await store.find(viewer, id, clock.now())
      if (file === undefined) throw fail('not_found', { what: 'file', id: id.slice(0, 100), param })
      return file
    },
    async drop(write) {
      // Bytes that stay behind when a removal fails are found by the sweep.
      for (const key of await store.release(write)) await contents.remove(key).catch(() => {})
    },
    remove: (ids) =>
      files.drop(async (within) => {
        const gone = await within.deleteFrom('files').where('id', 'in', ids).returning('content').execute()
        return gone.map(({ content }) => content)
      }),
  }
  return files
}

async function keepBytes({ store, contents, clock }: FileParts, spooled: Spooled, write: ContentWrite): Promise<void> {
  const { hash, bytes, path } = spooled
  if (await store.useKnown(hash, write)) return
  const key = `${hash}-${shortId(8)}`
  await contents.put(key, path)
  const counted = await store.useNew({ key, hash, bytes }, clock.now(), write).catch(async (error: unknown) => {
    // Refused, nothing names the bytes. Where the database broke off they may be named: the sweep looks.
    if (error instanceof Failure && !error.retryable) await contents.remove(key).catch(() => {})
    throw error
  })
  if (counted !== key) await contents.remove(key).catch(() => {})
}
