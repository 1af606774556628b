// Opens the database that a url names and brings its tables up to date. Knows no feature.

import { Kysely, type Dialect as KyselyDialect } from 'kysely'
import { Failure, fail } from '../base/errors.ts'
import { type Dialect, postgres, sqlite } from './dialect.ts'
import { migrate } from './migrate.ts'
import { postgresDialect } from './postgres.ts'
import { sqliteDialect, sqlitePath } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** An open database. */
export interface Database {
  /** Builds and runs queries. No transaction may stay open across an await on the engine or the network. */
  readonly query: Kysely<Tables>
  readonly dialect: Dialect
  /** Names of the migrations that this start ran. */
  readonly migrated: readonly string[]
  /** What it was opened with, for further connections. May hold a password: never logged, never answered. */
  readonly url: string
  /** On SQLite: runs the action once the transaction that is open now has been committed; forgotten when it is rolled back. */
  readonly afterCommit?: (action: () => void) => void
  /** Waits for running queries and closes. */
  close(): Promise<void>
}

/** Where a url leads, and how to say so without a password. */
interface Target {
  readonly label: string
  readonly dialect: Dialect
  open(): KyselyDialect & Pick<Database, 'afterCommit'>
}

/**
 * Opens `sqlite:<path>` (made where absent) or `postgres://…` and migrates it. Throws `database_unusable` with the reason for a file
 * that is no database, is damaged or may not be written and for a server that does not let us in, and `database_newer` for a database
 * that a later version has changed.
 */
export async function connect(url: string): Promise<Database> {
  const { label, dialect, open } = targetOf(url)
  let opened: Kysely<Tables> | undefined
  try {
    const driver = open()
    const query = new Kysely<Tables>({ dialect: driver })
    opened = query
    const migrated = await migrate(query, dialect, label)
    const { afterCommit } = driver
    return { query, dialect, migrated, url, ...(afterCommit && { afterCommit }), close: () => query.destroy() }
  } catch (error) {
    await opened?.destroy()
    if (error instanceof Failure && error.code === 'database_newer') throw error
    throw fail('database_unusable', { database: label, reason: reasonOf(error) }, error)
  }
}

function targetOf(url: string): Target {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) {
    const { host, pathname } = new URL(url)
    return { label: `postgres://${host}${pathname}`, dialect: postgres, open: () => postgresDialect(url) }
  }
  if (!url.startsWith('sqlite:')) {
    throw fail('invalid_value', { param: 'database-url', reason: 'it must be sqlite:<path> or postgres://…' })
  }
  const path = sqlitePath(url)
  if (path === '') throw fail('invalid_value', { param: 'database-url', reason: 'sqlite: must be followed by a path' })
  return { label: path, dialect: sqlite, open: () => sqliteDialect(path) }
}

function reasonOf(error: unknown): string {
  if (error instanceof Failure && typeof error.fields['reason'] === 'string') return error.fields['reason']
  return error instanceof Error ? error.message : String(error)
}
