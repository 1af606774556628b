// The cache of Hugging Face's own client, which others on this machine use too: finds weights in it, and puts what is pulled into it.
// Layout: `models--owner--name/{blobs/<sha256>, snapshots/<commit>/<file> → blob, refs/<branch>}` (huggingface_hub, file_download.py).

import { mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { hexId } from '../../base/ids.ts'
import type { HubSource } from './catalogue-schema.ts'
import { sizeOf } from './download-disk.ts'

/** Where one file of a repository lies, or will lie, in the cache. */
export interface CachePlace {
  /** Folder of the repository in the cache. */
  readonly folder: string
  readonly blob: string
  readonly sha256: string
}

/** The folder of a repository. */
function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replaceAll('/', '--')}`)
}

/** Where a file with this hash belongs. */
export function placeInCache(cache: string, repository: string, sha256: string): CachePlace {
  const folder = repositoryFolder(cache, repository)
  return { folder, blob: join(folder, 'blobs', sha256), sha256 }
}

/**
 * The file as somebody pulled it before, by its hash where that is known, else by what the branch was then. Undefined where it is
 * not there. Says nothing of its bytes: a hash in a name is a promise.
 */
export async function findInCache(
  cache: string,
  source: HubSource,
  sha256: string | undefined,
): Promise<CachePlace | undefined> {
  if (sha256 !== undefined) {
    const place = placeInCache(cache, source.repository, sha256)
    return (await sizeOf(place.blob)) > 0 ? place : undefined
  }
  const folder = repositoryFolder(cache, source.repository)
  const commit = await readFile(join(folder, 'refs', source.revision), 'utf8').then(
    (text) => text.trim(),
    () => source.revision,
  )
  if (!/^[0-9a-f]{40}$/.test(commit)) return undefined
  const blob = await realpath(join(folder, 'snapshots', commit, source.file)).catch(() => undefined)
  if (blob === undefined || dirname(blob) !== (await realpath(join(folder, 'blobs')).catch(() => ''))) return undefined
  const name = basename(blob)
  return /^[0-9a-f]{64}$/.test(name) ? { folder, blob, sha256: name } : undefined
}

/** Whether files can be put into the cache and linked from elsewhere. Some systems have no links for ordinary users. */
export async function isCacheUsable(cache: string): Promise<boolean> {
  const probe = join(cache, `.galerne-${hexId()}`)
  try {
    await mkdir(cache, { recursive: true })
    await symlink('nothing', probe)
    return true
  } catch {
    return false
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}

/** Gives a checked blob the names under which others find it: in the snapshot of its commit, and the commit for its branch. */
export async function nameInCache(place: CachePlace, source: HubSource, commit: string | undefined): Promise<void> {
  if (commit === undefined || !/^[0-9a-f]{40}$/.test(commit)) return
  const name = join(place.folder, 'snapshots', commit, source.file)
  await mkdir(dirname(name), { recursive: true })
  await replaceLink(name, relative(dirname(name), place.blob))
  if (source.revision === commit) return
  const reference = join(place.folder, 'refs', source.revision)
  await mkdir(dirname(reference), { recursive: true })
  await writeFile(reference, commit)
}

/** Makes `path` a link to `target`, in one step where another link was. */
export async function replaceLink(path: string, target: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const next = `${path}.next`
  await rm(next, { force: true })
  await symlink(target, next)
  await rename(next, path)
}
