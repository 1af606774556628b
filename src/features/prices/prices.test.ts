// The price of a model on a day, and what a request costs by it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createPriceBook, type PricedModel } from './book.ts'
import { costOf, type Price, perMillion } from './price.ts'
import { identified } from './row-id.ts'
import { vendorLists } from './vendors.ts'

const vendors = vendorLists()
const book = createPriceBook({ currency: 'USD', vendors })
const euros = createPriceBook({ currency: 'EUR', vendors })
const march = Date.parse('2026-03-10T12:00:00Z')
const november = Date.parse('2026-11-24T12:00:00Z')

/** Input and output in currency per million tokens. */
function perMillionOf(price: Price | undefined): readonly [number, number] | undefined {
  return price && [price.input / 1e9, price.output / 1e9]
}

const at = (provider: string, name: string, time: number) => perMillionOf(book.priceOf({ name, provider }, time))

/** A made-up row in USD. */
function row(rates: { input: number; cached?: number; output: number; from?: number; model?: string }): Price {
  const { input, cached = input, output, from = null, model = 'model' } = rates
  const facts = { provider: 'local', model, currency: 'USD', source: 'test', sourcedOn: '2026-11-24' } as const
  return identified({ ...facts, input, cached, output, from, tiers: [] })
}

describe('price lists', () => {
  test('the list of March 2026', () => {
    const table: readonly (readonly [string, string, number, number])[] = [
      ['mistral', 'mistral-large', 2, 6],
      ['mistral', 'mistral-medium', 0.4, 2],
      ['mistral', 'mistral-small', 0.2, 0.6],
      ['mistral', 'codestral', 0.2, 0.6],
      ['mistral', 'open-mixtral-8x22b', 1.2, 1.2],
      ['mistral', 'open-mistral-nemo', 0.15, 0.15],
      ['mistral', 'mistral-embed', 0.1, 0],
      ['openai', 'gpt-4o', 2.5, 10],
      ['anthropic', 'claude-3-5-sonnet', 3, 15],
    ]
    for (const [provider, model, ...rates] of table) assert.deepEqual(at(provider, model, march), rates, model)
    assert.deepEqual(at('anthropic', 'claude-3-5-sonnet-20241022', march), [3, 15])
  })

  test('a name that moved is resolved as of the day, then priced', () => {
    const on = (day: string) => book.priceOf({ name: 'mistral-small-latest', provider: 'mistral' }, Date.parse(day))
    assert.deepEqual([on('2026-03-15')?.model, perMillionOf(on('2026-03-15'))], ['mistral-small-2506', [0.1, 0.3]])
    assert.deepEqual([on('2026-03-16')?.model, perMillionOf(on('2026-03-16'))], ['mistral-small-2603', [0.15, 0.6]])
    assert.deepEqual(at('mistral', 'mistral-large-latest', Date.parse('2025-12-01')), [2, 6])
    assert.deepEqual(at('mistral', 'mistral-large-latest', november), [0.5, 1.5])
  })

  test('a price that changed is the one of the day', () => {
    assert.deepEqual(at('mistral', 'mistral-large-4', Date.parse('2026-10-19')), [0.68, 2.09])
    assert.deepEqual(at('mistral', 'mistral-large-4', Date.parse('2026-10-20')), [1.36, 4.18])
    assert.deepEqual(at('mistral', 'mistral-large-4', Date.parse('2026-10-29')), [0.7, 2.1])
    assert.deepEqual(at('openai', 'gpt-5.6-luna', Date.parse('2026-07-29')), [1, 6])
    assert.deepEqual(at('openai', 'gpt-5.6-luna', Date.parse('2026-07-30')), [0.2, 1.2])
  })

  test('Mistral’s own figures win over the package’s', () => {
    assert.deepEqual(at('mistral', 'mistral-small-2506', november), [0.1, 0.3])
    assert.match(
      book.priceOf({ name: 'mistral-small-2506', provider: 'mistral' }, november)?.source ?? '',
      /platform-docs/,
    )
  })

  test('what nobody lists has no price, and a model of this server never takes a vendor’s', () => {
    assert.equal(at('mistral', 'no-such-model', november), undefined)
    assert.equal(at('no-such-vendor', 'gpt-4o', november), undefined)
    assert.equal(book.priceOf({ name: 'mistral-large-2411' }, november), undefined)
  })

  test('EUR is the vendor’s own figure where it has one, else the operator’s dated rate', () => {
    const own: PricedModel = { name: 'mistral-large-2512', provider: 'mistral' }
    assert.deepEqual(perMillionOf(euros.priceOf(own, november)), [0.44, 1.3])
    const foreign: PricedModel = { name: 'gpt-4o', provider: 'openai' }
    assert.equal(euros.priceOf(foreign, november), undefined)
    const rate = (from: string, microEurPerUsd: number) => ({
      id: from,
      from: Date.parse(from),
      microEurPerUsd,
      source: 'ECB',
    })
    const rated = createPriceBook({ currency: 'EUR', vendors })
    rated.replace({ rows: [], rates: [rate('2026-11-01', 860_000), rate('2026-11-20', 900_000)] })
    assert.equal(rated.priceOf(foreign, Date.parse('2026-10-31')), undefined)
    assert.deepEqual(perMillionOf(rated.priceOf(foreign, Date.parse('2026-11-19'))), [2.15, 8.6])
    assert.deepEqual(perMillionOf(rated.priceOf(foreign, november)), [2.25, 9])
    assert.match(rated.priceOf(foreign, november)?.source ?? '', /0\.9 EUR per USD, ECB/)
  })

  test('the operator’s rows come first, the later date wins, and a row’s id says its content', () => {
    const operated = createPriceBook({ currency: 'USD', vendors })
    const [early, late] = [row({ input: 1, output: 2 }), row({ input: 3, output: 4, from: march })]
    operated.replace({ rows: [late, early], rates: [] })
    assert.equal(operated.priceOf({ name: 'model' }, march - 1)?.id, early.id)
    assert.equal(operated.priceOf({ name: 'model' }, march)?.id, late.id)
    assert.equal(row({ input: 1, output: 2 }).id, early.id)
    assert.notEqual(early.id, late.id)
  })
})

describe('cost of a request', () => {
  const tokens = (promptTokens: number, cachedTokens: number, completionTokens: number) => ({
    promptTokens,
    cachedTokens,
    completionTokens,
  })

  test('a million of each at list price', () => {
    const price = book.priceOf({ name: 'mistral-large-2512', provider: 'mistral' }, november)
    assert.ok(price)
    assert.equal(costOf(price, tokens(1_000_000, 0, 1_000_000), 'interactive'), 2_000_000_000)
    assert.equal(costOf(price, tokens(1_000_000, 1_000_000, 0), 'interactive'), 50_000_000)
    assert.equal(costOf(price, tokens(1_000_000, 0, 1_000_000), 'batch'), 1_000_000_000)
  })

  test('a long prompt bills the whole request at its tier, from one token above', () => {
    const price = book.priceOf({ name: 'gpt-5.5', provider: 'openai' }, november)
    assert.ok(price)
    assert.equal(costOf(price, tokens(271_999, 0, 1000), 'interactive'), 271_999 * 5000 + 1000 * 30_000)
    assert.equal(
      costOf(price, tokens(272_000, 100, 1000), 'interactive'),
      271_900 * 10_000 + 100 * 1000 + 1000 * 45_000,
    )
  })

  test('rounded once, half a nano-unit up, the batch’s half included', () => {
    const price = row({ input: 500_000, output: 250_000 })
    assert.equal(costOf(price, tokens(1, 0, 0), 'interactive'), 1)
    assert.equal(costOf(price, tokens(1, 0, 1), 'interactive'), 1)
    assert.equal(costOf(price, tokens(1, 0, 1), 'batch'), 0)
    assert.equal(costOf(price, tokens(2, 0, 0), 'batch'), 1)
    assert.equal(costOf(price, tokens(0, 0, 0), 'interactive'), 0)
  })

  test('it is exact at any size, and counts that are none throw', () => {
    const count = fc.integer({ min: 0, max: 2_000_000 })
    const rate = fc.integer({ min: 0, max: 200_000_000_000 })
    fc.assert(
      fc.property(count, count, count, rate, rate, rate, (fresh, cached, output, a, b, c) => {
        const price = row({ input: a, cached: b, output: c })
        const exact = BigInt(fresh) * BigInt(a) + BigInt(cached) * BigInt(b) + BigInt(output) * BigInt(c)
        const cost = BigInt(costOf(price, tokens(fresh + cached, cached, output), 'interactive'))
        const twice = 2n * (cost * 1_000_000n - exact)
        assert.ok(twice > -1_000_000n && twice <= 1_000_000n)
      }),
    )
    for (const wrong of [tokens(-1, 0, 0), tokens(1, 2, 0), tokens(0, 0, 0.5), tokens(Number.NaN, 0, 0)]) {
      assert.throws(() => costOf(row({ input: 1, output: 1 }), wrong, 'interactive'), RangeError)
    }
    assert.throws(() => perMillion(-1), RangeError)
  })
})
