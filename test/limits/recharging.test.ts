// What happens to charges afterwards: prices of the past change, a server dies and its estimates end. Budgets, tiers and months follow the rows.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../src/database/connect.ts'
import { nanoPerUnit } from '../../src/features/prices/price.ts'
import { reconcileEstimates } from '../../src/features/usage/reconcile.ts'
import { type AccountingServer, startAccounting } from '../support/accounting.ts'
import { describeOnServers } from '../support/databases.ts'
import { middayClock } from '../support/midday.ts'
import { testKey } from '../support/server.ts'
import { until } from '../support/until.ts'
import { usageRow } from '../support/usage-rows.ts'

/** Money and tokens of all rows, or of those of a window. */
async function rowSums({ query }: Pick<Database, 'query'>, from = 0, to = Number.MAX_SAFE_INTEGER) {
  const rows = await query.selectFrom('usage').selectAll().where('at', '>=', from).where('at', '<', to).execute()
  return {
    money: rows.reduce((sum, { cost }) => sum + cost, 0),
    tokens: rows.reduce((sum, row) => sum + row.prompt_tokens + row.completion_tokens, 0),
  }
}

/** The rows' sums are what every balance says: budgets, what tiers follow, months, quarters of an hour, sums per day. */
async function assertBalancesMatch({ query }: Pick<Database, 'query'>): Promise<void> {
  const sums = await rowSums({ query })
  const accounts = await query.selectFrom('accounts').selectAll().where('unit', '<>', 'parallel').execute()
  for (const { id, unit, opens_at, closes_at, spent } of accounts) {
    const { money, tokens } = await rowSums({ query }, opens_at, closes_at)
    assert.equal(spent, unit === 'tokens' ? tokens : money, id)
  }
  const spend = await query.selectFrom('spend').selectAll().execute()
  for (const scope of ['key', 'workspace', 'organisation']) {
    const own = spend.filter((row) => row.scope === scope)
    const money = own.reduce((sum, row) => sum + row.money, 0)
    assert.deepEqual({ money, tokens: own.reduce((sum, row) => sum + row.tokens, 0) }, sums, scope)
  }
  const days = await query.selectFrom('usage_sums').selectAll().where('width', '=', 86_400_000).execute()
  assert.equal(
    days.reduce((sum, { cost }) => sum + cost, 0),
    sums.money,
  )
}

describeOnServers('charges that change afterwards', (get) => {
  let server: AccountingServer
  before(async () => {
    server = await startAccounting(get().database)
  })
  after(() => server.stop())
  const send: AccountingServer['send'] = (...request) => server.send(...request)
  const setPrice = async (input: number, output: number, from: string) => {
    const price = { model: 'echo', input, output, from, source: 'a test' }
    assert.equal((await send('POST', '/galerne/v1/prices', price)).status, 200)
  }
  const chat = async () => {
    const body = { model: 'echo', max_tokens: 3, messages: [{ role: 'user', content: 'hello big world' }] }
    return (await send('POST', '/v1/chat/completions', body, testKey)).status
  }
  const budget = async () => (await send('GET', '/galerne/v1/budgets')).body.data[0]

  test('repricing moves budgets, tiers and months by what the rows move', async () => {
    const { database } = get()
    await setPrice(1, 2, '2021-01-01')
    const tiers = [
      { tier: 0, requests_per_minute: 1000 },
      { tier: 1, requests_per_minute: 2000, spend_above: 0 },
      { tier: 2, requests_per_minute: 3000, spend_above: 0.000_05 },
    ]
    assert.equal((await send('PUT', '/galerne/v1/tiers', { tiers })).status, 200)
    const auto = { scope: 'workspace', tier: 'auto' }
    assert.equal((await send('PUT', '/galerne/v1/tiers/assignments', auto)).status, 200)
    const monthly = { scope: 'workspace', tokens_per_month: 1_000_000 }
    assert.equal((await send('PUT', '/galerne/v1/limits', monthly)).status, 200)
    const made = await send('POST', '/galerne/v1/budgets', { scope: 'workspace', amount: 0.000_1 })
    assert.equal(made.status, 200, made.text)
    for (let n = 0; n < 3; n++) assert.equal(await chat(), 200)
    await server.settled()
    assert.deepEqual(await rowSums(database), { money: 27_000, tokens: 18 })
    await assertBalancesMatch(database)
    const tier = async () => (await send('GET', '/galerne/v1/tiers/assignments')).body.data[0].tier
    const becomes = (wanted: number) => until(`the tier is ${wanted}`, async () => (await tier()) === wanted)
    await becomes(1)

    // Ten times the price: the past costs more than the budget has, and nothing is left of it.
    await setPrice(10, 20, '2022-01-01')
    const plan = await send('POST', '/galerne/v1/reprice', { plan: true })
    assert.equal(plan.body.data[0].changed, 3)
    await assertBalancesMatch(database)
    assert.deepEqual((await send('POST', '/galerne/v1/reprice', {})).body.data, plan.body.data)
    assert.equal((await rowSums(database)).money, 270_000)
    await assertBalancesMatch(database)
    assert.equal(Math.round((await budget()).spent * nanoPerUnit), 270_000)
    await becomes(2)
    // What the node had leased ahead comes back.
    const leased = database.query.selectFrom('accounts').select('id').where('leased', '<>', 0)
    await until('nothing is leased', async () => (await leased.execute()).length === 0)
    assert.equal(await chat(), 429)

    // Cheaper than ever: there is room again, and the tier falls.
    await setPrice(0.1, 0.2, '2023-01-01')
    assert.equal((await send('POST', '/galerne/v1/reprice', {})).body.data[0].changed, 3)
    assert.equal((await rowSums(database)).money, 2_700)
    await assertBalancesMatch(database)
    await becomes(1)
    assert.equal(await chat(), 200)
    await server.settled()
    assert.equal((await rowSums(database)).money, 3_600)
    await assertBalancesMatch(database)
  })

  test('an estimate ends where somebody saw the call, and where the operator lets it go; reprices between keep all equal', async () => {
    const { database } = get()
    const { query } = database
    const at = middayClock.now() - 2 * 3_600_000
    const ids = ['call_seen', 'call_never', 'call_young'] as const
    // What a node that died leaves: open reservations under a lease that ran out.
    await query.insertInto('ledger_nodes').values({ id: 'node_dead', step: 1, lease_until: at }).execute()
    const holder = { key_id: 'key_use', workspace: 'default', model: 'echo' }
    const details = JSON.stringify({
      ...{ requestId: 'request', operation: 'chat', class: 'interactive', user: null, endUser: null, digest: null },
      ...{ price: null, currency: 'USD', promptTokens: 10, completionTokens: 90 },
    })
    for (const id of ids) {
      const began = id === 'call_young' ? middayClock.now() : at
      const state = { node: 'node_dead', state: 'open', money: 50_000, tokens: 100, details } as const
      await query
        .insertInto('reservations')
        .values({ id, at: began, ...holder, ...state })
        .execute()
    }
    const states = async () =>
      (
        await query
          .selectFrom('reservations')
          .select('state')
          .where('id', 'in', [...ids])
          .orderBy('id')
          .execute()
      ).map(({ state }) => state)
    const counted = query
      .selectFrom('usage')
      .select('id')
      .where('id', 'in', [...ids])
    await until('the dead node is found', async () => (await counted.execute()).length === 3)
    assert.deepEqual(await states(), ['estimated', 'estimated', 'estimated'])
    await assertBalancesMatch(database)
    const before = await rowSums(database)
    const untouched = await send('POST', '/galerne/v1/usage/reconcile', {})
    assert.deepEqual(untouched.body, { object: 'usage.reconciled', reconciled: 0, released: 0, left: 3 })

    // The journal of the dead node is found, and what it served is cheaper than what it reserved.
    const served = usageRow({ id: 'call_seen', at, key: 'key_use', workspace: 'default', model: 'echo', ranOn: 'here' })
    await server.usage.writer.write([{ row: { ...served, cost: 4_000, promptTokens: 10, completionTokens: 2 } }])
    assert.equal((await send('POST', '/galerne/v1/reprice', {})).status, 200)
    const counts = await reconcileEstimates({ database, limits: server.limits })
    assert.deepEqual(counts, { reconciled: 1, released: 0, left: 2 })
    await assertBalancesMatch(database)
    assert.ok((await rowSums(database)).money < before.money)

    const released = await send('POST', '/galerne/v1/usage/reconcile', { release: true })
    assert.deepEqual(released.body, { object: 'usage.reconciled', reconciled: 0, released: 1, left: 1 })
    // By id: call_never, call_seen, call_young.
    assert.deepEqual(await states(), ['settled', 'settled', 'estimated'])
    await assertBalancesMatch(database)
    const never = await query.selectFrom('usage').selectAll().where('id', '=', 'call_never').executeTakeFirstOrThrow()
    assert.deepEqual([never.cost, never.prompt_tokens, never.estimated], [0, 0, 0])
    const acts = await query.selectFrom('audit_log').select('action').where('action', '=', 'usage.reconciled').execute()
    assert.equal(acts.length, 1)
    assert.equal((await send('POST', '/galerne/v1/usage/reconcile', {}, testKey)).status, 403)
  })
})

describeOnServers('money that is set while calls run', (get) => {
  let server: AccountingServer
  before(async () => {
    server = await startAccounting(get().database, 'USD', 40)
  })
  after(() => server.stop())

  test('a budget too small for the smallest money is refused, one of nothing is a stop', async () => {
    const make = (amount: number) => server.send('POST', '/galerne/v1/budgets', { scope: 'organisation', amount })
    const { status, body } = await make(1e-10)
    assert.deepEqual([status, body.error.param], [400, 'amount'])
    const stop = await make(0)
    assert.deepEqual([stop.status, stop.body.amount], [200, 0])
    assert.equal((await server.send('DELETE', `/galerne/v1/budgets/${stop.body.id}`)).status, 200)
  })

  test('is for the calls after it: row, budget and sums are the price that was reserved by', async () => {
    const { database } = get()
    const price = (input: number, output: number) =>
      server.send('POST', '/galerne/v1/prices', { model: 'echo', input, output, source: 'a test' })
    assert.equal((await price(1, 2)).status, 200)
    assert.equal((await server.send('POST', '/galerne/v1/budgets', { scope: 'workspace', amount: 1 })).status, 200)
    const answer = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model: 'echo', max_tokens: 8, stream: true },
        messages: [{ role: 'user', content: 'one two three four five six seven eight' }],
      }),
    })
    const reader = answer.body?.getReader()
    await reader?.read()
    // The operator's new price holds for all times, so also for when the call began.
    assert.equal((await price(10, 20)).status, 200)
    while ((await reader?.read())?.done === false) {}
    await server.settled()
    const row = await database.query.selectFrom('usage').selectAll().executeTakeFirstOrThrow()
    assert.equal(row.cost, row.prompt_tokens * 1000 + row.completion_tokens * 2000)
    await assertBalancesMatch(database)
  })
})
