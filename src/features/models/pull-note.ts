// The note beside each pulled file: where it came from, what it is, and as whose model it was asked for. Knows no network.

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
