// Fills a database with a snapshot, in one transaction that ends only when what is in it has been read back and is the same. Knows no file.

import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CompiledQuery, type Kysely, sql } from 'kysely'
import { fail } from '../base/errors.ts'
import { unusable, withDatabase } from './connect.ts'
import { currentSchema, type Dialect, listTables, sqlite } from './dialect.ts'
import { executedMigrations, migrate, refuseNewer } from './migrate.ts'
import { sharedChannel } from './notices.ts'
import { createRowDigest, type RowDigest } from './row-digest.ts'
import { type Batch, type Cell, readRows, type Snapshot, type SnapshotTable } from './snapshot.ts'
import { sqliteCode, sqlitePath } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** How far it is: `rows` of `totalRows` in the phase. */
export interface LoadProgress {
  readonly phase: 'reading' | 'writing' | 'verifying'
  readonly rows: number
  readonly totalRows: number
}

/** What a load may be told. */
export interface LoadOptions {
  /** Replaces what the database holds; without it, it must be empty. */
  readonly force?: boolean
  readonly onProgress?: (progress: LoadProgress) => void
}

/** What lies in a table, as read back from it. */
export interface LoadedTable {
  readonly name: string
  readonly rows: number
  /** SHA-256 over its rows, whatever their order. */
  readonly digest: string
}

/** What was done. */
export interface Loaded {
  readonly tables: readonly LoadedTable[]
  /** Migrations that were missing in the snapshot and ran on its rows afterwards. */
  readonly migrated: readonly string[]
}

/**
 * Fills the database at `url`. Until everything is in and verified it stays as it was, whatever ends the process. Throws
 * `database_not_empty` (without `force`), `database_newer`, `database_in_use` where a server works on it.
 */
export async function load(url: string, snapshot: Snapshot, options: LoadOptions = {}): Promise<Loaded> {
  refuseOpenFile(url)
  return await withDatabase(url, async ({ query, dialect, label }) => {
    refuseNewer(snapshot.migrations, label)
    return await query.transaction().execute(async (target) => {
      await refuseRunningNodes(dialect, target, label)
      await makeRoom(dialect, target, label, { names: snapshot.tables.map(({ name }) => name), ...options })
      await migrate(target, dialect, label, snapshot.migrations)
      const tables = await fill(dialect, target, snapshot, options)
      return { tables, migrated: await migrate(target, dialect, label) }
    })
  })
}

/** A file in WAL mode cannot leave it while another connection is open: the one sign of a server that never goes stale. */
function refuseOpenFile(url: string): void {
  if (!url.startsWith('sqlite:')) return
  const path = sqlitePath(url)
  if (path === '' || path === ':memory:' || !existsSync(path)) return
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec('pragma journal_mode = delete')
  } catch (error) {
    throw sqliteCode(error) === 5 ? fail('database_in_use', { database: path }, error) : unusable(path, error)
  } finally {
    file.close()
  }
}

/** Every node holds this lock shared, over the connection that listens for notices. */
async function refuseRunningNodes(dialect: Dialect, target: Kysely<Tables>, label: string): Promise<void> {
  if (dialect.name === 'sqlite') return
  const channel = sharedChannel((await currentSchema(dialect, target)) ?? '')
  const taken = sql<{ free: boolean }>`select pg_try_advisory_xact_lock(hashtextextended(${channel}, 0)) as free`
  if ((await taken.execute(target)).rows[0]?.free !== true) throw fail('database_in_use', { database: label })
}

async function makeRoom(
  dialect: Dialect,
  target: Kysely<Tables>,
  label: string,
  { names, force = false }: { readonly names: readonly string[]; readonly force?: boolean },
): Promise<void> {
  const executed = await executedMigrations(target, dialect)
  if (executed.length === 0) return
  if (!force) {
    refuseNewer(executed, label)
    throw fail('database_not_empty', { database: label })
  }
  // A schema of PostgreSQL may hold another program's tables: only names that are ours go.
  const ours = new Set([...names, ...(await tableNames()), 'kysely_migration', 'kysely_migration_lock'])
  const there = await target.introspection.getTables({ withInternalKyselyTables: true })
  const schema = await currentSchema(dialect, target)
  for (const table of there) {
    if (table.schema !== schema || table.isView || !(dialect.name === 'sqlite' || ours.has(table.name))) continue
    await target.schema.dropTable(table.name).ifExists().execute()
  }
}

/** The tables that this version makes. */
async function tableNames(): Promise<readonly string[]> {
  return await withDatabase('sqlite::memory:', async ({ query, label }) => {
    await migrate(query, sqlite, label)
    return (await listTables(sqlite, query)).map(({ name }) => name)
  })
}

async function fill(
  dialect: Dialect,
  target: Kysely<Tables>,
  snapshot: Snapshot,
  { onProgress = () => {} }: LoadOptions,
): Promise<readonly LoadedTable[]> {
  await refuseMissing(dialect, target, snapshot.tables)
  // Migrations bring rows of their own.
  for (const { name } of snapshot.tables) await sql`delete from ${sql.table(name)}`.execute(target)
  const totalRows = snapshot.tables.reduce((sum, { rows }) => sum + rows, 0)
  const given = new Map(snapshot.tables.map((table) => [table.name, createRowDigest()]))
  const insert = inserter(dialect, target)
  let rows = 0
  for await (const batch of snapshot.batches()) {
    for (const row of batch.rows) given.get(batch.table.name)?.add(row)
    await insert(batch)
    rows += batch.rows.length
    onProgress({ phase: 'writing', rows, totalRows })
  }
  return await verify(target, snapshot.tables, given, (done) =>
    onProgress({ phase: 'verifying', rows: done, totalRows }),
  )
}

async function refuseMissing(
  dialect: Dialect,
  target: Kysely<Tables>,
  tables: readonly SnapshotTable[],
): Promise<void> {
  const there = new Map((await listTables(dialect, target)).map(({ name, columns }) => [name, columns]))
  for (const { name, columns } of tables) {
    const missing = columns.filter((column) => there.get(name)?.includes(column) !== true)
    if (missing.length > 0) throw new Error(`there is no place for ${name} (${missing.join(', ')})`)
  }
}

/** Neither database takes more values in one statement (SQLite: 32,766; PostgreSQL: 65,535), and more would gain nothing. */
const mostValues = 8_000

/** Inserts batches; a statement's text is made once for each table and number of rows. */
function inserter(dialect: Dialect, target: Kysely<Tables>): (batch: Batch) => Promise<void> {
  const texts = new Map<string, string>()
  const textFor = ({ name, columns }: SnapshotTable, rows: number) => {
    const known = texts.get(`${name} ${rows}`)
    if (known !== undefined) return known
    const values = Array.from({ length: rows }, () => sql`(${sql.join(columns.map(() => null))})`)
    const text = sql`insert into ${sql.table(name)} (${sql.join(columns.map((column) => sql.ref(column)))})
      values ${sql.join(values)}`.compile(target).sql
    texts.set(`${name} ${rows}`, text)
    return text
  }
  return async ({ table, rows }) => {
    const most = Math.max(1, Math.floor(mostValues / table.columns.length))
    for (let start = 0; start < rows.length; start += most) {
      const some = rows.slice(start, start + most)
      const values = some.flatMap((row) => (dialect.name === 'sqlite' ? row.map(storable) : row))
      await target.executeQuery(CompiledQuery.raw(textFor(table, some.length), values))
    }
  }
}

/** SQLite has no booleans. */
function storable(cell: Cell): Cell {
  return typeof cell === 'boolean' ? Number(cell) : cell
}

/** Reads everything back and compares. */
async function verify(
  target: Kysely<Tables>,
  tables: readonly SnapshotTable[],
  given: ReadonlyMap<string, RowDigest>,
  onRows: (rows: number) => void,
): Promise<readonly LoadedTable[]> {
  const loaded: LoadedTable[] = []
  let rows = 0
  for (const table of tables) {
    const found = createRowDigest()
    for await (const row of readRows(target, table)) {
      found.add(row)
      rows += 1
      if (rows % 1_000 === 0) onRows(rows)
    }
    const expected = given.get(table.name)
    if (found.rows !== table.rows || expected?.rows !== table.rows || found.value() !== expected.value()) {
      throw new Error(`${table.name} was to have ${table.rows} rows and has ${found.rows}, or some that differ`)
    }
    loaded.push({ name: table.name, rows: found.rows, digest: found.value() })
  }
  onRows(rows)
  return loaded
}
