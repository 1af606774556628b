// What a pull leaves: a model's files, and the note beside each: where it came from, what it is, and as whose model it was asked for. Knows no network.

import { readFile, writeFile } from 'node:fs/promises'

/** What is written beside a pulled file. */
export interface PullNote {
  readonly source: string
  readonly sha256: string
  /** As the user named the model. Absent in notes of earlier versions. */
  readonly reference?: string | undefined
  readonly name?: string | undefined
  /** False where the bytes were on this machine already, brought by somebody else. */
  readonly fetched?: boolean | undefined
}

/** Where the note of a file lies. */
export function noteFile(path: string): string {
  return `${path}.json`
}

/** Reads a note; undefined where there is none, or a broken one: the file is as good without. */
export async function readNote(path: string): Promise<PullNote | undefined> {
  try {
    const value = JSON.parse(await readFile(noteFile(path), 'utf8')) as Record<string, unknown>
    const text = (name: string) => (typeof value[name] === 'string' ? value[name] : undefined)
    const [source, sha256] = [text('source'), text('sha256')]
    if (source === undefined || sha256 === undefined) return undefined
    const fetched = value['fetched'] === false ? false : undefined
    return { source, sha256, reference: text('reference'), name: text('name'), fetched }
  } catch {
    return undefined
  }
}

/** Writes a note. */
export async function writeNote(path: string, note: PullNote): Promise<void> {
  await writeFile(noteFile(path), `${JSON.stringify(note)}\n`)
}

/** One file of weights on disk. */
export interface PulledFile {
  readonly path: string
  readonly bytes: number
  /** Undefined for a local file of the user's own, which is taken as it is. */
  readonly sha256: string | undefined
}

/** Weights on disk. */
export interface PulledModel {
  readonly name: string
  /** What is loaded: the file, or the first of its parts. */
  readonly path: string
  readonly bytes: number
  /** Of the file; of several, the hash of their hashes (`digestOf`). Undefined for a local file, which is taken as it is. */
  readonly sha256: string | undefined
  readonly files: readonly PulledFile[]
  /** Where the bytes came from: `huggingface.co/…`, `PyPI …`, an address, or `disk`. */
  readonly source: string
  /** False where everything was on this machine already. */
  readonly fetched: boolean
}
