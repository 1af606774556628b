// Opens the database that a url names and brings its tables up to date. Knows no feature.

import { resolve } from 'node:path'
import { Kysely } from 'kysely'
import { Failure, fail } from '../base/errors.ts'
import { type Dialect, sqlite } from './dialect.ts'
import { migrate } from './migrate.ts'
import { sqliteDialect } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** An open database. */
export interface Database {
  /** Builds and runs queries. No transaction may stay open across an await on the engine or the network. */
  readonly query: Kysely<Tables>
  readonly dialect: Dialect
  /** Names of the migrations that this start ran. */
  readonly migrated: readonly string[]
  /** Waits for running queries and closes. */
  close(): Promise<void>
}

/**
 * Opens `sqlite:<path>` (made where absent) and migrates it. Throws `database_unusable` with the reason for a file that is no
 * database, is damaged or may not be written, and `database_newer` for one that a later version has changed.
 */
export async function connect(url: string): Promise<Database> {
  const path = sqlitePath(url)
  let query: Kysely<Tables> | undefined
  try {
    query = new Kysely<Tables>({ dialect: sqliteDialect(path) })
    const migrated = await migrate(query, path)
    const opened = query
    return { query: opened, dialect: sqlite, migrated, close: () => opened.destroy() }
  } catch (error) {
    await query?.destroy()
    if (error instanceof Failure && error.code === 'database_newer') throw error
    throw fail('database_unusable', { database: path, reason: reasonOf(error) }, error)
  }
}

function sqlitePath(url: string): string {
  if (!url.startsWith('sqlite:')) {
    throw fail('invalid_value', { param: 'database-url', reason: 'it must be sqlite:<path>' })
  }
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
  if (path === '') throw fail('invalid_value', { param: 'database-url', reason: 'sqlite: must be followed by a path' })
  return path === ':memory:' ? path : resolve(path)
}

function reasonOf(error: unknown): string {
  if (error instanceof Failure && typeof error.fields['reason'] === 'string') return error.fields['reason']
  return error instanceof Error ? error.message : String(error)
}
