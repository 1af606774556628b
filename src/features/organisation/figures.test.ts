// What a key's holder sees at /v1/whoami with the key alone: its limits, what it spent, what is left, and its last failures.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCompleteServer } from '../../../scripts/reference/complete-server.ts'
import { describeOnDatabases, needsSessions } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { systemClock } from '../../base/clock.ts'
import { createLog } from '../../base/log.ts'
import { createNotices } from '../../database/notices.ts'
import type { Caller } from '../../wire/exchange.ts'
import { createActs } from '../audit/acts.ts'
import { createKey } from '../keys/create.ts'
import { openLimits } from '../limits/open.ts'
import type { MoneyRule } from '../limits/policy.ts'
import { ownFigures } from './figures.ts'

describeOnDatabases('a key’s own figures', (get) => {
  test('are those of this key: its budget with what is left, its month, its failures', async () => {
    const { database } = get()
    const { query } = database
    const [clock, log] = [systemClock, createLog({ level: 'silent' })]
    const notices = await createNotices(database)
    const budget: MoneyRule = {
      ...{ id: 'budget_1', scope: 'key', subject: 'key_mine', period: 'month', timeZone: 'UTC' },
      ...{ amount: 5_000_000_000, hard: true },
    }
    const limits = await openLimits({ database, notices, clock, log, budgets: async () => [budget] })
    const figures = ownFigures({ query, limits, models: () => ['echo'], clock })
    const call = (id: string, key_id: string, status: string) => ({
      ...{ id, request_id: `r-${id}`, at: clock.now(), workspace: 'default', key_id, status, model: 'echo' },
      ...({ operation: 'chat', class: 'interactive', provider: 'local', currency: 'USD', member: null } as const),
      ...{ end_user: null, digest: null, ran_on: null, price: null, finish_reason: null, queue_ms: null },
      ...{ prompt_tokens: 1, cached_tokens: 0, completion_tokens: 1, reasoning_tokens: 0, cost: 1, duration_ms: 1 },
      ...{ first_token_ms: null, estimated: 0 },
    })
    await query
      .insertInto('usage')
      .values([
        call('1', 'key_mine', 'ok'),
        call('2', 'key_mine', 'engine_failed'),
        call('3', 'key_theirs', 'engine_failed'),
      ])
      .execute()
    const grants = [{ role: 'member', workspace: 'default' }] as const
    const caller: Caller = { id: 'key_mine', kind: 'key', workspace: 'default', grants }
    const { budgets } = (await figures.spend(caller)) as {
      budgets: { scope: string; limit: number; remaining: number }[]
    }
    assert.deepEqual(
      budgets.map(({ scope, limit, remaining }) => [scope, limit, remaining]),
      [['key', 5, 5]],
    )
    const errors = (await figures.lastErrors(caller)) as { request_id: string; code: string }[]
    assert.deepEqual(
      errors.map(({ request_id, code }) => [request_id, code]),
      [['r-2', 'engine_failed']],
    )
    assert.ok('rates' in (await figures.limits(caller)))
    await limits.stop()
    await notices.close()
  })
})

describeOnDatabases('a key’s own figures with real spend', (get) => {
  test('show over HTTP what calls cost and what is left, after a restart too', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const { query } = database
    let complete = await openCompleteServer({ database, models: [createEchoModel()] })
    const acts = createActs(database, systemClock)
    const actor = { kind: 'system', id: 'test' } as const
    const { secret: owner } = await createKey(acts, actor, { name: 'o', role: 'owner', reach: 'organisation' })
    const { key, secret } = await createKey(acts, actor, { name: 'mine', role: 'member' })
    const call = async (authorization: string, method: 'GET' | 'POST' | 'PUT', url: string, payload?: object) => {
      const headers = { host: 'localhost', authorization: `Bearer ${authorization}` }
      const answer = await complete.server.inject({ method, url, headers, ...(payload && { payload }) })
      return { status: answer.statusCode, body: answer.json() }
    }
    const done = async (...request: Parameters<typeof call>) => {
      const { status, body } = await call(...request)
      assert.equal(status, 200, JSON.stringify(body))
      return body
    }
    try {
      await done(owner, 'POST', '/galerne/v1/prices', { model: 'echo', input: 1, output: 2, source: 'a test' })
      const mine = { scope: 'key', subject: key.id }
      await done(owner, 'POST', '/galerne/v1/budgets', { ...mine, amount: 0.000_03 })
      await done(owner, 'PUT', '/galerne/v1/limits', { ...mine, tokens_per_month: 100, requests_per_minute: 50 })
      const chat = { model: 'echo', max_tokens: 3, messages: [{ role: 'user', content: 'hello big world' }] }
      for (let n = 0; n < 3; n++) await done(secret, 'POST', '/v1/chat/completions', chat)
      // Three tokens in and three out are 9,000 nano-units, and 30,000 are there.
      assert.equal((await call(secret, 'POST', '/v1/chat/completions', chat)).status, 429)
      await complete.settled()
      const figures = async () => {
        const { limits, spend } = await done(secret, 'GET', '/v1/whoami')
        const [month] = spend.this_month
        return {
          month: [month.currency, month.amount, month.requests, month.prompt_tokens, month.completion_tokens],
          errors: month.errors,
          budget: [spend.budgets[0].limit, spend.budgets[0].remaining],
          window: [spend.budgets[0].subject === key.id, spend.budgets[0].opened_at === spend.month_start],
          tokens: [limits.balances[0].limit, limits.balances[0].remaining],
          rates: limits.rates.map(({ unit, limit }: { unit: string; limit: number }) => [unit, limit]),
        }
      }
      const expected = {
        month: ['USD', 0.000_027, 3, 9, 9],
        errors: 0,
        budget: [0.000_03, 0.000_003],
        window: [true, true],
        tokens: [100, 82],
        rates: [['requests', 50]],
      }
      assert.deepEqual(await figures(), expected)
      // Whoever asks first after a start, before any call, sees the same.
      await complete.close()
      complete = await openCompleteServer({ database, models: [createEchoModel()] })
      assert.deepEqual(await figures(), expected)
      // What was refused is told too, though it cost nothing and has no row.
      const { last_errors } = await done(secret, 'GET', '/v1/whoami')
      assert.deepEqual(
        last_errors.map(({ code, model, operation }: Record<string, unknown>) => [code, model, operation]),
        [['insufficient_quota', 'echo', 'chat']],
      )
      assert.match(last_errors[0].request_id, /^[0-9a-f]{32}$/)
      assert.equal((await query.selectFrom('usage').select('id').execute()).length, 3)
    } finally {
      await complete.close()
    }
  })
})
