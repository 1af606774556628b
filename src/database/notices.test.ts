// What listeners may rely on: a notice reaches every node, only when its transaction is committed, and a gap is told.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { describeOnDatabases, needsSessions } from '../../test/support/databases.ts'
import { connect } from './connect.ts'
import { currentSchema } from './dialect.ts'
import { createNotices, longestNotice, type Notice, type Notices, sharedChannel } from './notices.ts'

/** Collects what a channel hears; `next` waits for one more. */
function hear(notices: Notices, channel: string) {
  const heard: Notice[] = []
  let wake = () => {}
  const stop = notices.subscribe(channel, (notice) => {
    heard.push(notice)
    wake()
  })
  const reach = async (count: number) => {
    while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve))
    return heard
  }
  return { heard, reach, stop }
}

describeOnDatabases('notices', (get) => {
  test('reach every listener of the channel on every node, the own one too', async (context) => {
    if (needsSessions(context, get())) return
    const { database, url, kind } = get()
    const here = await createNotices(database)
    const other = await connect(url)
    const there = kind === 'sqlite' ? here : await createNotices(other)
    const [mine, theirs, foreign] = [hear(here, 'keys'), hear(there, 'keys'), hear(there, 'limits')]
    await here.publish('keys', 'key_1 “quoted” \\ ✓')
    const expected = [{ type: 'notice', payload: 'key_1 “quoted” \\ ✓' }]
    assert.deepEqual(await mine.reach(1), expected)
    assert.deepEqual(await theirs.reach(1), expected)
    assert.deepEqual(foreign.heard, [])
    mine.stop()
    await here.publish('keys', 'two')
    await theirs.reach(2)
    assert.deepEqual(mine.heard, expected)
    await Promise.all([here.close(), there.close(), other.close()])
    assert.equal(here.live, false)
  })

  test('within a transaction are told on commit, and never after a rollback', async (context) => {
    if (needsSessions(context, get())) return
    const { query } = get().database
    const notices = await createNotices(get().database)
    const keys = hear(notices, 'keys')
    const undone = query.transaction().execute(async (within) => {
      await notices.publish('keys', 'undone', { within })
      throw new Error('undone')
    })
    await assert.rejects(undone, /undone/)
    await query.transaction().execute(async (within) => {
      await notices.publish('keys', 'done', { within })
      await delay(50)
      assert.deepEqual(keys.heard, [])
    })
    assert.deepEqual(await keys.reach(1), [{ type: 'notice', payload: 'done' }])
    await notices.publish('keys', 'last')
    assert.deepEqual((await keys.reach(2)).at(-1), { type: 'notice', payload: 'last' })
    await notices.close()
  })

  test('too long ones are refused before anything is sent', async () => {
    const notices = await createNotices(get().database)
    await assert.rejects(notices.publish('keys', 'x'.repeat(longestNotice)), RangeError)
    await notices.close()
  })

  test('a broken connection is opened again, and listeners are told of the gap', async (context) => {
    if (get().kind === 'sqlite') return context.skip('SQLite has one process and no connection that could break')
    if (needsSessions(context, get())) return
    const { query, dialect } = get().database
    const notices = await createNotices(get().database)
    const keys = hear(notices, 'keys')
    assert.equal(notices.live, true)
    const name = sharedChannel((await currentSchema(dialect, query)) ?? '')
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`.execute(query)
    assert.deepEqual(await keys.reach(1), [{ type: 'gap' }])
    assert.equal(notices.live, true)
    await notices.publish('keys', 'again')
    assert.deepEqual((await keys.reach(2)).at(-1), { type: 'notice', payload: 'again' })
    await notices.close()
  })
})
