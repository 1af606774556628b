// Vendors' list prices by model name and date: Mistral's from our own list, everyone's from the package's bundled data. Opens no socket.
import { createRequire } from 'node:module'
import type { calcPrice } from '@pydantic/genai-prices'
import { mistralAliases, mistralRows } from './mistral-list.ts'
import { type Currency, type Price, perMillion, type Rates } from './price.ts'
import { identified } from './row-id.ts'

/** Vendors' price lists, in memory. */
export interface VendorLists {
  /**
   * The vendor's price on that date (milliseconds since 1970) in that currency; undefined where the vendor lists none. Names of models
   * that have moved are resolved as of that date first.
   */
  find(provider: string, model: string, at: number, currency: Currency): Price | undefined
}

/** The package's lists. */
const packaged = { source: '@pydantic/genai-prices 0.1.8 (MIT), bundled data', sourcedOn: '2026-11-23' }

/** Rows found are kept for the hour they were asked for, and this many at most: a look-up in the package takes 70 µs. */
const keptRows = 1_000
const hourMs = 3_600_000

/** The lists. The package's take 35 ms and some memory: they are loaded for the first model of a vendor, so servers without do not. */
export function vendorLists(): VendorLists {
  let calculate: typeof calcPrice | undefined
  const load = () =>
    (createRequire(import.meta.url)('@pydantic/genai-prices') as { calcPrice: typeof calcPrice }).calcPrice
  const found = new Map<string, Price | undefined>()
  return {
    find(provider, model, at, currency) {
      const key = `${provider}\n${model}\n${currency}\n${Math.floor(at / hourMs)}`
      if (found.has(key)) return found.get(key)
      calculate ??= load()
      const price = listed(provider, model, at, currency) ?? bundled(calculate, provider, model, at, currency)
      if (found.size >= keptRows) found.clear()
      found.set(key, price)
      return price
    },
  }
}

function listed(provider: string, name: string, at: number, currency: Currency): Price | undefined {
  if (provider !== 'mistral') return undefined
  const holds = ({ from }: { readonly from?: string }) => from === undefined || Date.parse(from) <= at
  const model = mistralAliases.findLast((alias) => alias.alias === name && holds(alias))?.model ?? name
  const row = mistralRows.findLast((candidate) => candidate.model === model && holds(candidate))
  const amounts = currency === 'USD' ? row?.usd : row?.eur
  if (row === undefined || amounts === undefined) return undefined
  const [input, output, cached] = amounts
  const { source, sourcedOn } = row
  return identified({
    provider,
    model,
    currency,
    from: row.from === undefined ? null : Date.parse(row.from),
    input: perMillion(input),
    // The documentation: cached input is 10 % of input.
    cached: cached === undefined ? Math.round(perMillion(input) / 10) : perMillion(cached),
    output: perMillion(output),
    tiers: [],
    source,
    sourcedOn,
  })
}

/** The package lists USD only. */
function bundled(
  calculate: typeof calcPrice,
  provider: string,
  name: string,
  at: number,
  currency: Currency,
): Price | undefined {
  if (currency !== 'USD') return undefined
  const result = calculate({ input_tokens: 1 }, name, { providerId: provider, timestamp: new Date(at) })
  if (result === null) return undefined
  const { model, model_price: amounts } = result
  const rows = Array.isArray(model.prices) ? model.prices : []
  const constraint = rows.find((row) => row.prices === amounts)?.constraint
  const input = amounts['input_mtok']
  const rates = { input, cached: amounts['cache_read_mtok'] ?? input, output: amounts['output_mtok'] }
  return identified({
    provider,
    model: model.id,
    currency,
    from: constraint?.type === 'start_date' ? Date.parse(constraint.start_date) : null,
    ...mapRates(rates, (amount) => (typeof amount === 'object' ? amount.base : (amount ?? 0))),
    tiers: tiersOf(rates),
    ...packaged,
  })
}

/** As the package writes a price. */
type Amount = number | undefined | { base: number; tiers: readonly { start: number; price: number }[] }

function mapRates<Value>(rates: Record<keyof Rates, Value>, amountOf: (value: Value) => number): Rates {
  const { input, cached, output } = rates
  return {
    input: perMillion(amountOf(input)),
    cached: perMillion(amountOf(cached)),
    output: perMillion(amountOf(output)),
  }
}

/** One tier per threshold that any of the three prices has; the package, too, takes a tier where the prompt is longer than its start. */
function tiersOf(rates: Record<keyof Rates, Amount>): Price['tiers'] {
  const amounts = Object.values(rates).filter((amount) => typeof amount === 'object')
  const starts = [...new Set(amounts.flatMap(({ tiers }) => tiers.map(({ start }) => start)))].sort((a, b) => a - b)
  return starts.map((above) => ({
    above,
    ...mapRates(rates, (amount) => {
      if (typeof amount !== 'object') return amount ?? 0
      return amount.tiers.findLast(({ start }) => start <= above)?.price ?? amount.base
    }),
  }))
}
