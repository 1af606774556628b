// Runs a suite once on every database at hand: SQLite always, and PostgreSQL where a url says so, else its dialect on PGlite. Knows no store.

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext } from 'node:test'
import pg from 'pg'
import { connect, type Database } from '../../src/database/connect.ts'
import { emptyPglite } from './pglite.ts'

/** What a suite gets: where its database is, and an open connection that is closed after it. */
export interface TestDatabase {
  /** `pglite` is PostgreSQL with one session for all connections: no notices, no locks between them. */
  readonly kind: 'sqlite' | 'postgres' | 'pglite'
  /** For further connections, other processes included. */
  readonly url: string
  readonly database: Database
}

/** A PostgreSQL database that tests may make schemas in, for instance one that CI started. */
const postgresUrl = process.env['GALERNE_TEST_POSTGRES']

/** Why a test of several processes on PostgreSQL is skipped here; false where it can run. */
export const withoutPostgres: string | false =
  postgresUrl === undefined && 'GALERNE_TEST_POSTGRES names no PostgreSQL database'

/** Declares `suite` for SQLite, and for PostgreSQL where there is one: a whole server has several sessions at work, which PGlite has not. */
export function describeOnServers(title: string, suite: (get: () => TestDatabase) => void): void {
  describe(`${title} on SQLite`, () => declare('sqlite', emptySqlite, suite))
  describe(`${title} on PostgreSQL`, { skip: withoutPostgres }, () => declare('postgres', emptyPostgres, suite))
}

/**
 * Declares `suite` for each database: SQLite, and PostgreSQL, or PGlite where there is none. Call `get()` inside tests only: the
 * database is opened before the first.
 */
export function describeOnDatabases(title: string, suite: (get: () => TestDatabase) => void): void {
  describe(`${title} on SQLite`, () => declare('sqlite', emptySqlite, suite))
  if (postgresUrl === undefined) {
    describe(`${title} on PGlite (GALERNE_TEST_POSTGRES names no PostgreSQL)`, () =>
      declare('pglite', emptyPglite, suite))
  } else describe(`${title} on PostgreSQL`, () => declare('postgres', emptyPostgres, suite))
}

/** Skips a test that needs what PGlite has not, and says so; true where it did: `if (needsSessions(context, get())) return`. */
export function needsSessions(context: TestContext, { kind }: TestDatabase): boolean {
  if (kind !== 'pglite') return false
  context.skip('PGlite has one session for all connections; GALERNE_TEST_POSTGRES names no PostgreSQL')
  return true
}

/** An empty database. */
export interface Place {
  readonly url: string
  remove(): Promise<void>
}

function declare(
  kind: TestDatabase['kind'],
  make: () => Promise<Place>,
  suite: (get: () => TestDatabase) => void,
): void {
  let place: Place | undefined
  let opened: TestDatabase | undefined
  before(async () => {
    place = await make()
    opened = { kind, url: place.url, database: await connect(place.url) }
  })
  suite(() => {
    if (opened === undefined) throw new Error('the database is only there inside tests')
    return opened
  })
  // Declared last: what the suite opened closes before its database.
  after(async () => {
    await opened?.database.close()
    await place?.remove()
  })
}

async function emptySqlite(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-store-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  return { url: `sqlite:${join(folder, 'galerne.sqlite')}`, remove }
}

/** A schema of its own in the one PostgreSQL, so that suites can run at the same time. Only where `withoutPostgres` is false. */
export async function emptyPostgres(): Promise<Place> {
  const base = postgresUrl ?? ''
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: base })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  await run(`create schema ${name}`)
  const url = new URL(base)
  url.searchParams.set('options', `-c search_path=${name}`)
  return { url: url.href, remove: () => run(`drop schema ${name} cascade`) }
}
