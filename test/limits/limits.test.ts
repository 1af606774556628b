// Limits over HTTP: which one was hit, what is left in both vendors' headers, tiers, places in line; set through the API and counted on every node.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { connect, type Database } from '../../src/database/connect.ts'
import { nanoPerUnit } from '../../src/features/prices/price.ts'
import { describeOnServers } from '../support/databases.ts'
import { createEchoModel, type EchoModel } from '../support/echo-model.ts'
import { chat, send } from '../support/http-client.ts'
import { type LimitedServer, startLimitedServer } from '../support/limited-server.ts'
import { adminKey } from '../support/server.ts'
import { until } from '../support/until.ts'

const admin = { authorization: `Bearer ${adminKey}` }

describeOnServers('limits over HTTP', (get) => {
  const others: Database[] = []
  let servers: LimitedServer[] = []
  const echoes: EchoModel[] = []
  /** No token is said before it. */
  let gate = Promise.resolve()
  before(async () => {
    const models = () => {
      const echo = createEchoModel({ streams: 64, hold: () => gate })
      echoes.push(echo)
      return [echo]
    }
    // The server's fixed key as a row: limits are set for keys that there are.
    const row = {
      id: 'key_use',
      workspace: 'default',
      name: 'test',
      role: 'member',
      reach: 'workspace',
      hash: 'h',
      hint: 'h',
    } as const
    const times = { created_at: systemClock.now(), expires_at: null, revoked_at: null, last_used_at: null }
    await get()
      .database.query.insertInto('keys')
      .values({ ...row, ...times, origin: 'generated' })
      .execute()
    servers = [await startLimitedServer(get().database, models())]
    if (get().kind === 'postgres') {
      const other = await connect(get().url)
      others.push(other)
      servers.push(await startLimitedServer(other, models()))
    }
  })
  after(async () => {
    for (const server of servers) await server.stop()
    await Promise.all(others.map((other) => other.close()))
  })
  const turn = (n: number) => servers[n % servers.length] as LimitedServer
  const put = async (path: string, body: object) => {
    const answer = await send(turn(0), path, { method: 'PUT', body, headers: admin })
    assert.equal(answer.status, 200, answer.text)
    return answer.json()
  }
  /** Every node has heard of it. */
  const heard = async () => {
    for (const { limits } of servers) await limits.policy.reload()
  }
  const clear = async () => {
    const { data } = (await send(turn(0), '/galerne/v1/limits', { headers: admin })).json()
    for (const { scope, subject, model } of data) {
      const query = new URLSearchParams({ scope, subject, model })
      await send(turn(0), `/galerne/v1/limits?${query}`, { method: 'DELETE', headers: admin })
    }
    await heard()
  }

  test('requests per minute: exact under parallel calls over all nodes, and the answer says what is left', async () => {
    await put('/galerne/v1/limits', { scope: 'workspace', requests_per_minute: 10 })
    await heard()
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => chat(turn(n), { max_tokens: 3 })))
    assert.equal(answers.filter(({ status }) => status === 200).length, 10)
    for (const { headers, status } of answers) {
      assert.equal(headers.get('x-ratelimit-limit-requests'), '10')
      assert.equal(headers.get('x-ratelimit-limit-req-minute'), '10')
      assert.match(headers.get('x-ratelimit-reset-requests') ?? '', /^(\d+m)?[\d.]+m?s$/)
      const left = Number(headers.get('x-ratelimit-remaining-requests'))
      assert.ok(left >= 0 && left < 10)
      assert.equal(headers.get('x-ratelimit-remaining-req-minute'), String(left))
      assert.equal(headers.has('galerne-queue-wait-ms') || status === 429, true)
    }
    const refused = answers.find(({ status }) => status === 429)
    assert.equal(refused?.json().error.code, 'rate_limit_exceeded')
    assert.match(refused?.json().error.message, /^The limit of 10 requests per minute for this workspace is reached/)
    const wait = Number(refused?.headers.get('retry-after'))
    assert.ok(wait >= 1 && wait <= 60)
    await clear()
  })

  test('tokens per minute count prompt and answer, for a key and a model, and the rest comes back', async () => {
    await put('/galerne/v1/limits', { scope: 'key', subject: 'key_use', model: 'echo', tokens_per_minute: 100 })
    await heard()
    // Three tokens of prompt, three of an answer of fifty that it might have had.
    const first = await chat(turn(0), { max_tokens: 50 })
    assert.equal(first.status, 200)
    assert.equal(first.headers.get('x-ratelimit-limit-tokens'), '100')
    assert.equal(first.headers.get('x-ratelimit-remaining-tokens-minute'), '47')
    assert.equal(first.headers.get('x-ratelimit-tokens-query-cost'), '53')
    assert.equal(first.headers.get('x-ratelimitbysize-limit-minute'), '100')
    await turn(0).settled()
    const second = await chat(turn(0), { max_tokens: 50 })
    assert.equal(second.headers.get('x-ratelimit-remaining-tokens'), '41')
    const large = await chat(turn(0), { max_tokens: 200 })
    // It never fits: clients are not told to come back with it.
    assert.deepEqual([large.status, large.json().error.code], [429, 'call_exceeds_limit'])
    assert.deepEqual([large.headers.get('x-should-retry'), large.headers.get('retry-after')], ['false', null])
    assert.match(
      large.json().error.message,
      /needs 203 tokens, more than the limit of 100 tokens per minute for this key/,
    )
    const later = await chat(turn(0), { max_tokens: 95 })
    assert.deepEqual([later.status, later.json().error.code], [429, 'rate_limit_exceeded'])
    assert.match(
      later.json().error.message,
      /limit of 100 tokens per minute for this key .* with model "echo" \(this call needs 98\)/,
    )
    assert.deepEqual([later.headers.get('x-should-retry'), later.headers.get('retry-after') === null], ['true', false])
    const embedded = await send(turn(0), '/v1/embeddings', { body: { model: 'echo', input: 'two words' } })
    assert.equal(embedded.status, 200)
    assert.equal(embedded.headers.get('x-ratelimit-limit-tokens'), '100')
    await clear()
  })

  test('tokens per month and parallel requests', async () => {
    await put('/galerne/v1/limits', { scope: 'workspace', tokens_per_month: 1_000_000 })
    await heard()
    const answer = await chat(turn(0), { max_tokens: 3 })
    assert.equal(answer.headers.get('x-ratelimit-limit-tokens-month'), '1000000')
    await put('/galerne/v1/limits', { scope: 'workspace', tokens_per_month: 5, parallel_requests: null })
    await heard()
    const refused = await chat(turn(0), { max_tokens: 3 })
    assert.equal(refused.status, 429)
    assert.deepEqual([refused.status, refused.json().error.code], [429, 'call_exceeds_limit'])
    assert.match(refused.json().error.message, /5 tokens per month for this workspace/)
    // A call needs six tokens.
    for (const server of servers) await server.settled()
    const spend = get().database.query.selectFrom('spend').select('tokens').where('scope', '=', 'workspace')
    const used = (await spend.execute()).reduce((sum, { tokens }) => sum + tokens, 0)
    await put('/galerne/v1/limits', { scope: 'workspace', tokens_per_month: used + 3 })
    await heard()
    const full = await chat(turn(0), { max_tokens: 3 })
    assert.deepEqual([full.status, full.json().error.code], [429, 'rate_limit_exceeded'], full.text)
    // Nobody waits for a month.
    const wait = Number(full.headers.get('retry-after'))
    assert.equal(full.headers.get('x-should-retry'), String(wait <= 60))
    await clear()
    await put('/galerne/v1/limits', { scope: 'organisation', parallel_requests: 2 })
    await heard()
    const open = Promise.withResolvers<void>()
    gate = open.promise
    const held = Promise.all([0, 1].map((n) => chat(turn(n), { max_tokens: 3 })))
    await until('two run', () => echoes.reduce((sum, echo) => sum + echo.load().running, 0) === 2)
    for (const answer of await Promise.all([2, 3, 4, 5].map((n) => chat(turn(n), { max_tokens: 3 })))) {
      assert.equal(answer.status, 429)
      assert.match(answer.json().error.message, /2 parallel requests for this organisation/)
    }
    open.resolve()
    assert.deepEqual(
      (await held).map(({ status }) => status),
      [200, 200],
    )
    await Promise.all(servers.map((server) => server.settled()))
    assert.equal((await chat(turn(0), { max_tokens: 3 })).status, 200)
    await clear()
  })

  test('a tier gives limits per model, follows the spend from tier 1 on, and may be set by hand', async () => {
    const tiers = [
      { tier: 0, requests_per_minute: 1 },
      { tier: 1, requests_per_minute: 1000, spend_above: 0 },
      { tier: 2, requests_per_minute: 2000, spend_above: 0.000_001 },
    ]
    await put('/galerne/v1/tiers', { tiers })
    assert.equal((await put('/galerne/v1/tiers/assignments', { scope: 'workspace', tier: 'free' })).tier, 0)
    await heard()
    assert.equal((await chat(turn(0), { max_tokens: 3 })).headers.get('x-ratelimit-limit-requests'), '1')
    assert.equal((await chat(turn(1), { max_tokens: 3 })).status, 429)
    await Promise.all(servers.map((server) => server.settled()))
    await get().database.query.deleteFrom('spend').execute()
    await put('/galerne/v1/tiers/assignments', { scope: 'workspace', tier: 'auto' })
    await heard()
    const first = await chat(turn(0), { max_tokens: 3 })
    assert.equal(first.headers.get('x-ratelimit-limit-requests'), '1000')
    // 9,000 nano-units are above 1,000: the next call is in tier 2, on every node.
    await turn(0).settled()
    for (let n = 0; n < 2; n++) {
      await until('the call is in tier 2', async () => {
        const { headers } = await chat(turn(n), { max_tokens: 3 })
        return headers.get('x-ratelimit-limit-requests') === '2000'
      })
    }
    const [assigned] = (await send(turn(0), '/galerne/v1/tiers/assignments', { headers: admin })).json().data
    assert.deepEqual([assigned.tier, assigned.automatic, assigned.currency], [2, true, 'USD'])
    assert.ok(assigned.spent * nanoPerUnit >= 9000)
    await put('/galerne/v1/tiers/assignments', { scope: 'workspace', tier: 'none' })
    await put('/galerne/v1/tiers', { tiers: [] })
    await heard()
  })

  test('only who may sets limits, for whom there is; every change is in the audit log', async () => {
    const refused = await send(turn(0), '/galerne/v1/limits', {
      method: 'PUT',
      body: { scope: 'workspace', requests_per_minute: 1 },
    })
    assert.equal(refused.status, 403)
    const nobody = await send(turn(0), '/galerne/v1/limits', {
      method: 'PUT',
      headers: admin,
      body: { scope: 'workspace', subject: 'no-such', requests_per_minute: 1 },
    })
    assert.equal(nobody.status, 404)
    const wrong = await send(turn(0), '/galerne/v1/limits', {
      method: 'PUT',
      headers: admin,
      body: { scope: 'workspace', requests_per_minute: -1 },
    })
    assert.equal(wrong.status, 400)
    assert.equal(wrong.json().error.param, 'requests_per_minute')
    const acts = await get().database.query.selectFrom('audit_log').select('action').execute()
    assert.ok(acts.some(({ action }) => action === 'rate_limit.updated'))
    assert.ok(acts.some(({ action }) => action === 'tier.assigned'))
  })

  test("Mistral's and OpenAI's own calls show and set them", async () => {
    const listed = (await send(turn(0), '/v1/organization/projects/default/rate_limits', { headers: admin })).json()
    assert.deepEqual(
      listed.data.map(({ model }: { model: string }) => model),
      ['*', 'echo'],
    )
    const set = await send(turn(0), '/v1/organization/projects/default/rate_limits/rl-echo', {
      headers: admin,
      body: { max_requests_per_1_minute: 77, max_tokens_per_1_minute: 5000 },
    })
    assert.deepEqual([set.status, set.json().max_requests_per_1_minute], [200, 77])
    await heard()
    assert.equal((await chat(turn(0), { max_tokens: 3 })).headers.get('x-ratelimit-limit-requests'), '77')
    const mistral = (await send(turn(0), '/v1/admin/rate-limit', { headers: admin })).json()
    assert.equal(mistral.tokens_limits_by_model.echo.tokens_per_minute, 5000)
    assert.equal(mistral.requests_per_second, Number.MAX_SAFE_INTEGER)
    await clear()
  })
})
