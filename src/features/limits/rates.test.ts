import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { until } from '../../../test/support/until.ts'
import { systemClock } from '../../base/clock.ts'
import { connect, type Database } from '../../database/connect.ts'
import type { RateRule } from './policy.ts'
import { createRates, type Rates } from './rates.ts'

const rule = (id: string, limit: number, more: Partial<RateRule> = {}): RateRule => ({
  id,
  scope: 'key',
  subject: 'k',
  model: '*',
  unit: 'requests',
  seconds: 60,
  limit,
  ...more,
})

const allowed = async (rates: Rates, rules: readonly RateRule[], tokens = 0) =>
  !('full' in (await rates.take(rules, tokens)))

const count = async (attempts: readonly Promise<boolean>[]) => (await Promise.all(attempts)).filter(Boolean).length

describeOnDatabases('short windows', (get) => {
  const others: Database[] = []
  /** Two nodes where the database is shared, else one. */
  const nodes = async (): Promise<readonly Rates[]> => {
    const { database, url } = get()
    const rates = [createRates({ database, clock: systemClock })]
    if (database.dialect.name === 'postgres') {
      const other = await connect(url)
      others.push(other)
      rates.push(createRates({ database: other, clock: systemClock }))
    }
    return rates
  }
  after(() => Promise.all(others.map((other) => other.close())))

  test('the limit is reached exactly, by any number of nodes at once', async () => {
    const rates = await nodes()
    const requests = rule('exact', 40)
    const turn = (n: number) => allowed(rates[n % rates.length] as Rates, [requests])
    assert.equal(await count(Array.from({ length: 120 }, (_, n) => turn(n))), 40)
  })

  test('one call after the other, too', async () => {
    const rates = await nodes()
    const requests = rule('in turn', 10)
    let passed = 0
    for (let n = 0; n < 25; n++) passed += (await allowed(rates[n % rates.length] as Rates, [requests])) ? 1 : 0
    assert.equal(passed, 10)
  })

  test('a full window says how long it lasts, and opens again', async () => {
    const [rates] = await nodes()
    assert.ok(rates)
    let tries = 0
    const { second, full } = await until('a whole look falls into one window', async () => {
      const second = rule(`second ${tries++}`, 2, { seconds: 1 })
      const begun = systemClock.elapsed()
      const passed = await count([1, 2, 3, 4].map(() => allowed(rates, [second])))
      const answer = await rates.take([second], 0)
      // On a machine that stood still the window may have ended meanwhile: that look tells nothing.
      if (systemClock.elapsed() - begun >= 900) return undefined
      assert.equal(passed, 2)
      assert.ok('full' in answer && answer.full.resetMs > 0 && answer.full.resetMs <= 1000)
      return { second, full: answer.full }
    })
    assert.equal(full.rule.limit, 2)
    await delay(full.resetMs)
    await until('the window opens again', () => allowed(rates, [second]))
  })

  test('tokens that were reserved and not used come back; a large call that does not fit closes nothing', async () => {
    const [rates] = await nodes()
    assert.ok(rates)
    const tokens = rule('tokens', 1000, { unit: 'tokens' })
    const first = await rates.take([tokens], 900)
    assert.ok(!('full' in first))
    assert.equal(first.states[0]?.remaining, 100)
    assert.equal(await allowed(rates, [tokens], 500), false)
    assert.equal(await allowed(rates, [tokens], 90), true)
    first.correct(200)
    assert.equal(first.states[0]?.remaining, 710)
    assert.equal(await allowed(rates, [tokens], 700), true)
    assert.equal(await allowed(rates, [tokens], 20), false)
    assert.equal(await allowed(rates, [tokens], 2000), false)
  })

  test('a call takes of all its windows or of none', async () => {
    const [rates] = await nodes()
    assert.ok(rates)
    const wide = rule('wide', 10)
    const narrow = rule('narrow', 3)
    assert.equal(await count(Array.from({ length: 8 }, () => allowed(rates, [wide, narrow]))), 3)
    assert.equal(await count(Array.from({ length: 10 }, () => allowed(rates, [wide]))), 7)
  })
})
