// The prices in force: the operator's own, then the vendors' lists, then the operator's exchange rate. Answers at once, from memory.
import type { Currency, Price, Rates } from './price.ts'
import { identified } from './row-id.ts'
import type { VendorLists } from './vendors.ts'

/** A model to price: its own name, never an alias, and the vendor behind it; without one it runs on this server. */
export interface PricedModel {
  readonly name: string
  readonly provider?: string
}

/** What everyone else asks about prices. */
export interface Prices {
  /** The currency that costs are accounted in. */
  readonly currency: Currency
  /** The price on that date (milliseconds since 1970), in that currency; undefined where the model has none, and then it is free. */
  priceOf(model: PricedModel, at: number): Price | undefined
}

/** How many EUR one USD is worth, in millionths, from a date on. */
export interface ExchangeRate {
  readonly id: string
  readonly from: number
  readonly microEurPerUsd: number
  readonly source: string
}

/** What the operator has set. */
export interface OperatorPrices {
  /** Rows of any provider and currency; the later `from` wins, then the later in the list. */
  readonly rows: readonly Price[]
  readonly rates: readonly ExchangeRate[]
}

/** Prices that the operator can change while the server runs. */
export interface PriceBook extends Prices {
  /** Takes the operator's present rows and rates. */
  replace(operator: OperatorPrices): void
}

/** Name of the provider of models that run on this server. */
export const localProvider = 'local'

const nothing: OperatorPrices = { rows: [], rates: [] }

/** A book over the lists; without lists only the operator's prices are known. */
export function createPriceBook(options: { readonly currency: Currency; readonly vendors?: VendorLists }): PriceBook {
  const { currency, vendors } = options
  let operator = nothing
  const listed = (model: PricedModel, at: number, wanted: Currency): Price | undefined => {
    const provider = model.provider ?? localProvider
    const own = operator.rows.filter((row) => row.provider === provider && row.model === model.name)
    const row = inForce(
      own.filter((price) => price.currency === wanted),
      at,
    )
    return row ?? (provider === localProvider ? undefined : vendors?.find(provider, model.name, at, wanted))
  }
  return {
    currency,
    priceOf(model, at) {
      const price = listed(model, at, currency)
      if (price !== undefined) return price
      const foreign = listed(model, at, currency === 'EUR' ? 'USD' : 'EUR')
      const rate = inForce(operator.rates, at)
      return foreign === undefined || rate === undefined ? undefined : exchanged(foreign, rate, currency)
    },
    replace(next) {
      operator = next
    },
  }
}

/** The last of those that hold at that time. */
function inForce<Dated extends { readonly from: number | null }>(
  rows: readonly Dated[],
  at: number,
): Dated | undefined {
  let best: Dated | undefined
  for (const row of rows) {
    if (row.from !== null && row.from > at) continue
    if (best === undefined || (row.from ?? 0) >= (best.from ?? 0)) best = row
  }
  return best
}

/** The same price in the other currency, rounded to nano-units per million tokens; it is a row of its own, which says its rate. */
function exchanged(price: Price, rate: ExchangeRate, currency: Currency): Price {
  const convert = (amount: number) =>
    currency === 'EUR'
      ? Math.round((amount * rate.microEurPerUsd) / 1_000_000)
      : Math.round((amount * 1_000_000) / rate.microEurPerUsd)
  const rates = ({ input, cached, output }: Rates) => ({
    input: convert(input),
    cached: convert(cached),
    output: convert(output),
  })
  const { id: _, ...row } = price
  return identified({
    ...row,
    ...rates(price),
    currency,
    from: Math.max(price.from ?? 0, rate.from),
    tiers: price.tiers.map(({ above, ...tier }) => ({ above, ...rates(tier) })),
    source: `${price.source}; ${rate.microEurPerUsd / 1_000_000} EUR per USD, ${rate.source}`,
  })
}
