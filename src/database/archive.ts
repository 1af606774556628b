// A backup's file: gzip over lines of JSON. The first says what is in it, then come rows, the last has the digests. Knows no database.

import { constants } from 'node:fs'
import { access, open, rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { fail } from '../base/errors.ts'
import type { LoadedTable, LoadProgress } from './load.ts'
import { cellOf, createRowDigest, plain, type RowDigest } from './row-digest.ts'
import type { Batch, Snapshot, SnapshotTable } from './snapshot.ts'

const Name = Type.String({ pattern: '^[a-z_][a-z0-9_]{0,62}$' })
const Count = Type.Integer({ minimum: 0 })

/** The first line. */
const Manifest = Type.Object({
  format: Type.Literal('galerne backup'),
  version: Type.Literal(1),
  /** Galerne's version. */
  galerne: Type.String(),
  /** ISO 8601. */
  created_at: Type.String(),
  database: Type.Enum(['sqlite', 'postgres']),
  migrations: Type.Array(Type.String()),
  tables: Type.Array(Type.Object({ name: Name, columns: Type.Array(Name, { minItems: 1 }), rows: Count })),
})

const RowsLine = Type.Object({ table: Name, rows: Type.Array(Type.Array(Type.Unknown())) })

/** The last line: without it the file was cut. */
const EndLine = Type.Object({ end: Type.Array(Type.Object({ name: Name, rows: Count, digest: Type.String() })) })

/** What a backup's first line says. */
export type Manifest = Static<typeof Manifest>

/** What the writer adds to the snapshot. */
export type ManifestFacts = Pick<Manifest, 'galerne' | 'created_at' | 'database'>

/** Rows are text that repeats: the fastest level makes it a tenth, and slower ones gain little. */
const compression = { level: 2 }

/**
 * Writes the snapshot to `path`, mode 0600, and returns what is in it. The file appears when it is whole and on the disk. Throws
 * `backup_unusable` where a file of that name exists.
 */
export async function writeArchive(
  path: string,
  snapshot: Snapshot,
  facts: ManifestFacts,
  onProgress: (progress: LoadProgress) => void = () => {},
): Promise<readonly LoadedTable[]> {
  const exists = await access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
  if (exists) throw fail('backup_unusable', { file: path, reason: 'the file exists already: choose another name' })
  const partial = `${path}.partial`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  const digests = new Map(snapshot.tables.map(({ name }) => [name, createRowDigest()]))
  try {
    await pipeline(
      lines(snapshot, facts, digests, onProgress),
      createGzip(compression),
      file.createWriteStream({ flush: true }),
    )
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
  return summary(digests)
}

async function* lines(
  snapshot: Snapshot,
  facts: ManifestFacts,
  digests: ReadonlyMap<string, RowDigest>,
  onProgress: (progress: LoadProgress) => void,
): AsyncGenerator<string, void> {
  const { migrations, tables } = snapshot
  const manifest: Manifest = {
    ...{ format: 'galerne backup', version: 1, ...facts },
    migrations: [...migrations],
    tables: tables.map(({ name, columns, rows }) => ({ name, columns: [...columns], rows })),
  }
  yield `${JSON.stringify(manifest)}\n`
  const totalRows = tables.reduce((sum, { rows }) => sum + rows, 0)
  let done = 0
  for await (const { table, rows } of snapshot.batches()) {
    for (const row of rows) digests.get(table.name)?.add(row)
    yield `${JSON.stringify({ table: table.name, rows: rows.map((row) => row.map(plain)) })}\n`
    done += rows.length
    onProgress({ phase: 'reading', rows: done, totalRows })
  }
  yield `${JSON.stringify({ end: summary(digests) })}\n`
}

function summary(digests: ReadonlyMap<string, RowDigest>): LoadedTable[] {
  return [...digests].map(([name, digest]) => ({ name, rows: digest.rows, digest: digest.value() }))
}

/** Hands the action what is in the file, as a snapshot. Throws `backup_unusable` for what is no backup, is cut or was changed. */
export async function withArchive<Result>(
  path: string,
  action: (snapshot: Snapshot, manifest: Manifest) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, 'r').catch((error: Error) => {
    throw fail('backup_unusable', { file: path, reason: error.message }, error)
  })
  const unpacked = file.createReadStream().pipe(createGunzip())
  const read = createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  const next = async () => {
    // readline does not tell the errors of what it reads from.
    const failed = Promise.withResolvers<never>()
    unpacked.once('error', failed.reject)
    const line = await Promise.race([read.next(), failed.promise]).catch(() => {
      throw fail('backup_unusable', { file: path, reason: 'it is damaged or cut, or is no backup' })
    })
    unpacked.off('error', failed.reject)
    return parse(path, line.done === true ? '' : line.value)
  }
  try {
    const manifest = await next()
    if (!Value.Check(Manifest, manifest)) {
      throw fail('backup_unusable', { file: path, reason: 'it is no backup, or one of a later version' })
    }
    const { migrations, tables } = manifest
    return await action({ migrations, tables, batches: () => batches(path, tables, next) }, manifest)
  } finally {
    unpacked.destroy()
    await file.close()
  }
}

function parse(path: string, line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw fail('backup_unusable', { file: path, reason: 'it is damaged or cut, or is no backup' })
  }
}

async function* batches(
  path: string,
  tables: readonly SnapshotTable[],
  next: () => Promise<unknown>,
): AsyncGenerator<Batch, void> {
  const known = new Map(tables.map((table) => [table.name, { table, digest: createRowDigest() }]))
  for (;;) {
    const line = await next()
    if (Value.Check(EndLine, line)) return compare(path, line, known)
    const entry = Value.Check(RowsLine, line) ? known.get(line.table) : undefined
    if (!Value.Check(RowsLine, line) || entry === undefined) {
      throw fail('backup_unusable', { file: path, reason: 'one of its lines is not what it should be' })
    }
    const rows = line.rows.map((row) => row.map(cellOf))
    if (rows.some((row) => row.length !== entry.table.columns.length)) {
      throw fail('backup_unusable', { file: path, reason: `a row of ${line.table} has too many or too few values` })
    }
    for (const row of rows) entry.digest.add(row)
    yield { table: entry.table, rows }
  }
}

function compare(
  path: string,
  { end }: Static<typeof EndLine>,
  known: ReadonlyMap<string, { readonly digest: RowDigest }>,
): void {
  for (const { name, rows, digest } of end) {
    const read = known.get(name)?.digest
    if (read?.rows === rows && read.value() === digest) continue
    throw fail('backup_unusable', { file: path, reason: `the rows of ${name} are not those that were backed up` })
  }
  if (end.length !== known.size)
    throw fail('backup_unusable', { file: path, reason: 'it does not name all its tables' })
}
