// The sha256 of weights that nobody told us: of a user's own files. Counted once, and kept in the data folder while the file stays the same.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { sizeOf } from './download-disk.ts'

const Book = Type.Record(
  Type.String(),
  Type.Object({ bytes: Type.Integer(), changedMs: Type.Number(), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
)

/** Files that are remembered. */
const most = 500

/** The sha256 of each file, in order; undefined where one was not counted yet, or has changed since. */
export async function knownDigests(paths: readonly string[], home: string): Promise<readonly string[] | undefined> {
  const book = await readBook(bookIn(home))
  const digests = await Promise.all(paths.map(async (path) => known(book[path], await factsOf(path))))
  return digests.every((digest) => digest !== undefined) ? digests : undefined
}

/** The same, counting what was not counted. Large files take a while: a gigabyte two seconds, or so. */
export async function countedDigests(
  paths: readonly string[],
  home: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const digests: string[] = []
  for (const path of paths) {
    const facts = await factsOf(path)
    const sha256 = known((await readBook(bookIn(home)))[path], facts) ?? (await count(path, signal))
    digests.push(sha256)
    const { [path]: _, ...others } = await readBook(bookIn(home))
    await writeBook(bookIn(home), { ...others, [path]: { ...facts, sha256 } })
  }
  return digests
}

const bookIn = (home: string) => join(home, 'digests.json')

async function factsOf(path: string) {
  return { bytes: await sizeOf(path), changedMs: (await stat(path)).mtimeMs }
}

/** A file of the same size and time of change has the digest that it had. */
function known(
  entry: Static<typeof Book>[string] | undefined,
  { bytes, changedMs }: { readonly bytes: number; readonly changedMs: number },
): string | undefined {
  return entry?.bytes === bytes && entry.changedMs === changedMs ? entry.sha256 : undefined
}

/** In pieces so small that a server answers between them. */
async function count(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  const options = { highWaterMark: 262_144, ...(signal !== undefined && { signal }) }
  for await (const chunk of createReadStream(path, options)) hash.update(chunk)
  return hash.digest('hex')
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
