// Runs a suite once on every database at hand: SQLite always, PostgreSQL where a url says so. Knows no store.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import { connect, type Database } from '../../src/database/connect.ts'

/** What a suite gets: where its database is, and an open connection that is closed after it. */
export interface TestDatabase {
  /** For further connections, other processes included. */
  readonly url: string
  readonly database: Database
}

/** Declares `suite` for each database. Call `get()` inside tests only: the database is opened before the first. */
export function describeOnDatabases(title: string, suite: (get: () => TestDatabase) => void): void {
  describe(`${title} on SQLite`, () => {
    let opened: TestDatabase | undefined
    let folder = ''
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'galerne-store-'))
      const url = `sqlite:${join(folder, 'galerne.sqlite')}`
      opened = { url, database: await connect(url) }
    })
    after(async () => {
      await opened?.database.close()
      await rm(folder, { recursive: true, force: true })
    })
    suite(() => present(opened))
  })
}

function present(opened: TestDatabase | undefined): TestDatabase {
  if (opened === undefined) throw new Error('the database is only there inside tests')
  return opened
}
