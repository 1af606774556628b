// Reads all that a database holds at one moment, while others go on writing. Knows no file and no feature.

import { existsSync } from 'node:fs'
import { Kysely, sql } from 'kysely'
import { fail } from '../base/errors.ts'
import { type OpenDatabase, withDatabase } from './connect.ts'
import { listTables, type TableShape } from './dialect.ts'
import { executedMigrations, refuseNewer } from './migrate.ts'
import { postgresDialect } from './postgres.ts'
import { readerDialect } from './reader-thread.ts'
import { sqlitePath } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** One value: what the tables' types allow on both databases. */
export type Cell = string | number | boolean | null | Uint8Array

/** Rows of one table, each with its values in the order of the table's columns. */
export interface Batch {
  readonly table: SnapshotTable
  readonly rows: readonly (readonly Cell[])[]
}

/** A table and how many rows it has. */
export interface SnapshotTable extends TableShape {
  readonly rows: number
}

/** All that a database holds. */
export interface Snapshot {
  /** The migrations that made its tables. */
  readonly migrations: readonly string[]
  readonly tables: readonly SnapshotTable[]
  /** Every row once, table by table. */
  batches(): AsyncIterable<Batch>
}

/** Rows handed on together. */
const batchRows = 500

/**
 * Hands the action one state of the database, read in one transaction that stops nobody. The database stays as it is: it is not even
 * migrated. Throws `database_newer` for tables of a later version and `database_unusable` where there is none of ours.
 */
export async function withSnapshot<Result>(
  url: string,
  action: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  refuseMissingFile(url)
  return await withDatabase(url, async (database) => {
    const reader = snapshotReader(database)
    try {
      return await reader
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (transaction) => await action(await describe(transaction, database)))
    } finally {
      await reader.destroy()
    }
  })
}

/** Opening would make it. */
function refuseMissingFile(url: string): void {
  if (!url.startsWith('sqlite:') || existsSync(sqlitePath(url))) return
  throw fail('database_unusable', { database: sqlitePath(url), reason: 'there is no such file' })
}

function snapshotReader({ dialect, url }: OpenDatabase): Kysely<Tables> {
  if (dialect.name === 'sqlite') return new Kysely({ dialect: readerDialect(sqlitePath(url), 0) })
  return new Kysely({ dialect: postgresDialect(url, { connections: 1, statementTimeoutMs: 0, readOnly: true }) })
}

async function describe(reads: Kysely<Tables>, { dialect, label }: OpenDatabase): Promise<Snapshot> {
  const migrations = await executedMigrations(reads, dialect)
  if (migrations.length === 0) {
    throw fail('database_unusable', { database: label, reason: 'it holds no tables of Galerne' })
  }
  refuseNewer(migrations, label)
  const tables: SnapshotTable[] = []
  for (const { name, columns } of await listTables(dialect, reads)) {
    const counted = sql<{ rows: number }>`select count(*) as rows from ${sql.table(name)}`
    tables.push({ name, columns, rows: (await counted.execute(reads)).rows[0]?.rows ?? 0 })
  }
  return { migrations, tables, batches: () => batchesOf(reads, tables) }
}

async function* batchesOf(reads: Kysely<Tables>, tables: readonly SnapshotTable[]): AsyncGenerator<Batch, void> {
  for (const table of tables) {
    let rows: (readonly Cell[])[] = []
    for await (const row of readRows(reads, table)) {
      rows.push(row)
      if (rows.length < batchRows) continue
      yield { table, rows }
      rows = []
    }
    if (rows.length > 0) yield { table, rows }
  }
}

/** Every row of a table, each with its values in the order of `columns`. */
export async function* readRows(reads: Kysely<Tables>, { name, columns }: TableShape): AsyncGenerator<readonly Cell[]> {
  // The table's name is only known now; the types of `tables.ts` cannot help.
  const any = reads as unknown as Kysely<Record<string, Record<string, Cell>>>
  for await (const row of any
    .selectFrom(name)
    .select([...columns])
    .stream(batchRows)) {
    yield columns.map((column) => (row as Record<string, Cell>)[column] ?? null)
  }
}
