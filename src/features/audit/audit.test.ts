// The audit log on every database: written with the act or not at all, bound in a chain that shows every change, and forgetful of people.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { connect } from '../../database/connect.ts'
import { hashEntry, verifyChain } from './chain.ts'
import { type Act, forgetPerson, record } from './record.ts'

const act = (changes: Partial<Act> = {}): Act => ({
  at: 1_700_000_000_000,
  actor: { kind: 'session', id: 'session_1', user: 'user_anna', address: '192.0.2.7' },
  action: 'project.created',
  target: { kind: 'workspace', id: 'blue' },
  details: { name: 'Blue' },
  ...changes,
})

describeOnDatabases('the audit log', (get) => {
  const write = (changes?: Partial<Act>) =>
    get()
      .database.query.transaction()
      .execute((transaction) => record(transaction, act(changes)))
  const rows = () => get().database.query.selectFrom('audit_log').selectAll().orderBy('sequence').execute()

  test('an empty chain is whole; entries of two connections at once form one chain', async () => {
    assert.deepEqual((await verifyChain(get().database)).entries, 0)
    const other = await connect(get().url)
    const both = [get().database, other]
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        both[index % 2]?.query.transaction().execute((transaction) => record(transaction, act())),
      ),
    )
    await other.close()
    const verification = await verifyChain(get().database)
    assert.deepEqual([verification.valid, verification.entries], [true, 20])
  })

  test('an act that is rolled back leaves no entry', async () => {
    const before = await verifyChain(get().database)
    const failing = get()
      .database.query.transaction()
      .execute(async (transaction) => {
        await record(transaction, act())
        throw new Error('changed my mind')
      })
    await assert.rejects(failing, /changed my mind/)
    assert.deepEqual(await verifyChain(get().database), before)
  })

  test('forgetting a person leaves the chain whole and nothing that leads to them', async () => {
    await write({ target: { kind: 'user', id: 'user_anna' }, action: 'user.updated' })
    const { head } = await verifyChain(get().database)
    const { query } = get().database
    await query.transaction().execute((transaction) => forgetPerson(transaction, 'user_anna'))
    assert.deepEqual((await verifyChain(get().database)).head, head)
    const left = JSON.stringify([
      await rows(),
      await query.selectFrom('audit_people').selectAll().execute(),
      await query.selectFrom('audit_origins').selectAll().execute(),
    ])
    assert.ok(!left.includes('anna') && !left.includes('192.0.2.7'), left)
    const pseudonym = (await rows()).at(-1)?.actor_person
    await write()
    assert.notEqual((await rows()).at(-1)?.actor_person, pseudonym, 'who comes back is somebody new')
  })

  test('a change, a gap, a cut and a rewritten end are found, and where', async () => {
    const { query } = get().database
    const all = await rows()
    const middle = all[4]
    const last = all.at(-1)
    assert.ok(middle !== undefined && last !== undefined)
    const kept = { sequence: last.sequence, hash: last.hash }
    const fault = async () => (await verifyChain(get().database, kept)).fault
    const put = (row: typeof middle) =>
      query.updateTable('audit_log').set(row).where('sequence', '=', row.sequence).execute()

    await put({ ...middle, details: '{}' })
    assert.deepEqual(await fault(), { sequence: 5, reason: 'it was changed' })
    const { hash: _, ...entry } = { ...middle, details: '{}' }
    await put({ ...entry, hash: hashEntry(entry) })
    assert.deepEqual(await fault(), { sequence: 6, reason: 'it is not bound to the entry before it' })
    await query.deleteFrom('audit_log').where('sequence', '=', 5).execute()
    assert.deepEqual(await fault(), { sequence: 5, reason: 'the entry is missing' })
    await query.insertInto('audit_log').values(middle).execute()
    assert.equal(await fault(), undefined)

    await query.deleteFrom('audit_log').where('sequence', '=', last.sequence).execute()
    await query.deleteFrom('audit_origins').where('sequence', '=', last.sequence).execute()
    assert.deepEqual(await fault(), { sequence: last.sequence, reason: 'entries at the end are missing' })
    // Whoever can also write the head is found by a hash that was kept elsewhere.
    await query
      .updateTable('audit_head')
      .set({ sequence: last.sequence - 1, hash: last.previous })
      .execute()
    assert.deepEqual(await fault(), { sequence: last.sequence, reason: 'the entry whose hash was kept is missing' })
    await write({ action: 'project.archived' })
    assert.deepEqual(await fault(), { sequence: last.sequence, reason: 'it is not the entry whose hash was kept' })
  })
})
