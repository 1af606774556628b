// Lists in pages: a walk page by page finds every row once and in order, hostile cursors are refused by name, and no list is without a way on.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../scripts/reference/complete-server.ts'
import { systemClock } from '../src/base/clock.ts'
import { createActs } from '../src/features/audit/acts.ts'
import { createKey } from '../src/features/keys/create.ts'
import { describeOnServers } from './support/databases.ts'
import { createEchoModel } from './support/echo-model.ts'

const names = ['one', 'two', 'three', 'four', 'five']

/** Each list with what tells its rows apart, in the order in which it answers them. */
const lists: readonly [path: string, field: string, order: readonly unknown[]][] = [
  ['/galerne/v1/limits', 'requests_per_minute', [1, 2, 3, 4, 5]],
  ['/galerne/v1/tiers', 'tier', [0, 1, 2, 3, 4]],
  ['/galerne/v1/tiers/assignments', 'scope', ['organisation', 'workspace']],
  ['/galerne/v1/budgets', 'amount', [1, 2, 3, 4, 5]],
  ['/galerne/v1/aliases', 'name', ['a1', 'a2', 'a3', 'a4', 'a5']],
  ['/galerne/v1/aliases/a1/history', 'reason', ['r5', 'r4', 'r3', 'r2', 'r1']],
  [`/galerne/v1/model-quality?digest=${'a'.repeat(64)}`, 'perplexity', [5, 4, 3, 2, 1]],
  ['/galerne/v1/model-quality', 'perplexity', [5, 4, 3, 2, 1]],
  ['/galerne/v1/prices', 'input', ['1', '2', '3', '4', '5']],
  ['/galerne/v1/prices/in-force', 'model', names],
  ['/galerne/v1/exchange-rates', 'source', ['r1', 'r2', 'r3', 'r4', 'r5']],
  ['/galerne/v1/shares', 'title', ['s5', 's4', 's3', 's2', 's1']],
  ['/galerne/v1/keys', 'name', ['k5', 'k4', 'k3', 'k2', 'k1', 'owner']],
]

describeOnServers('lists in pages', (get) => {
  let complete: CompleteServer
  let secret: string
  const call = async (method: 'GET' | 'POST' | 'PUT', url: string, payload?: object) => {
    const headers = { host: 'localhost', authorization: `Bearer ${secret}` }
    const answer = await complete.server.inject({ method, url, headers, ...(payload && { payload }) })
    return { status: answer.statusCode, body: answer.json() }
  }
  const done = async (...request: Parameters<typeof call>) => {
    const { status, body } = await call(...request)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const withQuery = (path: string, query: string) => `${path}${path.includes('?') ? '&' : '?'}${query}`

  before(async () => {
    const { database } = get()
    complete = await openCompleteServer({ database, models: names.map((name) => createEchoModel({ name })) })
    const acts = createActs(database, systemClock)
    const actor = { kind: 'system', id: 'test' } as const
    secret = (await createKey(acts, actor, { name: 'owner', role: 'owner', reach: 'organisation' })).secret
    for (const number of [1, 2, 3, 4, 5]) {
      const model = names[number - 1]
      const { id } = await done('POST', '/galerne/v1/keys', { name: `k${number}` })
      await done('PUT', '/galerne/v1/limits', { scope: 'key', subject: id, requests_per_minute: number })
      await done('POST', '/galerne/v1/budgets', { scope: 'key', subject: id, amount: number })
      await done('PUT', `/galerne/v1/aliases/a${number}`, { target: model })
      await done('POST', '/galerne/v1/model-quality', { digest: 'a'.repeat(64), perplexity: number })
      await done('POST', '/galerne/v1/prices', { model, input: number, output: 1 })
      const rate = { from: `2026-0${number}-01`, eur_per_usd: 0.9, source: `r${number}` }
      await done('POST', '/galerne/v1/exchange-rates', rate)
      await done('POST', '/galerne/v1/shares', { title: `s${number}`, content: {} })
    }
    // The way that the first alias had before, beside its four other changes.
    await database.query.updateTable('model_alias_changes').set({ reason: 'r1' }).where('alias', '=', 'a1').execute()
    for (const number of [2, 3, 4, 5]) {
      await done('PUT', '/galerne/v1/aliases/a1', { target: names[number - 1], reason: `r${number}` })
    }
    await done('PUT', '/galerne/v1/tiers', { tiers: [0, 1, 2, 3, 4].map((tier) => ({ tier, spend_above: tier })) })
    for (const scope of ['workspace', 'organisation']) {
      await done('PUT', '/galerne/v1/tiers/assignments', { scope, tier: 1 })
    }
    const prompt = { name: 'greeting', definition: { content: 'v1' } }
    await done('POST', '/v2/prompts', prompt)
    for (const number of [2, 3, 4, 5]) {
      await done('POST', '/v2/prompts/greeting/versions', { definition: { content: `v${number}` } })
    }
  })
  after(() => complete.close())

  for (const [path, field, order] of lists) {
    test(`${path}: all at once where they fit, and the same page by page`, async () => {
      const whole = await done('GET', path)
      assert.deepEqual(
        whole.data.map((row: Record<string, unknown>) => row[field]),
        order,
      )
      assert.equal(whole.has_more, false)
      const walked: unknown[] = []
      for (let query = 'limit=2'; ; ) {
        const page = await done('GET', withQuery(path, query))
        assert.ok(page.data.length <= 2)
        walked.push(...page.data)
        if (!page.has_more) break
        query = `limit=2&after=${encodeURIComponent(page.last_id)}`
      }
      assert.deepEqual(walked, whole.data)
    })

    test(`${path}: a hostile cursor or size is refused by name`, async () => {
      const refused = [
        ...['limit=0', 'limit=101', 'limit=-1', 'limit=1e2', 'limit=x', 'limit=1&limit=2'],
        ...['after=%00', `after=${'x'.repeat(4_001)}`],
      ]
      for (const query of refused) {
        const { status, body } = await call('GET', withQuery(path, query))
        assert.deepEqual([status, body.error?.param], [400, query.split('=')[0]], query)
      }
      // What is no id of the list is a place in it where rows lie by their ids, and else refused; never another list's rows.
      const { status, body } = await call('GET', withQuery(path, `after=${encodeURIComponent("' or 1=1 --")}`))
      if (status === 200) assert.deepEqual(body.data, [])
      else assert.deepEqual([status, body.error.param], [400, 'after'])
    })
  }

  for (const path of [
    '/galerne/v1/models',
    '/galerne/v1/models/stored',
    '/galerne/v1/models/pulls',
    '/galerne/v1/adapters',
  ]) {
    test(`${path}: a hostile cursor or size is refused by name`, async () => {
      for (const query of ['limit=0', 'limit=101', 'after=x', 'after=%00', `after=${'x'.repeat(4_001)}`]) {
        const { status, body } = await call('GET', `${path}?${query}`)
        assert.deepEqual([status, body.error?.param], [400, query.split('=')[0]], query)
      }
    })
  }

  test('versions of a prompt: whole for Mistral’s clients, in pages for who asks for them', async () => {
    const path = '/v2/prompts/greeting/versions'
    const versionsOf = ({ data }: { data: { version: number }[] }) => data.map(({ version }) => version)
    const whole = await done('GET', path)
    assert.deepEqual([versionsOf(whole), whole.nextPageToken], [[5, 4, 3, 2, 1], undefined])
    const first = await done('GET', `${path}?pageSize=3`)
    assert.deepEqual(versionsOf(first), [5, 4, 3])
    const last = await done('GET', `${path}?pageSize=3&pageToken=${first.nextPageToken}`)
    assert.deepEqual([versionsOf(last), last.nextPageToken], [[2, 1], undefined])
    for (const query of ['pageSize=0', 'pageSize=101', 'pageToken=x', 'pageToken=-1', 'pageToken=9999999999']) {
      const { status, body } = await call('GET', `${path}?${query}`)
      assert.deepEqual([status, body.error?.param], [400, query.split('=')[0]], query)
    }
  })
})

describe('the API as it is described', () => {
  /** What is no list that grows, or is whole because its clients take it so. */
  const whole: Readonly<Record<string, string>> = {
    '/v1/models': "OpenAI's clients read it at once",
    '/galerne/v1/models/log': 'the last 500 lines',
  }

  test('every list has a way on', () => {
    interface Schema {
      readonly properties?: Readonly<Record<string, { readonly type?: string }>>
    }
    interface Operation {
      readonly parameters?: readonly { readonly name: string }[]
      readonly responses: Readonly<Record<string, { readonly content?: Record<string, { readonly schema: Schema }> }>>
    }
    const page = new URL('../docs/reference/openapi.json', import.meta.url)
    const { paths } = JSON.parse(readFileSync(page, 'utf8')) as { paths: Record<string, { readonly get?: Operation }> }
    const listing = Object.entries(paths).filter(([, { get }]) => {
      const schema = get?.responses['200']?.content?.['application/json']?.schema
      return schema?.properties?.['data']?.type === 'array'
    })
    assert.ok(listing.length > 20, `${listing.length} lists`)
    const ways = ['after', 'page', 'pageToken', 'cursor']
    const without = listing.filter(([, { get }]) => !get?.parameters?.some(({ name }) => ways.includes(name)))
    assert.deepEqual(without.map(([path]) => path).sort(), Object.keys(whole).sort())
  })
})
