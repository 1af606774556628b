// Puts the model of an archive on disk, where a pull would have put it. What comes in an archive is hostile until its digests are right.

import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ReadEntry } from 'tar'
import { Value } from 'typebox/value'
import { withFileLock } from '../../database/file-lock.ts'
import { entriesOf } from './archive-entries.ts'
import { type ArchiveManifest, manifestName, manifestSchema, type OnBytes, refused } from './archive-manifest.ts'
import { catalogue } from './catalogue.ts'
import { requireRoom, sizeOf, writeAt } from './download-disk.ts'
import { startsAsWeights, verify } from './download-verify.ts'
import { digestOf } from './pull.ts'
import { readNote, writeNote } from './pull-note.ts'

const largestManifest = 1_048_576

/**
 * Puts the model of an archive where a pull would have put it. A file gets its name only when its bytes have the manifest's digest. Throws
 * `invalid_value` that says what is wrong with the archive, and `disk_full`; nothing of a broken archive stays.
 */
export async function importModel(
  archive: string,
  home: string,
  onBytes: OnBytes = () => {},
): Promise<{ readonly manifest: ArchiveManifest; readonly path: string }> {
  const total = await sizeOf(archive)
  if (total === 0) throw refused(`there is no file ${archive}`)
  const lock = join(home, 'models', '.locks', 'import.lock')
  return await withFileLock(lock, async () => {
    const written: string[] = []
    try {
      const manifest = await readArchive(archive, home, written, (done) => onBytes(done, total))
      const paths = manifest.files.map(({ file }) => join(home, 'models', file))
      for (const [index, file] of manifest.files.entries()) {
        const path = paths[index] ?? ''
        const { name, reference } = manifest
        await writeNote(path, { source: `archive ${basename(archive)}`, sha256: file.sha256, reference, name })
        if (written.includes(`${path}.import`)) await rename(`${path}.import`, path)
      }
      return { manifest, path: paths[0] ?? '' }
    } finally {
      for (const path of written) await rm(path, { force: true })
    }
  })
}

/** Reads an archive member by member, in order; what is not in its manifest, or not a plain file, ends the import. */
async function readArchive(
  archive: string,
  home: string,
  written: string[],
  onBytes: (done: number) => void,
): Promise<ArchiveManifest> {
  let manifest: ArchiveManifest | undefined
  const left = new Map<string, ArchiveManifest['files'][number]>()
  for await (const entry of entriesOf(archive, onBytes)) {
    const name = entry.path.replace(/^\.\//, '')
    if (manifest === undefined) {
      if (name !== manifestName) throw refused(`the archive does not begin with ${manifestName}`)
      manifest = await readManifest(entry, home)
      for (const file of manifest.files) left.set(file.file, file)
      await requireRoom(join(home, 'models', 'room'), sumOf(manifest))
      continue
    }
    const file = left.get(name)
    if (file === undefined || entry.type !== 'File')
      throw refused(`the archive holds "${name.slice(0, 200)}", which its manifest does not name`)
    left.delete(name)
    await readWeights(entry, file, join(home, 'models', file.file), written)
  }
  if (manifest === undefined) throw refused('the archive is empty')
  const [missing] = left.keys()
  if (missing !== undefined) throw refused(`the archive is not whole: ${missing} is missing`)
  return manifest
}

async function readManifest(entry: ReadEntry, home: string): Promise<ArchiveManifest> {
  if (entry.type !== 'File' || entry.size > largestManifest) throw refused('the manifest of the archive cannot be read')
  const chunks: Buffer[] = []
  for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
  const value = parse(Buffer.concat(chunks).toString('utf8'))
  if (!Value.Check(manifestSchema, value)) throw refused('the manifest of the archive is not valid')
  if (digestOf(value.files) !== value.digest) throw refused("the manifest's digest is not that of its files")
  const names = new Set<string>()
  for (const { file, bytes, sha256 } of value.files) {
    // Some file systems take capitals for small letters.
    if (names.has(file.toLowerCase())) throw refused(`the manifest of the archive names ${file.toLowerCase()} twice`)
    names.add(file.toLowerCase())
    const known = catalogue.find((one) => one.file === file)
    if (known?.sha256 !== undefined && known.sha256 !== sha256) {
      throw refused(`${file} is ${known.name} of the catalogue, and the archive holds another file under that name`)
    }
    const path = join(home, 'models', file)
    if ((await sizeOf(path)) > 0 && !(await holds(path, { bytes, sha256 })))
      throw refused(`${path} is there already and is another file`)
  }
  return value
}

/** Whether a file is what the archive brings: by its note, or by its bytes where somebody put it there. */
async function holds(path: string, expected: { readonly bytes: number; readonly sha256: string }): Promise<boolean> {
  const note = await readNote(path)
  if (note !== undefined) return note.sha256 === expected.sha256
  return await verify(path, expected).then(
    () => true,
    () => false,
  )
}

async function readWeights(
  entry: ReadEntry,
  file: ArchiveManifest['files'][number],
  path: string,
  written: string[],
): Promise<void> {
  if (entry.size !== file.bytes) throw refused(`${file.file} has ${entry.size} bytes and should have ${file.bytes}`)
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.import`
  written.push(partial)
  const hash = createHash('sha256')
  let read = 0
  const handle = await open(partial, 'w', 0o644)
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      hash.update(chunk)
      read += chunk.length
      await writeAt(handle, chunk, null, partial)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (read !== file.bytes)
    throw refused(`the archive is not whole: ${file.file} ends after ${read} of ${file.bytes} bytes`)
  const actual = hash.digest('hex')
  if (actual !== file.sha256) throw refused(`the sha256 of ${file.file} is ${actual} and should be ${file.sha256}`)
  if (!(await startsAsWeights(partial))) throw refused(`${file.file} is not a GGUF file`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const sumOf = ({ files }: ArchiveManifest) => files.reduce((sum, { bytes }) => sum + bytes, 0)
