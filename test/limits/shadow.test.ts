// What copies of calls cost: in the organisation's usage at the price of batch work, and in nobody's budget. Versions share their model's price.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { budgetStore } from '../../src/features/budgets/store.ts'
import { describeOnServers } from '../support/databases.ts'
import { createEchoModel } from '../support/echo-model.ts'
import { chat, send } from '../support/http-client.ts'
import { type LimitedServer, startLimitedServer } from '../support/limited-server.ts'
import { middayClock } from '../support/midday.ts'
import { adminKey } from '../support/server.ts'
import { until } from '../support/until.ts'

// "hello big world" is three tokens, and so is the answer: 3 × 1,000 + 3 × 2,000 nano-units.
const price = 9_000
const version = `echo@sha256:${'b'.repeat(12)}`

describeOnServers('a shadow and a budget', (get) => {
  let server: LimitedServer
  before(async () => {
    const fresh = createEchoModel({ name: version, digest: 'b'.repeat(64) })
    server = await startLimitedServer(get().database, [createEchoModel(), fresh], { aliases: true })
    const now = middayClock.now()
    await budgetStore(get().database).put({
      ...{ id: 'budget_shadow', scope: 'workspace', subject: 'default', period: 'month', timeZone: 'Europe/Paris' },
      ...{ amount: 10 * price, hard: true, thresholds: [], webhook: null, webhookKey: null, emails: [] },
      ...{ createdAt: now, updatedAt: now },
    })
    await server.limits.policy.reload()
  })
  after(() => server.stop())

  test('ten calls fit a budget for ten, each with its copy; the copies are counted apart', async () => {
    const headers = { authorization: `Bearer ${adminKey}` }
    const body = { target: 'echo', shadow: { target: version } }
    assert.equal((await send(server, '/galerne/v1/aliases/watched', { method: 'PUT', body, headers })).status, 200)
    const call = () => chat(server, { model: 'watched', max_tokens: 3 })
    for (let count = 0; count < 10; count++) {
      assert.equal((await call()).status, 200)
      await server.settled()
    }
    assert.equal((await call()).status, 429)
    const copies = () =>
      get().database.query.selectFrom('usage').selectAll().where('workspace', '=', 'shadow').execute()
    await until('ten copies are counted', async () => (await copies()).length >= 10)
    const rows = await copies()
    assert.ok(rows.every(({ model, cost, status }) => model === version && cost === price / 2 && status === 'ok'))
    const accounts = get().database.query.selectFrom('accounts').selectAll().where('id', 'like', 'budget_shadow:%')
    assert.equal((await accounts.executeTakeFirstOrThrow()).spent, 10 * price)
    // The version has no price of its own: it costs what its model costs.
    const direct = await chat(server, { model: version, max_tokens: 3 })
    assert.equal(direct.status, 429)
  })
})
