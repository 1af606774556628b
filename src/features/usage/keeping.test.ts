// What happens to usage afterwards: old rows go, one person's data goes, costs are computed again, and the accounts add up all the while.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import OpenAI from 'openai-7'
import { type AccountingServer, startAccounting } from '../../../test/support/accounting.ts'
import { describeOnServers } from '../../../test/support/databases.ts'
import { middayClock } from '../../../test/support/midday.ts'
import { testKey } from '../../../test/support/server.ts'
import { rowsPrice, rowsStart as start, usageRow, writeRows } from '../../../test/support/usage-rows.ts'
import type { Database } from '../../database/connect.ts'
import type { CallChange } from '../limits/balances.ts'
import type { Prices } from '../prices/book.ts'
import { costOf, type Price } from '../prices/price.ts'
import { reprice } from './reprice.ts'
import { deleteOld } from './retention.ts'
import type { UsageRow } from './row.ts'
import { writeUsage } from './store.ts'

const day = 86_400_000

/** Cost and calls by width and currency, from the sums; and from the rows. */
async function accounts({ query }: Pick<Database, 'query'>) {
  const amounts = [sql<number>`cast(sum(cost) as bigint)`.as('cost')] as const
  const sums = await query
    .selectFrom('usage_sums')
    .select(['width', 'currency', sql<number>`cast(sum(requests) as bigint)`.as('calls'), ...amounts])
    .where('requests', '<>', 0)
    .groupBy(['width', 'currency'])
    .orderBy('width')
    .orderBy('currency')
    .execute()
  const rows = await query
    .selectFrom('usage')
    .select(['currency', sql<number>`count(*)`.as('calls'), ...amounts])
    .groupBy('currency')
    .orderBy('currency')
    .execute()
  return { sums: sums.map((sum) => ({ ...sum })), rows: rows.map((row) => ({ ...row, calls: Number(row.calls) })) }
}

/** Totals say what the sums of all workspaces and keys say. */
async function assertTotalsMatch({ query }: Pick<Database, 'query'>): Promise<void> {
  const read = async (table: 'usage_sums' | 'usage_totals') => {
    const amount = (name: string) => sql<number>`cast(sum(${sql.ref(name)}) as bigint)`.as(name)
    const rows = await query
      .selectFrom(table as 'usage_sums')
      .select(['width', 'start', 'model', 'class', 'currency'])
      .select(['requests', 'cost', 'duration_ms', 'prompt_tokens'].map(amount))
      .where('requests', '<>', 0)
      .groupBy(['width', 'start', 'model', 'class', 'currency'])
      .orderBy('width')
      .orderBy('start')
      .orderBy('model')
      .orderBy('class')
      .orderBy('currency')
      .execute()
    return rows.map((row) => ({ ...row }))
  }
  assert.deepEqual(await read('usage_totals'), await read('usage_sums'))
}

async function assertAccountsMatch(database: Pick<Database, 'query'>): Promise<void> {
  await assertTotalsMatch(database)
  const { sums, rows } = await accounts(database)
  const widths = [60_000, 3_600_000, day]
  assert.deepEqual(
    sums,
    widths.flatMap((width) => rows.map((row) => ({ width, ...row }))),
  )
}

describeOnServers('usage kept, changed and deleted', (get) => {
  let server: AccountingServer
  before(async () => {
    server = await startAccounting(get().database)
  })
  after(() => server.stop())
  const send: AccountingServer['send'] = (...request) => server.send(...request)
  const chat = (user: string, content: string) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 }).chat.completions.create({
      model: 'echo',
      messages: [{ role: 'user', content }],
      user,
    })

  test('a price that is set counts from the next call on; a later price changes the past only by repricing', async () => {
    const { database } = get()
    const set = await send('POST', '/galerne/v1/prices', { model: 'echo', input: 1, output: 2, source: 'our list' })
    assert.deepEqual([set.status, set.body.input, set.body.cached, set.body.provider], [200, '1', '1', 'local'])
    const { usage } = await chat('someone', 'one two three')
    const tokens = [usage?.prompt_tokens ?? 0, usage?.completion_tokens ?? 0] as const
    await server.settled()
    const cost = async () =>
      await database.query.selectFrom('usage').select(['cost', 'price']).executeTakeFirstOrThrow()
    assert.deepEqual({ ...(await cost()) }, { cost: tokens[0] * 1000 + tokens[1] * 2000, price: set.body.id })
    const dearer = await send('POST', '/galerne/v1/prices', { model: 'echo', input: 3, output: 3, from: '2020-01-01' })
    assert.equal((await cost()).price, set.body.id)
    const plan = await send('POST', '/galerne/v1/reprice', { plan: true })
    const [line] = plan.body.data
    assert.deepEqual([plan.body.plan, line.model, line.calls, line.changed], [true, 'echo', 1, 1])
    assert.equal((await cost()).price, set.body.id)
    const done = await send('POST', '/galerne/v1/reprice', {})
    assert.deepEqual(done.body.data, plan.body.data)
    assert.deepEqual({ ...(await cost()) }, { cost: (tokens[0] + tokens[1]) * 3000, price: dearer.body.id })
    assert.deepEqual((await send('POST', '/galerne/v1/reprice', {})).body.data[0].changed, 0)
    await assertAccountsMatch(database)
    const listed = await send('GET', '/galerne/v1/prices')
    assert.deepEqual(listed.body.data.length, 2)
    const inForce = async () => (await send('GET', '/galerne/v1/prices/in-force')).body.data[0].price.id
    assert.equal(await inForce(), dearer.body.id)
    assert.equal((await send('DELETE', `/galerne/v1/prices/${dearer.body.id}`)).status, 200)
    assert.equal((await send('DELETE', `/galerne/v1/prices/${dearer.body.id}`)).status, 404)
    assert.equal(await inForce(), set.body.id)
    const acts = await database.query.selectFrom('audit_log').select('action').orderBy('sequence').execute()
    assert.deepEqual(
      acts.map(({ action }) => action),
      ['price.created', 'price.created', 'usage.repriced', 'usage.repriced', 'price.deleted'],
    )
  })

  test('repricing thousands of rows keeps rows and sums equal, in another currency too', async () => {
    const { database } = get()
    const rows = Array.from({ length: 1300 }, (_, index) =>
      usageRow({
        at: start + index * 7919,
        promptTokens: index,
        cachedTokens: 0,
        key: `key_${index % 3}`,
        cost: index,
      }),
    )
    await writeRows(database, rows)
    const moved: number[] = []
    const price: Price = { ...rowsPrice, currency: 'EUR' }
    const prices: Prices = { currency: 'EUR', priceOf: () => price }
    const options = { from: start, to: start + 10 * day, model: 'tiny', plan: false }
    const recharge = async (_: unknown, changes: readonly CallChange[]) => {
      for (const { by } of changes) moved.push(by.money)
    }
    const [total] = await reprice(database, prices, options, { recharge })
    const exact = (row: UsageRow) => costOf(rowsPrice, row, row.class)
    const before = rows.reduce((sum, { cost }) => sum + cost, 0)
    const after = rows.reduce((sum, row) => sum + exact(row), 0)
    assert.deepEqual(total, { model: 'tiny', currency: 'EUR', calls: 1300, changed: 1300, before, after })
    assert.equal(
      moved.reduce((sum, difference) => sum + difference, 0),
      (total?.after ?? 0) - (total?.before ?? 0),
    )
    await assertAccountsMatch(database)
    await database.query.deleteFrom('usage').execute()
    await database.query.deleteFrom('usage_sums').execute()
    await database.query.deleteFrom('usage_totals').execute()
  })

  test('a person’s texts are deleted by id, and the counts stay and name nobody', async () => {
    const { database } = get()
    const rules = '/galerne/v1/workspaces/default/usage-settings'
    const kept = await send('PUT', rules, { keep_content: true })
    assert.deepEqual([kept.status, kept.body.keep_content, kept.body.row_days], [200, true, null])
    await chat('person-a', 'the secret of a')
    await chat('person-b', 'the secret of b')
    await server.usage.writer.flush()
    await writeUsage(database, [
      { row: usageRow({ id: 'call_member', member: 'person-a' }), content: { input: '"by a"', output: null } },
    ])
    const before = await accounts(database)
    const forgotten = await send('DELETE', '/galerne/v1/people/person-a')
    const { object, calls, contents } = forgotten.body
    assert.deepEqual([object, calls, contents], ['person.forgotten', 2, 2])
    assert.deepEqual(await accounts(database), before)
    const texts = JSON.stringify(await database.query.selectFrom('usage_contents').selectAll().execute())
    assert.match(texts, /the secret of b/)
    assert.doesNotMatch(texts, /the secret of a|by a/)
    const rows = await database.query.selectFrom('usage').select(['member', 'end_user']).orderBy('end_user').execute()
    const people = rows.flatMap(({ member, end_user }) => [member, end_user].filter((name) => name !== null))
    assert.deepEqual(people, ['person-b'])
    const log = JSON.stringify(await database.query.selectFrom('audit_log').selectAll().execute())
    assert.doesNotMatch(log, /person-a/)
    assert.equal((await send('DELETE', '/galerne/v1/people/person-b', undefined, testKey)).status, 403)
    assert.equal((await send('PUT', '/galerne/v1/workspaces/none/usage-settings', {})).status, 404)
    assert.equal((await send('PUT', rules, { row_days: 0 })).status, 400)
  })

  test('what is old is deleted by each workspace’s rules; sums per day stay', async () => {
    const { database } = get()
    await database.query.deleteFrom('usage').execute()
    await database.query.deleteFrom('usage_sums').execute()
    await database.query.deleteFrom('usage_totals').execute()
    await database.query.deleteFrom('usage_contents').execute()
    const now = start + 40 * day
    const content = { input: '"text"', output: '[]' }
    for (const workspace of ['short', 'long']) {
      for (const age of [1, 10, 40]) {
        await writeUsage(database, [{ row: usageRow({ workspace, at: now - age * day }), content }])
      }
    }
    const many = Array.from({ length: 2500 }, () => usageRow({ workspace: 'short', at: now - 35 * day }))
    await writeRows(database, many)
    const rules = new Map([
      ['short', { keepContent: true, rowDays: 30, contentDays: 5 }],
      ['long', { keepContent: true, rowDays: null, contentDays: 20 }],
    ])
    const deleted = await deleteOld(database.query, rules, now)
    assert.deepEqual([deleted.rows, deleted.contents], [2501, 3])
    const left = async (table: 'usage' | 'usage_contents') => {
      const rows = await database.query
        .selectFrom(table)
        .select(['workspace', 'at'])
        .orderBy('workspace')
        .orderBy('at')
        .execute()
      return rows.map(({ workspace, at }) => [workspace, (now - at) / day])
    }
    assert.deepEqual(await left('usage'), [
      ...[40, 10, 1].map((age) => ['long', age]),
      ...[10, 1].map((age) => ['short', age]),
    ])
    assert.deepEqual(await left('usage_contents'), [
      ['long', 10],
      ['long', 1],
      ['short', 1],
    ])
    // What is left per minute and hour is in the totals too, and no more.
    await assertTotalsMatch(database)
    const days = await send('GET', '/galerne/v1/usage?from=2026-11-01&to=2027-02-01&group_by=workspace&width=total')
    assert.deepEqual(
      days.body.data.map(({ workspace, requests }: Record<string, unknown>) => [workspace, requests]),
      [
        ['long', 3],
        ['short', 2503],
      ],
    )
  })

  test('exchange rates, prices from a machine, and faults by name', async () => {
    const rate = await send('POST', '/galerne/v1/exchange-rates', {
      from: '2026-11-01',
      eur_per_usd: 0.86,
      source: 'ECB',
    })
    assert.deepEqual([rate.status, rate.body.eur_per_usd, rate.body.from], [200, '0.86', '2026-11-01T00:00:00.000Z'])
    assert.deepEqual((await send('GET', '/galerne/v1/exchange-rates')).body.data, [rate.body])
    const machine = { model: 'own', hardware_per_hour: 1.8, watts: 500, electricity_per_kwh: 0.4, plan: true }
    const given = { input_tokens_per_second: 4000, output_tokens_per_second: 500 }
    // (1.80 + 0.5 kW × 0.40) an hour over 14.4 and 1.8 million tokens an hour.
    const { body } = await send('POST', '/galerne/v1/prices/from-machine', { ...machine, ...given })
    assert.deepEqual([body.input, body.cached, body.output], ['0.138888889', '0', '1.111111111'])
    assert.match(body.source, /500 W at 0\.4 a kWh, 4000 tokens\/s in, 500 out \(given\)/)
    const slow = { ...machine, input_tokens_per_second: 1e-9, output_tokens_per_second: 1 }
    const dear = await send('POST', '/galerne/v1/prices/from-machine', slow)
    assert.deepEqual([dear.status, dear.body.error.param], [400, 'input_tokens_per_second'])
    const unknown = await send('POST', '/galerne/v1/prices/from-machine', machine)
    assert.deepEqual([unknown.status, unknown.body.error.param], [400, 'input_tokens_per_second'])
    const now = middayClock.now()
    const at = now - (now % 60_000)
    await writeRows(get().database, [
      usageRow({ model: 'own', at, promptTokens: 60_000, cachedTokens: 30_000, completionTokens: 1200 }),
    ])
    const measured = await send('POST', '/galerne/v1/prices/from-machine', machine)
    assert.match(measured.body.source, /500 tokens\/s in, 20 out \(measured\)/)
    const wrong = [
      [{ model: 'x', input: -1, output: 1 }, 'input'],
      [{ model: 'x', input: 1, output: 1, from: '2026-02-31' }, 'from'],
      [{ model: 'x', input: 1, output: 1, currency: 'GBP' }, 'currency'],
      [{ model: 'x', input: 1, output: 1, from: 'soon' }, 'from'],
      [
        {
          model: 'x',
          input: 1,
          output: 1,
          tiers: [
            { above: 9, input: 1, output: 1 },
            { above: 9, input: 1, output: 1 },
          ],
        },
        'tiers',
      ],
    ] as const
    for (const [price, param] of wrong) {
      const { status, body: refused } = await send('POST', '/galerne/v1/prices', price)
      assert.deepEqual([status, refused.error.param], [400, param], JSON.stringify(price))
    }
  })
})
