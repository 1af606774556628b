// What every database must do alike: migrate once, keep transactions whole, hand times and money back as they came.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { describeOnDatabases, needsSessions } from '../../test/support/databases.ts'
import { connect } from './connect.ts'
import { lockTable } from './dialect.ts'
import { migrationNames } from './migrate.ts'
import type { NewRow } from './tables.ts'

const row = (id: string, created_at: number): NewRow<'keys'> => ({
  ...{
    id,
    workspace: 'default',
    name: id,
    role: 'member',
    reach: 'workspace',
    hash: id,
    hint: '',
    origin: 'generated',
    created_at,
  },
  ...{ expires_at: null, revoked_at: null, last_used_at: null },
})

describeOnDatabases('the database', (get) => {
  test('migrates once, and starts that come together wait for each other', async () => {
    assert.deepEqual(get().database.migrated, migrationNames)
    const more = await Promise.all([connect(get().url), connect(get().url)])
    for (const database of more) {
      assert.deepEqual(database.migrated, [])
      await database.close()
    }
  })

  test('a database of a later version is refused', async () => {
    const { database, url } = get()
    await sql`insert into kysely_migration (name, timestamp) values ('9999-wonders', '')`.execute(database.query)
    await assert.rejects(connect(url), { code: 'database_newer' })
    await sql`delete from kysely_migration where name = '9999-wonders'`.execute(database.query)
  })

  test('the same tables in another schema of the same PostgreSQL are nobody’s business', async (context) => {
    if (get().kind === 'sqlite') return context.skip('SQLite has one schema per file')
    if (needsSessions(context, get())) return
    const { url } = get()
    await sql`create schema beside`.execute(get().database.query)
    const beside = new URL(url)
    beside.searchParams.set('options', '-c search_path=beside')
    const started = await Promise.all([connect(beside.href), connect(beside.href), connect(beside.href)])
    assert.deepEqual(started.map((database) => database.migrated.length).sort(), [0, 0, migrationNames.length])
    await Promise.all(started.map((database) => database.close()))
    await sql`drop schema beside cascade`.execute(get().database.query)
  })

  test('a transaction that fails leaves nothing', async () => {
    const { query } = get().database
    const work = query.transaction().execute(async (transaction) => {
      await transaction.insertInto('keys').values(row('half', 1)).execute()
      throw new Error('changed my mind')
    })
    await assert.rejects(work, /changed my mind/)
    assert.equal(await query.selectFrom('keys').select('id').where('id', '=', 'half').executeTakeFirst(), undefined)
  })

  test('integers up to 2^53 come back as numbers', async () => {
    const { query } = get().database
    await query.insertInto('keys').values(row('large', Number.MAX_SAFE_INTEGER)).execute()
    const back = await query.selectFrom('keys').select('created_at').where('id', '=', 'large').executeTakeFirst()
    assert.equal(back?.created_at, Number.MAX_SAFE_INTEGER)
  })

  test('a locked table serves one transaction after the other: of ten that look first, one inserts', async () => {
    const { query, dialect } = get().database
    const insertIfNone = () =>
      query.transaction().execute(async (transaction) => {
        await lockTable(dialect, transaction, 'keys')
        const found = await transaction.selectFrom('keys').select('id').where('name', '=', 'only').executeTakeFirst()
        if (found !== undefined) return 0
        await transaction
          .insertInto('keys')
          .values({ ...row(randomUUID(), 1), name: 'only' })
          .execute()
        return 1
      })
    const inserted = await Promise.all(Array.from({ length: 10 }, insertIfNone))
    assert.equal(inserted.filter((count) => count === 1).length, 1)
  })
})

test('on SQLite, a connection waits for the transaction of another one in the same process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-two-'))
  const url = `sqlite:${join(folder, 'galerne.sqlite')}`
  const [one, two] = [await connect(url), await connect(url)]
  const inside = Promise.withResolvers<void>()
  const slow = one.query.transaction().execute(async (transaction) => {
    await transaction.insertInto('keys').values(row('one', 1)).execute()
    inside.resolve()
    await delay(100)
  })
  await inside.promise
  await two.query.insertInto('keys').values(row('two', 2)).execute()
  await slow
  const rows = await one.query.selectFrom('keys').select('id').orderBy('id').execute()
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['one', 'two'],
  )
  await Promise.all([one.close(), two.close()])
  await rm(folder, { recursive: true })
})
