// Where the weights lie that were quantised here, and how their names find them.

import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sizeOf } from './download-disk.ts'
import { type PulledModel, readNote } from './pull-note.ts'

/** The file of a name such as `starter:Q4_K_M`. A name holds a colon, which no file may have on every system. */
export function quantisedFile(home: string, name: string): string {
  return join(home, 'models', 'quantised', `${name.replace(':', '-')}.gguf`)
}

/** A model that was made here, by the name it was given; undefined where there is none. */
export async function findQuantised(name: string, home: string): Promise<PulledModel | undefined> {
  if (!/^[\w][\w.-]*:[\w]+$/.test(name)) return undefined
  const wanted = quantisedFile(home, name)
  const files = await readdir(dirname(wanted)).catch(() => [])
  const file = files.find((one) => one.toLowerCase() === basename(wanted).toLowerCase())
  if (file === undefined) return undefined
  const path = join(dirname(wanted), file)
  const [note, bytes] = [await readNote(path), await sizeOf(path)]
  if (note?.name === undefined) return undefined
  const { sha256, source } = note
  return { name: note.name, path, bytes, sha256, files: [{ path, bytes, sha256 }], source, fetched: false }
}
