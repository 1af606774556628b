// The sha256 of weights that nobody told us: of a user's own files. Counted once, and kept in the data folder while the file stays the same.
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { sizeOf } from './download-disk.ts'
import { verify } from './download-verify.ts'

const Book = Type.Record(
  Type.String(),
  Type.Object({ bytes: Type.Integer(), changedMs: Type.Number(), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
)

/** Files that are remembered. */
const most = 500

/** The sha256 of each file, in order. A file of the same size and time of change has the digest that it had. */
export async function digestsOfFiles(paths: readonly string[], home: string): Promise<readonly string[]> {
  const file = join(home, 'digests.json')
  const book = await readBook(file)
  const digests: string[] = []
  let isNew = false
  for (const path of paths) {
    const { mtimeMs } = await stat(path)
    const bytes = await sizeOf(path)
    const known = book[path]
    const isKnown = known !== undefined && known.bytes === bytes && known.changedMs === mtimeMs
    const sha256 = isKnown ? known.sha256 : await verify(path, {})
    isNew ||= !isKnown
    delete book[path]
    book[path] = { bytes, changedMs: mtimeMs, sha256 }
    digests.push(sha256)
  }
  if (isNew) await writeBook(file, book)
  return digests
}

async function readBook(file: string): Promise<Static<typeof Book>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    return Value.Check(Book, value) ? value : {}
  } catch {
    return {}
  }
}

/** What cannot be written is counted again the next time. */
async function writeBook(file: string, book: Static<typeof Book>): Promise<void> {
  const kept = Object.fromEntries(Object.entries(book).slice(-most))
  const next = `${file}.${process.pid}`
  await writeFile(next, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
    .then(() => rename(next, file))
    .catch(() => {})
}
