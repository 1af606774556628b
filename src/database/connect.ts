// Opens the database that a url names and brings its tables up to date. Knows no feature.

import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, type Dialect as KyselyDialect, sql } from 'kysely'
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
  /** What may be shown of the url. */
  readonly label: string
  /** On SQLite: runs the action once the transaction that is open now has been committed; forgotten when it is rolled back. */
  readonly afterCommit?: (action: () => void) => void
  /** Waits for running queries and closes. */
  close(): Promise<void>
}

/** A database as it was found. */
export type OpenDatabase = Omit<Database, 'migrated'>

/** Where a url leads, and how to say so without a password. */
interface Target {
  readonly label: string
  readonly dialect: Dialect
  /** `unbounded`: for work whose statements may take as long as they take. */
  open(unbounded: boolean): KyselyDialect & Pick<Database, 'afterCommit'>
}

/**
 * Opens `sqlite:<path>` (made where absent) or `postgres://…` and migrates it. Throws `database_unusable` with the reason for a file
 * that is no database, is damaged or may not be written and for a server that does not let us in, and `database_newer` for a database
 * that a later version has changed.
 */
export async function connect(url: string): Promise<Database> {
  const { label, dialect } = targetOf(url)
  let opened: OpenDatabase | undefined
  try {
    opened = await openPatiently(url)
    const migrated = await migrate(opened.query, dialect, label)
    if (dialect.name === 'sqlite') return { ...opened, migrated }
    // A migration takes as long as it takes, a request's statement does not.
    await opened.close()
    return { ...open(url, false), migrated }
  } catch (error) {
    await opened?.close()
    throw unusable(label, error)
  }
}

/** Opens a database as it is, hands it to the action, and closes it. Its statements have no time limit. Throws as `connect` does. */
export async function withDatabase<Result>(
  url: string,
  action: (database: OpenDatabase) => Promise<Result>,
): Promise<Result> {
  const { label } = targetOf(url)
  let opened: OpenDatabase | undefined
  try {
    opened = await openPatiently(url)
    return await action(opened)
  } catch (error) {
    throw unusable(label, error)
  } finally {
    await opened?.close()
  }
}

/** What another failure means while a database is opened or worked on as a whole. */
export function unusable(label: string, error: unknown): Failure {
  if (error instanceof Failure && error.code !== 'database_unavailable') return error
  return fail('database_unusable', { database: label, reason: reasonOf(error) }, error)
}

function open(url: string, unbounded: boolean): OpenDatabase {
  const target = targetOf(url)
  const driver = target.open(unbounded)
  const query = new Kysely<Tables>({ dialect: driver })
  const { afterCommit } = driver
  const { label, dialect } = target
  return { query, dialect, url, label, ...(afterCommit && { afterCommit }), close: () => query.destroy() }
}

/** PostgreSQL answers so while it recovers from a crash: it comes back by itself, and a start may wait for it. */
const startingUp = '57P03'
const startingUpMs = 60_000
const pauseMs = 250

async function openPatiently(url: string): Promise<OpenDatabase> {
  for (let waited = 0; ; waited += pauseMs) {
    const opened = open(url, true)
    try {
      // Nothing is connected before the first query.
      await sql`select 1`.execute(opened.query)
      return opened
    } catch (error) {
      await opened.close()
      if (waited >= startingUpMs || stateOf(error) !== startingUp) throw error
      await delay(pauseMs)
    }
  }
}

function stateOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? Reflect.get(error.cause, 'code') : undefined
}

function targetOf(url: string): Target {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) {
    const { host, pathname } = new URL(url)
    return {
      label: `postgres://${host}${pathname}`,
      dialect: postgres,
      open: (unbounded) => postgresDialect(url, unbounded ? { connections: 2, statementTimeoutMs: 0 } : {}),
    }
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
