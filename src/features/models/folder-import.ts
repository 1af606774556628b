// Makes one GGUF file of a Hugging Face folder, and puts it where imported models lie. What a folder holds is hostile input.

import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fail } from '../../base/errors.ts'
import { withFileLock } from '../../database/file-lock.ts'
import { readHeader } from '../../engine/header.ts'
import type { WeightType } from '../../formats/weights.ts'
import type { Conversion } from '../conversion/convert.ts'
import type { OnBytes } from './archive-manifest.ts'
import { requireRoom, sizeOf, writeAt } from './download-disk.ts'
import { readNote, writeNote } from './pull-note.ts'

/** A model that was made of a folder. */
export interface ImportedFolder {
  readonly name: string
  readonly path: string
  readonly architecture: string
  readonly parameters: number
  readonly type: WeightType
  readonly bytes: number
  readonly sha256: string
  readonly remarks: readonly string[]
}

/**
 * Converts a folder and keeps the file below `home`. Throws `invalid_value` with the file, and the field or tensor, that is wrong, and
 * `disk_full`; nothing of a broken import stays.
 */
export async function importFolder(
  folder: string,
  home: string,
  options: { readonly type: WeightType; readonly name?: string },
  onBytes: OnBytes = () => {},
): Promise<ImportedFolder> {
  if (options.name !== undefined && !/^[\w][\w.-]{0,99}$/.test(options.name))
    throw fail('invalid_value', { param: 'name', reason: 'letters, digits, ".", "_" and "-" make a name' })
  return await withFileLock(join(home, 'models', '.locks', 'import.lock'), async () => {
    const { openConversion } = await import('../conversion/convert.ts')
    const conversion = await openConversion(folder, options)
    const { name, architecture, parameters, bytes, remarks } = conversion
    const path = join(home, 'models', 'imported', `${name}-${options.type}.gguf`)
    const partial = `${path}.import`
    try {
      await requireRoom(path, bytes)
      const sha256 = await writeConversion(conversion, partial, (done) => onBytes(done, bytes))
      // What the engine would refuse is found out here, not when it is served.
      readHeader(partial, name)
      const note = (await sizeOf(path)) > 0 ? await readNote(path) : undefined
      if (note !== undefined && note.sha256 !== sha256)
        throw fail('invalid_value', { param: 'name', reason: `${path} is there already and is another file` })
      await writeNote(path, { source: `folder ${basename(resolve(folder))}`, sha256, name })
      await rename(partial, path)
      return { name, path, architecture, parameters, type: options.type, bytes, sha256, remarks }
    } finally {
      await conversion.close()
      await rm(partial, { force: true })
    }
  })
}

/** Writes the file, replacing one that is there, until the disk has it. Returns its SHA-256. */
export async function writeConversion(
  conversion: Pick<Conversion, 'chunks'>,
  path: string,
  onBytes: (done: number) => void,
): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  const hash = createHash('sha256')
  const file = await open(path, 'w', 0o644)
  let done = 0
  try {
    for await (const chunk of conversion.chunks()) {
      hash.update(chunk)
      await writeAt(file, chunk, null, path)
      done += chunk.length
      onBytes(done)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}
