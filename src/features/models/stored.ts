// The weights on this disk: what was pulled or imported, removed again, and what broken pulls left behind. Knows no server.

import { lstat, readdir, readlink, realpath, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { withFileLock } from '../../database/file-lock.ts'
import { sizeOf } from './download-disk.ts'
import { digestOf } from './pull.ts'
import { noteFile, readNote } from './pull-note.ts'
import { isStaged, versionOfFile } from './pull-version.ts'

/** One file of weights. */
export interface StoredFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** Where the bytes lie, when that is Hugging Face's cache. */
  readonly blob: string | undefined
  /** We put the bytes there, so we may take them away. */
  readonly ours: boolean
}

/** One model's weights. */
export interface StoredModel {
  readonly name: string
  /** What it was pulled by. */
  readonly reference: string
  readonly source: string
  readonly bytes: number
  /** A later version, beside the one of its name. */
  readonly later: boolean
  /** sha256 of its file; of several, the hash of their hashes. */
  readonly digest: string
  readonly files: readonly StoredFile[]
}

/** What was taken away. */
export interface Removal {
  readonly files: readonly string[]
  readonly freedBytes: number
  /** Blobs that others brought. */
  readonly kept: readonly string[]
}

/** What a broken pull, import or export leaves; all of it can be made again. */
const leftovers = /\.(partial|joined|converted|import|galerne|next)$|\.(partial|galerne)\.json(\.next)?$/

/** All models with weights in `home`, by name. */
export async function storedModels(home: string): Promise<readonly StoredModel[]> {
  const root = join(home, 'models')
  const found = new Map<string, { note: NonNullable<Awaited<ReturnType<typeof readNote>>>; files: StoredFile[] }>()
  for (const path of (await filesBelow(root)).filter((name) => /\.gguf$/i.test(name)).sort()) {
    const note = await readNote(path)
    if (note === undefined || isStaged(path)) continue
    const blob = await blobOf(path)
    const file = { path, bytes: await sizeOf(path), sha256: note.sha256, blob, ours: note.fetched !== false }
    // Files of one model were asked for together; a note of an earlier Galerne stands for itself.
    const key = note.reference === undefined ? path : `${note.name} ${note.reference} ${versionOfFile(path) ?? ''}`
    const group = found.get(key) ?? { note, files: [] }
    group.files.push(file)
    found.set(key, group)
  }
  const models = [...found.values()].map(({ note, files }) => {
    const first = files[0]?.path ?? ''
    const later = versionOfFile(first) !== undefined
    const reference = note.reference ?? relative(root, first).replaceAll('\\', '/')
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const name = note.name ?? basename(first).replace(/\.gguf$/i, '')
    return { name, reference, source: note.source, bytes, later, digest: digestOf(files) ?? '', files }
  })
  return models.sort((one, other) => Number(one.later) - Number(other.later))
}

/** Removes a model's files. Of a shared cache only what we brought goes, with its names there; the rest loses our link alone. */
export async function removeStored({ files }: StoredModel, home: string): Promise<Removal> {
  return await locked(home, async () => {
    const removed: string[] = []
    const kept: string[] = []
    let freedBytes = 0
    for (const { path, bytes, blob, ours } of files) {
      await rm(path, { force: true })
      await rm(noteFile(path), { force: true })
      // A version has its folder to itself.
      if (versionOfFile(path) !== undefined) await rmdir(dirname(path)).catch(() => {})
      removed.push(path)
      if (blob !== undefined && !ours) kept.push(blob)
      else freedBytes += bytes
      if (blob === undefined || !ours) continue
      await removeNames(blob)
      await rm(blob, { force: true })
      removed.push(blob)
    }
    return { files: removed, freedBytes, kept }
  })
}

/** A pull at work writes to its files more often than this, whichever process it is in. */
const abandonedAfterMs = 3_600_000

/** Removes what broken pulls left, in `home` and in the shared cache, where nobody has written to it for an hour. */
export async function pruneLeftovers(home: string, cache: string | undefined, now: number): Promise<Removal> {
  return await locked(home, async () => {
    const root = join(home, 'models')
    const own = (await filesBelow(root)).filter(
      (path) => leftovers.test(path) || /\.(packages|folder)[/]/.test(path) || isStaged(path),
    )
    const shared =
      cache === undefined ? [] : (await filesBelow(cache)).filter((path) => /\.galerne(\.json)?$/.test(path))
    const removed: string[] = []
    let freedBytes = 0
    for (const path of [...own, ...shared]) {
      const facts = await lstat(path).catch(() => undefined)
      if (facts === undefined || now - facts.mtimeMs < abandonedAfterMs) continue
      // A sparse file takes what was written, not what it will be.
      freedBytes += Math.min(facts.size, facts.blocks * 512)
      await rm(path, { force: true })
      removed.push(path)
    }
    return { files: removed, freedBytes, kept: [] }
  })
}

/** The links that name a blob in the snapshots of its repository. */
async function removeNames(blob: string): Promise<void> {
  const repository = dirname(dirname(blob))
  const target = await realpath(blob).catch(() => blob)
  for (const name of await filesBelow(join(repository, 'snapshots'))) {
    if ((await realpath(name).catch(() => '')) === target) await rm(name, { force: true })
  }
}

async function blobOf(path: string): Promise<string | undefined> {
  const facts = await lstat(path).catch(() => undefined)
  return facts?.isSymbolicLink() === true ? await readlink(path) : undefined
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}

async function locked<Result>(home: string, action: () => Promise<Result>): Promise<Result> {
  return await withFileLock(join(home, 'models', '.locks', 'remove.lock'), action)
}
