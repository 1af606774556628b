// What tokens cost: the row of a price list, and the cost of one request by it. Pure; money is integer nano-units, rounded once per request.

/** Money that is accounted in. */
export type Currency = 'USD' | 'EUR'

/** Nano-units (10⁻⁹) of the currency per million tokens, integers: 2 USD per million are 2,000,000,000. */
export interface Rates {
  readonly input: number
  /** Of the prompt, tokens that were taken from the prefix cache. */
  readonly cached: number
  readonly output: number
}

/** One row of a price list. A request keeps the id of the row it was charged by; the same content has the same id everywhere. */
export interface Price extends Rates {
  readonly id: string
  /** Who asks this price: `mistral`, `openai`, …; `local` for models of this server. */
  readonly provider: string
  /** The model's own name, after aliases. */
  readonly model: string
  readonly currency: Currency
  /** Milliseconds since 1970 from which it holds; null where it always did. */
  readonly from: number | null
  /** Prompts longer than `above` tokens are charged whole at these rates; ascending. */
  readonly tiers: readonly (Rates & { readonly above: number })[]
  /** Where the figures come from, and on which day they were read there, `YYYY-MM-DD`. */
  readonly source: string
  readonly sourcedOn: string
}

/** The tokens of one request; cached ones are among those of the prompt. */
export interface TokenCounts {
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
}

/** Nano-units of money in one unit: 1 USD is this many. */
export const nanoPerUnit = 1_000_000_000

const million = 1_000_000n

/**
 * What the request costs in nano-units of the price's currency, an integer. Batch work costs half; the half is rounded together with
 * the rest, once, half a nano-unit up. Throws a RangeError for counts that are no counts.
 */
export function costOf(price: Price, tokens: TokenCounts, callClass: 'interactive' | 'batch'): number {
  const { promptTokens, cachedTokens, completionTokens } = tokens
  if (![promptTokens, cachedTokens, completionTokens].every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new RangeError('token counts are integers from 0')
  }
  if (cachedTokens > promptTokens) throw new RangeError('cached tokens are among the prompt tokens')
  const rates = price.tiers.findLast(({ above }) => promptTokens > above) ?? price
  // A million tokens at 75 USD per million are 7.5 × 10¹⁶ before the division: more than a number holds exactly.
  const sum =
    BigInt(promptTokens - cachedTokens) * BigInt(rates.input) +
    BigInt(cachedTokens) * BigInt(rates.cached) +
    BigInt(completionTokens) * BigInt(rates.output)
  const divisor = callClass === 'batch' ? 2n * million : million
  return Number((2n * sum + divisor) / (2n * divisor))
}

/** Money per million tokens as price lists write it (`0.15`) in nano-units. */
export function perMillion(amount: number): number {
  const nano = Math.round(amount * nanoPerUnit)
  if (!Number.isSafeInteger(nano) || nano < 0) throw new RangeError(`${amount} is no price per million tokens`)
  return nano
}

/** An integer of `places` decimals as people write it, without zeros at the end: `decimal(1_500_000_000, 9)` is "1.5". */
export function decimal(amount: number, places: number): string {
  const digits = String(Math.abs(amount)).padStart(places + 1, '0')
  const text = `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
  return amount < 0 ? `-${text}` : text
}
