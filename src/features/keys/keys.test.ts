// Keys from making to revoking, on every database: who gets in, from when, until when, and what is kept.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeOnDatabases, needsSessions } from '../../../test/support/databases.ts'
import { connect, type Database } from '../../database/connect.ts'
import { createNotices } from '../../database/notices.ts'
import type { Caller } from '../../wire/exchange.ts'
import { createActs } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { createKey, type NewKey, revokeKey, rotateKey } from './create.ts'
import { firstKey } from './first.ts'
import { listKeys, touchKey } from './store.ts'
import { keyVerifier } from './verify.ts'

const given = 'a-value-that-the-operator-chose-0123'
const actor: Actor = { kind: 'system', id: 'test' }

const member = (id: string, workspace: string): Caller => ({
  ...{ id, kind: 'key', workspace, grants: [{ role: 'member', workspace }] },
})

function at(start: number) {
  const clock = { time: start, now: () => clock.time, elapsed: () => clock.time }
  return clock
}

describeOnDatabases('keys', (get) => {
  const open = (time = 1_000_000) => {
    const { database } = get()
    const clock = at(time)
    const acts = createActs(database, clock)
    const make = (wanted: Partial<NewKey> = {}) => createKey(acts, actor, { name: 'laptop', role: 'member', ...wanted })
    return { database, query: database.query, clock, acts, make, verifier: keyVerifier(database, clock) }
  }

  test('a new key gets in with its role and workspace; the secret is nowhere in the table', async () => {
    const { query, make, verifier } = open()
    const { key, secret } = await make()
    assert.match(secret, /^gal_[A-Za-z0-9_-]{43}$/)
    assert.deepEqual(await verifier.verify(secret), member(key.id, 'default'))
    const rows = await query.selectFrom('keys').selectAll().execute()
    assert.ok(!JSON.stringify(rows).includes(secret.slice(4, -4)))
    assert.equal(key.hint, secret.slice(-4))
  })

  test('secrets differ, and nothing but the exact secret gets in', async () => {
    const { make, verifier } = open()
    const one = await make()
    const two = await make()
    assert.notEqual(one.secret, two.secret)
    const wrong = ['', one.secret.slice(0, -1), `${one.secret} `, one.secret.toUpperCase(), one.key.id, 'x'.repeat(1e6)]
    for (const secret of wrong) assert.equal(await verifier.verify(secret), undefined)
  })

  test('a revocation by another connection counts from the next request on', async () => {
    const { clock, acts, make, verifier } = open()
    const { key, secret } = await make({ name: 'lost' })
    assert.ok(await verifier.verify(secret))
    const other: Database = await connect(get().url)
    clock.time = 2_000_000
    const revoked = await revokeKey(createActs(other, clock), actor, key.id)
    await other.close()
    assert.deepEqual(revoked, { ...key, lastUsedAt: 1_000_000, revokedAt: 2_000_000 })
    assert.equal(await verifier.verify(secret), undefined)
    clock.time = 3_000_000
    assert.deepEqual(await revokeKey(acts, actor, key.id), revoked)
  })

  test('a verifier that remembers asks again after an act, and believes nothing while it hears nothing', async (context) => {
    if (needsSessions(context, get())) return
    const { database, query, clock, make } = open()
    const notices = await createNotices(database)
    const verifier = keyVerifier(database, clock, notices)
    const { key, secret } = await make()
    assert.ok(await verifier.verify(secret))
    await query.updateTable('keys').set({ revoked_at: 1 }).where('id', '=', key.id).execute()
    assert.ok(await verifier.verify(secret), 'behind its back')
    clock.time += 500
    assert.equal(await verifier.verify(secret), undefined, 'half a second later')

    const second = await make()
    assert.ok(await verifier.verify(second.secret))
    const heard = new Promise((resolve) => notices.subscribe('acts', resolve))
    await revokeKey(createActs(database, clock, notices), actor, second.key.id)
    await heard
    assert.equal(await verifier.verify(second.secret), undefined, 'after the notice')

    const third = await make()
    await notices.close()
    assert.ok(await verifier.verify(third.secret))
    await query.updateTable('keys').set({ revoked_at: 1 }).where('id', '=', third.key.id).execute()
    assert.equal(await verifier.verify(third.secret), undefined, 'without notices')
  })

  test('an expired key stays out from that millisecond on', async () => {
    const { clock, make, verifier } = open()
    const { secret } = await make({ expiresAt: 1_000_500 })
    clock.time = 1_000_499
    assert.ok(await verifier.verify(secret))
    clock.time = 1_000_500
    assert.equal(await verifier.verify(secret), undefined)
  })

  test('a replaced key and its successor work side by side for as long as was said, then the successor alone', async () => {
    const { query, clock, acts, make, verifier } = open()
    const old = await make({ models: ['echo'], ipRanges: ['10.0.0.0/8'], expiresAt: 1_000_000 + 86_400_000 })
    clock.time = 2_000_000
    const fresh = await rotateKey(acts, actor, old.key.id, { overlapMs: 60_000 })
    assert.ok(fresh)
    assert.deepEqual(
      { ...fresh.key, id: old.key.id, hint: old.key.hint, createdAt: 1_000_000, expiresAt: old.key.expiresAt },
      { ...old.key, payer: old.key.id },
    )
    assert.equal(fresh.key.expiresAt, 2_000_000 + 86_400_000, 'as long as the old one was made for')
    assert.ok((await verifier.verify(old.secret)) && (await verifier.verify(fresh.secret)))
    await assert.rejects(rotateKey(acts, actor, old.key.id, { overlapMs: 60_000 }), /replaced by/)
    clock.time += 60_000
    assert.equal(await verifier.verify(old.secret), undefined)
    assert.ok(await verifier.verify(fresh.secret))
    const cards = await listKeys(query, { revoked: true })
    assert.equal(cards.find(({ id }) => id === old.key.id)?.replacedBy, fresh.key.id)
    assert.equal(
      await rotateKey(acts, actor, old.key.id, { overlapMs: 0 }),
      undefined,
      'an expired key has no successor',
    )
  })

  test('a person’s key does no more than the person, and nothing once they are disabled or gone', async () => {
    const { query, make, verifier } = open()
    const { workspace } = { workspace: 'default' }
    const user = { id: 'user_1', email: 'a@example.org', name: 'A', role: 'member' as const, created_at: 1 }
    await query.insertInto('users').values(user).execute()
    const { key, secret } = await make({ role: 'admin', user: 'user_1' })
    const held = async () => (await verifier.verify(secret))?.holder
    assert.deepEqual(await held(), [])
    await query.insertInto('members').values({ workspace, user_id: 'user_1', role: 'viewer', created_at: 1 }).execute()
    assert.deepEqual(await held(), [{ role: 'viewer', workspace }])
    await query.updateTable('users').set({ role: 'billing' }).where('id', '=', 'user_1').execute()
    assert.deepEqual(await held(), [{ role: 'billing' }, { role: 'viewer', workspace }])
    await query.updateTable('users').set({ disabled_at: 1 }).where('id', '=', 'user_1').execute()
    assert.deepEqual(await held(), [])
    await query.deleteFrom('users').where('id', '=', 'user_1').execute()
    assert.deepEqual(await held(), [])
    assert.equal((await verifier.verify(secret))?.user, 'user_1')
    assert.equal(key.user, 'user_1')
  })

  test('the last use is noted once a minute and never goes back', async () => {
    const { query, clock, make, verifier } = open()
    const { key, secret } = await make({ name: 'used' })
    const lastUse = async () => (await listKeys(query, {})).find((card) => card.id === key.id)?.lastUsedAt
    assert.equal(await lastUse(), null)
    for (const [time, expected] of [
      [1_000_000, 1_000_000],
      [1_059_999, 1_000_000],
      [1_060_000, 1_060_000],
      [900_000, 1_060_000],
    ] as const) {
      clock.time = time
      await verifier.verify(secret)
      assert.equal(await lastUse(), expected)
    }
    await touchKey(query, key.id, 5)
    assert.equal(await lastUse(), 1_060_000)
  })

  test('given values: short, spaced or taken ones are refused', async () => {
    const { make, verifier } = open()
    for (const value of ['x'.repeat(31), 'x'.repeat(513), `${'x'.repeat(40)} y`, `${'é'.repeat(40)}`]) {
      await assert.rejects(make({ given: value }), { code: 'invalid_value', param: 'secret' })
    }
    await make({ given: 'y'.repeat(32) })
    assert.ok(await verifier.verify('y'.repeat(32)))
    await assert.rejects(make({ given: 'y'.repeat(32) }), /already a key/)
    const together = await Promise.allSettled([make({ given: 'z'.repeat(32) }), make({ given: 'z'.repeat(32) })])
    assert.deepEqual(together.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
  })
})

describeOnDatabases('the first key', (get) => {
  const start = async (home: string, value?: string, time = 1_000_000) => {
    const { database } = get()
    const clock = at(time)
    const first = await firstKey(database, clock, value === undefined ? { home } : { home, given: value })
    return { ...first, verifier: keyVerifier(database, clock) }
  }

  test('is made once, kept for its owner alone; later settings are adopted and the former value revoked', async () => {
    const home = await mkdtemp(join(tmpdir(), 'galerne-home-'))
    const first = await start(home)
    assert.match(first.secret ?? '', /^gal_/)
    assert.equal(await readFile(first.file, 'utf8'), `${first.secret}\n`)
    assert.equal((await stat(first.file)).mode & 0o777, 0o600)
    const again = await start(home)
    assert.equal(again.secret, first.secret, 'the first start ended before it was shown')
    await again.shown()
    assert.deepEqual(await readdir(home), ['key'])
    assert.deepEqual((await first.verifier.verify(first.secret ?? ''))?.grants, [{ role: 'owner' }])

    const second = await start(home)
    assert.equal(second.secret, undefined)
    assert.equal((await listKeys(get().database.query, {})).length, 1)

    const third = await start(home, given)
    assert.equal(third.secret, undefined)
    assert.ok(await third.verifier.verify(given))
    assert.equal(await readFile(first.file, 'utf8'), `${given}\n`)
    assert.ok(await third.verifier.verify(first.secret ?? ''), 'the generated key still works')

    const fourth = await start(home, `${given}-rotated`)
    assert.equal(await fourth.verifier.verify(given), undefined)
    assert.ok(await fourth.verifier.verify(`${given}-rotated`))
    const fifth = `${given}-by-two-at-once`
    const both = await Promise.all([start(home, fifth), start(home, fifth)])
    assert.ok(await both[0].verifier.verify(fifth))
    await assert.rejects(start(home, given), /revoked or has expired/)
    await assert.rejects(start(home, 'short'), { code: 'invalid_value', param: 'api-key' })
    await rm(home, { recursive: true })
  })
})
