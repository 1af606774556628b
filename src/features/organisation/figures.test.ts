// What a key's holder sees at /v1/whoami with the key alone: its limits, what it spent, what is left, and its last failures.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { systemClock } from '../../base/clock.ts'
import { createLog } from '../../base/log.ts'
import { createNotices } from '../../database/notices.ts'
import type { Caller } from '../../wire/exchange.ts'
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
