// What an answer costs by the server's own prices, to show before its row is read. The same sum as the server's. Pure.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { PriceList } from '../../../../src/wire/prices.ts'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import type { Answer } from './stream.ts'

type Prices = Static<typeof PriceList>

/** What an answer of a model costs in nano-units; undefined where nobody says. */
export type CostOf = (model: string, answer: Answer) => { readonly nano: number; readonly currency: string } | undefined

/** Prices as they are in force, for those who may see them. */
export function useCosts(): CostOf {
  const { may } = useSession()
  const prices = useQuery({
    queryKey: ['prices'],
    enabled: may('usage.read'),
    staleTime: 300_000,
    queryFn: ({ signal }) => call<Prices>('/galerne/v1/prices', { signal }),
  })
  return (model, answer) => {
    const found = prices.data?.in_force.find((one) => one.model === model)
    if (prices.data === undefined || found === undefined || answer.promptTokens === undefined) return undefined
    const { currency } = prices.data
    return { nano: found.price === null ? 0 : costOf(found.price, answer), currency: found.price?.currency ?? currency }
  }
}

type Price = NonNullable<Prices['in_force'][number]['price']>

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
