// Limits and budgets of a key hold for the keys that it makes and for the one that replaces it: together they use no more than the one may.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { insertPerson } from '../../src/features/members/change.ts'
import { type AccountingServer, startAccounting } from '../support/accounting.ts'
import { describeOnServers } from '../support/databases.ts'

describeOnServers('a key with limits and a budget', (get) => {
  let server: AccountingServer
  before(async () => {
    server = await startAccounting(get().database)
  })
  after(() => server.stop())

  const done = async (method: string, path: string, body?: object, key?: string) => {
    const answer = await server.send(method, path, body, key)
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`)
    return answer.body
  }
  const chat = (key: string) => {
    const body = { model: 'echo', max_tokens: 3, messages: [{ role: 'user', content: 'hello big world' }] }
    return server.send('POST', '/v1/chat/completions', body, key)
  }
  /** A member of the workspace with a key of their own. */
  const member = async (name: string) => {
    const { database } = get()
    const acts = createActs(database, systemClock)
    const wanted = { email: `${name}@example.org`, name, role: 'member' } as const
    const { id } = await database.query.transaction().execute((within) => insertPerson(within, acts, wanted))
    const membership = { workspace: 'default', user_id: id, role: 'member', created_at: 1 } as const
    await database.query.insertInto('members').values(membership).execute()
    return await done('POST', '/galerne/v1/keys', { name, user_id: id })
  }

  test('shares its requests with those that it makes and with its successor', async () => {
    const free = await member('free')
    assert.equal((await done('POST', '/galerne/v1/keys', { name: 'more' }, free.secret)).payer, null)
    const first = await member('ann')
    await done('PUT', '/galerne/v1/limits', { scope: 'key', subject: first.id, requests_per_minute: 4 })
    const second = await done('POST', '/galerne/v1/keys', { name: 'second' }, first.secret)
    const third = await done('POST', '/galerne/v1/keys', { name: 'third' }, second.secret)
    const next = await done('POST', `/galerne/v1/keys/${first.id}/rotate`, {}, first.secret)
    assert.deepEqual([second.payer, third.payer, next.payer], [first.id, first.id, first.id])
    for (const { secret } of [first, second, third, next]) assert.equal((await chat(secret)).status, 200)
    for (const { secret } of [first, second, third, next]) assert.equal((await chat(secret)).status, 429)
    assert.equal((await chat(free.secret)).status, 200)
    const again = await done('POST', `/galerne/v1/keys/${next.id}/rotate`, {}, next.secret)
    assert.equal((await chat(again.secret)).status, 429)
    // Whoever sets limits of one of them sets those of all.
    const set = await done('PUT', '/galerne/v1/limits', { scope: 'key', subject: again.id, requests_per_minute: 1000 })
    assert.equal(set.subject, first.id)
    assert.equal((await chat(second.secret)).status, 200)
  })

  test('shares its budget, before and after its successor, and when prices of the past change', async () => {
    await done('POST', '/galerne/v1/prices', {
      model: 'echo',
      input: 1,
      output: 2,
      from: '2021-01-01',
      source: 'a test',
    })
    const first = await member('bob')
    // A call costs 9,000 nano-units.
    const budget = await done('POST', '/galerne/v1/budgets', { scope: 'key', subject: first.id, amount: 0.000_027 })
    assert.equal((await chat(first.secret)).status, 200)
    const next = await done('POST', `/galerne/v1/keys/${first.id}/rotate`, { overlap_seconds: 0 }, first.secret)
    assert.equal((await chat(next.secret)).status, 200)
    const child = await done('POST', '/galerne/v1/keys', { name: 'child' }, next.secret)
    assert.equal((await chat(child.secret)).status, 200)
    await server.settled()
    const refused = await chat(next.secret)
    assert.deepEqual([refused.status, refused.body.error.code], [429, 'insufficient_quota'])
    const spent = async () => {
      const { data } = await done('GET', '/galerne/v1/budgets')
      return data.find(({ id }: { id: string }) => id === budget.id).spent
    }
    assert.equal(await spent(), 0.000_027)
    // The budget names the keys whose calls it counts: their calls are what was spent.
    const { data: budgets } = await done('GET', '/galerne/v1/budgets')
    const { keys } = budgets.find(({ id }: { id: string }) => id === budget.id)
    assert.deepEqual(keys, [first.id, next.id, child.id])
    const theirs = await done('GET', `/galerne/v1/usage/calls?${keys.map((id: string) => `key=${id}`).join('&')}`)
    const sum = theirs.data.reduce((total: number, call: { cost_nano: number }) => total + call.cost_nano, 0)
    assert.deepEqual([theirs.data.length, sum], [3, 27_000])
    // Each row says which key it was.
    const rows = await get().database.query.selectFrom('usage').select('key_id').where('cost', '>', 0).execute()
    assert.deepEqual(new Set(rows.map(({ key_id }) => key_id)), new Set([first.id, next.id, child.id]))
    await done('POST', '/galerne/v1/prices', {
      model: 'echo',
      input: 2,
      output: 4,
      from: '2022-01-01',
      source: 'a test',
    })
    await done('POST', '/galerne/v1/reprice', { from: new Date(0).toISOString() })
    const figure = async () => {
      const own = get().database.query.selectFrom('spend').select('money')
      const sums = await own.where('scope', '=', 'key').where('subject', '=', first.id).execute()
      return sums.reduce((sum, { money }) => sum + money, 0)
    }
    assert.deepEqual([await spent(), await figure()], [0.000_054, 54_000])
  })
})
