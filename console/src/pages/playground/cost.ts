// What an answer costs by the server's own prices, to show before its row is read. The same sum as the server's. Pure.
import type { Static } from 'typebox'
import type { PriceInForceList } from '../../../../src/wire/prices.ts'
import { useAll } from '../../server/pages.ts'
import { useSession } from '../../server/session.tsx'
import type { Answer } from './stream.ts'

type InForce = Static<typeof PriceInForceList>['data'][number]

/** What an answer of a model costs in nano-units; undefined where nobody says. */
export type CostOf = (model: string, answer: Answer) => { readonly nano: number; readonly currency: string } | undefined

/** Prices as they are in force, for those who may see them. */
export function useCosts(): CostOf {
  const { may } = useSession()
  const prices = useAll<InForce>(['prices'], '/galerne/v1/prices/in-force?limit=100', { enabled: may('usage.read') })
  return (model, answer) => {
    const found = prices.data?.find((one) => one.model === (answer.model ?? model))
    if (found === undefined || answer.promptTokens === undefined) return undefined
    if (found.price === null) return { nano: 0, currency: 'USD' }
    return { nano: costOf(found.price, answer), currency: found.price.currency }
  }
}

type Price = NonNullable<InForce['price']>

/** Integers alone: an amount per million tokens has at most nine digits after the point. */
function costOf(price: Price, { promptTokens = 0, cachedTokens = 0, completionTokens = 0 }: Answer): number {
  const rates = price.tiers.findLast(({ above }) => promptTokens > above) ?? price
  const sum =
    BigInt(promptTokens - cachedTokens) * nanoOf(rates.input) +
    BigInt(cachedTokens) * nanoOf(rates.cached) +
    BigInt(completionTokens) * nanoOf(rates.output)
  return Number((2n * sum + 1_000_000n) / 2_000_000n)
}

/** A decimal in nano-units. */
function nanoOf(decimal: string): bigint {
  const [whole = '0', digits = ''] = decimal.split('.')
  return BigInt(`${whole}${digits.padEnd(9, '0').slice(0, 9)}`)
}
