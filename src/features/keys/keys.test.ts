// Keys from making to revoking, on every database: who gets in, from when, until when, and what is kept.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { connect, type Database } from '../../database/connect.ts'
import type { Caller } from '../../wire/exchange.ts'
import { createKey, firstKey } from './create.ts'
import { keyStore } from './store.ts'
import { keyVerifier } from './verify.ts'

const given = 'a-value-that-the-operator-chose-0123'

const member = (id: string, workspace: string): Caller => ({
  ...{ id, kind: 'key', workspace, grants: [{ role: 'member', workspace }] },
})

function at(start: number) {
  const clock = { time: start, now: () => clock.time, elapsed: () => clock.time }
  return clock
}

describeOnDatabases('keys', (get) => {
  const open = (time = 1_000_000) => {
    const store = keyStore(get().database)
    const clock = at(time)
    return { store, clock, verifier: keyVerifier(store, clock) }
  }

  test('a new key gets in with its scope and workspace; the secret is nowhere in the table', async () => {
    const { store, clock, verifier } = open()
    const { key, secret } = await createKey(store, clock, { name: 'laptop', role: 'member' })
    assert.match(secret, /^gal_[A-Za-z0-9_-]{43}$/)
    assert.deepEqual(await verifier.verify(secret), member(key.id, 'default'))
    const rows = await get().database.query.selectFrom('keys').selectAll().execute()
    assert.ok(!JSON.stringify(rows).includes(secret.slice(4, -4)))
    assert.equal(key.hint, secret.slice(-4))
  })

  test('secrets differ, and nothing but the exact secret gets in', async () => {
    const { store, clock, verifier } = open()
    const one = await createKey(store, clock, { name: 'one', role: 'owner', reach: 'organisation' })
    const two = await createKey(store, clock, { name: 'two', role: 'owner', reach: 'organisation' })
    assert.notEqual(one.secret, two.secret)
    const wrong = ['', one.secret.slice(0, -1), `${one.secret} `, one.secret.toUpperCase(), one.key.id, 'x'.repeat(1e6)]
    for (const secret of wrong) assert.equal(await verifier.verify(secret), undefined)
  })

  test('a revocation by another connection counts from the next request on', async () => {
    const { store, clock, verifier } = open()
    const { key, secret } = await createKey(store, clock, { name: 'lost', role: 'member' })
    assert.ok(await verifier.verify(secret))
    const other: Database = await connect(get().url)
    const revoked = await keyStore(other).revoke('default', key.id, 2_000_000)
    await other.close()
    assert.deepEqual(revoked, { ...key, lastUsedAt: 1_000_000, revokedAt: 2_000_000 })
    assert.equal(await verifier.verify(secret), undefined)
    assert.deepEqual(await store.revoke('default', key.id, 3_000_000), revoked)
  })

  test('a workspace can neither see nor revoke the keys of another', async () => {
    const { store, clock, verifier } = open()
    const { key, secret } = await createKey(store, clock, { name: 'theirs', role: 'member', workspace: 'theirs' })
    assert.equal(await store.revoke('default', key.id, 1), undefined)
    assert.deepEqual(await verifier.verify(secret), member(key.id, 'theirs'))
    assert.ok((await store.list('default')).every((card) => card.id !== key.id))
    assert.deepEqual(await store.list('theirs'), [{ ...key, lastUsedAt: 1_000_000 }])
  })

  test('an expired key stays out from that millisecond on', async () => {
    const { store, clock, verifier } = open()
    const { secret } = await createKey(store, clock, { name: 'brief', role: 'member', expiresAt: 1_000_500 })
    clock.time = 1_000_499
    assert.ok(await verifier.verify(secret))
    clock.time = 1_000_500
    assert.equal(await verifier.verify(secret), undefined)
  })

  test('the last use is noted once a minute and never goes back', async () => {
    const { store, clock, verifier } = open()
    const { key, secret } = await createKey(store, clock, { name: 'used', role: 'member' })
    const lastUse = async () => (await store.list('default')).find((card) => card.id === key.id)?.lastUsedAt
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
    await store.touch(key.id, 5)
    assert.equal(await lastUse(), 1_060_000)
  })

  test('given values: short, spaced or taken ones are refused', async () => {
    const { store, clock, verifier } = open()
    const make = (value: string) => createKey(store, clock, { name: 'given', role: 'member', given: value })
    for (const value of ['x'.repeat(31), 'x'.repeat(513), `${'x'.repeat(40)} y`, `${'é'.repeat(40)}`]) {
      await assert.rejects(make(value), { code: 'invalid_value', param: 'secret' })
    }
    await make('y'.repeat(32))
    assert.ok(await verifier.verify('y'.repeat(32)))
    await assert.rejects(make('y'.repeat(32)), /already a key/)
    const together = await Promise.allSettled([make('z'.repeat(32)), make('z'.repeat(32))])
    assert.deepEqual(together.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
  })
})

describeOnDatabases('the first key', (get) => {
  const start = async (home: string, value?: string, time = 1_000_000) => {
    const store = keyStore(get().database)
    const clock = at(time)
    const first = await firstKey(store, clock, value === undefined ? { home } : { home, given: value })
    return { ...first, verifier: keyVerifier(store, clock), store }
  }

  test('is made once, kept for its owner alone; later settings are adopted and the former value revoked', async () => {
    const home = await mkdtemp(join(tmpdir(), 'galerne-home-'))
    const first = await start(home)
    assert.match(first.secret ?? '', /^gal_/)
    assert.equal(await readFile(first.file, 'utf8'), `${first.secret}\n`)
    assert.equal((await stat(first.file)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(home), ['key'])
    assert.deepEqual((await first.verifier.verify(first.secret ?? ''))?.grants, [{ role: 'owner' }])

    const second = await start(home)
    assert.equal(second.secret, undefined)
    assert.equal((await second.store.list('default')).length, 1)

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
