// Where a later version of pulled weights lies: in a folder beside the files of the first, named by its digest. What is served never moves.
import { link, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sizeOf } from './download-disk.ts'
import { readNote } from './pull-note.ts'

/** The folder of a version that is being fetched. */
const next = '@next'
const versionFolder = /^@([0-9a-f]{12})$/

/** A file that is here already, which a later version may have unchanged. */
export interface PresentFile {
  readonly path: string
  readonly sha256: string
}

/** The place of a file of the version that is being fetched. */
export function stagedFile(file: string): string {
  return join(dirname(file), next, basename(file))
}

/** Whether a file belongs to a version that is being fetched. */
export function isStaged(path: string): boolean {
  return basename(dirname(path)) === next
}

/** The first digits of the digest of the version that a file belongs to; undefined for the first version, which lies in no such folder. */
export function versionOfFile(path: string): string | undefined {
  return versionFolder.exec(basename(dirname(path)))?.[1]
}

/** All versions of a file that are here, the first one first. */
export async function presentVersions(path: string): Promise<readonly PresentFile[]> {
  const beside = await readdir(dirname(path))
  const folders = beside.filter((name) => versionFolder.test(name)).map((name) => join(dirname(path), name))
  const paths = [path, ...folders.map((folder) => join(folder, basename(path)))]
  const notes = await Promise.all(paths.map(readNote))
  return paths.flatMap((one, index) => {
    const sha256 = notes[index]?.sha256
    return sha256 === undefined ? [] : [{ path: one, sha256 }]
  })
}

/** The version with these bytes. */
export function sameOf(
  present: readonly PresentFile[] | undefined,
  sha256: string | undefined,
): PresentFile | undefined {
  return sha256 === undefined ? undefined : present?.find((one) => one.sha256 === sha256)
}

/** Gives a fetched version its folder; returns the new paths, in order. A version that was there already stays as it is. */
export async function keepVersion(paths: readonly string[], digest: string): Promise<readonly string[]> {
  const staged = dirname(paths[0] ?? '')
  const folder = join(dirname(staged), `@${digest.slice(0, 12)}`)
  const kept = paths.map((path) => join(folder, basename(path)))
  if ((await sizeOf(kept[0] ?? '')) > 0) await rm(staged, { recursive: true, force: true })
  else await rename(staged, folder)
  return kept
}

/** Removes what was fetched and is no new version. */
export async function dropStaged(paths: readonly string[]): Promise<void> {
  await rm(dirname(paths[0] ?? ''), { recursive: true, force: true })
}

/** Puts a file that did not change beside the changed ones, without doubling its bytes. */
export async function reuse({ path }: PresentFile, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await rm(target, { force: true })
  const isLink = (await lstat(path)).isSymbolicLink()
  if (isLink) await symlink(await readlink(path), target)
  else await link(path, target)
}
