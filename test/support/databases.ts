// Runs a suite once on every database at hand: SQLite always, PostgreSQL where a url says so. Knows no store.

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import pg from 'pg'
import { connect, type Database } from '../../src/database/connect.ts'

/** What a suite gets: where its database is, and an open connection that is closed after it. */
export interface TestDatabase {
  /** For further connections, other processes included. */
  readonly url: string
  readonly database: Database
}

/** A PostgreSQL database that tests may make schemas in, for instance one that CI started. */
const postgresUrl = process.env['GALERNE_TEST_POSTGRES']

/** Declares `suite` for each database. Call `get()` inside tests only: the database is opened before the first. */
export function describeOnDatabases(title: string, suite: (get: () => TestDatabase) => void): void {
  describe(`${title} on SQLite`, () => declare(sqliteFile, suite))
  const skip = postgresUrl === undefined && 'GALERNE_TEST_POSTGRES names no PostgreSQL database'
  describe(`${title} on PostgreSQL`, { skip }, () => declare(() => postgresSchema(postgresUrl ?? ''), suite))
}

/** An empty database. */
interface Place {
  readonly url: string
  remove(): Promise<void>
}

function declare(make: () => Promise<Place>, suite: (get: () => TestDatabase) => void): void {
  let place: Place | undefined
  let opened: TestDatabase | undefined
  before(async () => {
    place = await make()
    opened = { url: place.url, database: await connect(place.url) }
  })
  after(async () => {
    await opened?.database.close()
    await place?.remove()
  })
  suite(() => {
    if (opened === undefined) throw new Error('the database is only there inside tests')
    return opened
  })
}

async function sqliteFile(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-store-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  return { url: `sqlite:${join(folder, 'galerne.sqlite')}`, remove }
}

/** A schema of its own in the one database, so that suites can run at the same time. */
async function postgresSchema(base: string): Promise<Place> {
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
