// What reports rely on: the reader sees what is committed, writes nothing, streams, and never stops the server's own thread.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kysely, sql } from 'kysely'
import { describeOnDatabases, needsSessions } from '../../test/support/databases.ts'
import { until } from '../../test/support/until.ts'
import { openReader } from './reader.ts'
import { readerDialect } from './reader-thread.ts'
import { sqlitePath } from './sqlite.ts'
import type { NewRow, Tables } from './tables.ts'

const row = (id: string, created_at = 2 ** 52): NewRow<'keys'> => ({
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
const ids = Array.from({ length: 1000 }, (_, index) => `key_${String(index).padStart(4, '0')}`)

/** Rows that a query makes out of nothing, so that it takes long. */
const counted = (count: number) => sql<{ total: number }>`with recursive numbers(n) as (
  select 1 union all select n + 1 from numbers where n < ${sql.lit(count)}) select count(*) as total from numbers`

describeOnDatabases('the reader', (get) => {
  test('sees what is committed and streams it whole; an early end leaves it usable', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    await database.query
      .insertInto('keys')
      .values(ids.map((id) => row(id)))
      .execute()
    const reader = openReader(database)
    const columns = ['id', 'created_at', 'expires_at'] as const
    const first = await reader.query.selectFrom('keys').select(columns).where('id', '=', 'key_0007').execute()
    assert.deepEqual(first, [{ id: 'key_0007', created_at: 2 ** 52, expires_at: null }])
    const streamed: string[] = []
    for await (const { id } of reader.query.selectFrom('keys').select('id').orderBy('id').stream(64)) streamed.push(id)
    assert.deepEqual(streamed, ids)
    for await (const { id } of reader.query.selectFrom('keys').select('id').orderBy('id').stream(64)) {
      if (id === ids[100]) break
    }
    const counts = await Promise.all(
      Array.from({ length: 10 }, () =>
        reader.query.selectFrom('keys').select(sql<number>`count(*)`.as('rows')).execute(),
      ),
    )
    assert.deepEqual(
      counts,
      Array.from({ length: 10 }, () => [{ rows: 1000 }]),
    )
    await reader.close()
  })

  test('a transaction of reads sees one state', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const reader = openReader(database)
    const count = (query: Kysely<Tables>) =>
      query.selectFrom('keys').select(sql<number>`count(*)`.as('rows')).executeTakeFirstOrThrow()
    const [before, between] = await reader.query
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (reads) => {
        const seen = await count(reads)
        await database.query.insertInto('keys').values(row('between')).execute()
        return [seen, await count(reads)]
      })
    assert.deepEqual(between, before)
    assert.equal((await count(reader.query)).rows, (before?.rows ?? 0) + 1)
    await reader.close()
  })

  test('writes nothing', async (context) => {
    if (needsSessions(context, get())) return
    const reader = openReader(get().database)
    await assert.rejects(reader.query.insertInto('keys').values(row('stray')).execute(), /read.?only/i)
    await reader.close()
    const stray = await get().database.query.selectFrom('keys').select('id').where('id', '=', 'stray').execute()
    assert.deepEqual(stray, [])
  })

  test('the server’s own thread goes on while it reads for long', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const reader = openReader(database)
    const turnsWhile = async (count: number) => {
      let over = false
      const long = counted(count)
        .execute(reader.query)
        .then(({ rows }) => {
          over = true
          return rows
        })
      let turns = 0
      for (; !over; turns++) {
        await database.query.selectFrom('keys').select('id').where('id', '=', 'key_0001').execute()
        await new Promise(setImmediate)
      }
      assert.deepEqual(await long, [{ total: count }])
      return turns
    }
    // A reader that stopped this thread would leave it one turn, however long it read; where queries are slow, it reads for longer.
    let turns = 0
    for (let count = 600_000; turns <= 10 && count < 40_000_000; count *= 4) turns = await turnsWhile(count)
    assert.ok(turns > 10, `${turns} queries while the reader read`)
    await reader.close()
  })

  test('on SQLite, a read beyond its limit is given up with its thread, and the next one starts another', async (context) => {
    if (get().kind !== 'sqlite') return context.skip('PostgreSQL ends a statement itself')
    const query = new Kysely<Tables>({ dialect: readerDialect(sqlitePath(get().url), 1_000) })
    // On a machine that stands still the limit passes for short reads too: then they are read again.
    const unlessLate = <Result>(read: Promise<Result>) =>
      read.catch((error: { code?: string }) => {
        if (error.code === 'deadline_exceeded') return undefined
        throw error
      })
    const keys = () => unlessLate(query.selectFrom('keys').select('id').where('id', '=', 'key_0001').execute())
    const stream = await until('a stream has begun', async () => {
      const begun = query.selectFrom('keys').select('id').stream(10)
      return (await unlessLate(begun.next())) && begun
    })
    // Nothing interrupts SQLite: this process ends only when its thread has counted, so no more than what is late on any machine.
    await assert.rejects(counted(40_000_000).execute(query), { code: 'deadline_exceeded' })
    assert.deepEqual(await until('another thread reads', keys), [{ id: 'key_0001' }])
    // What was read half-way says so; an end of the rows would cut an export in silence.
    const rest = async () => {
      for await (const _ of stream);
    }
    await assert.rejects(rest(), { code: 'database_unavailable' })
    await query.destroy()
  })
})
