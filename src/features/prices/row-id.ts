// The id of a price row, made from what the row says: the same row has the same id on every node and in every year.
import { createHash } from 'node:crypto'
import type { Price, Rates } from './price.ts'

/** The row with its id. */
export function identified(row: Omit<Price, 'id'>): Price {
  const { provider, model, currency, from, tiers } = row
  const rates = ({ input, cached, output }: Rates) => [input, cached, output]
  const content = [provider, model, currency, from, rates(row), tiers.map((tier) => [tier.above, ...rates(tier)])]
  const digest = createHash('sha256')
    .update(JSON.stringify([...content, row.source, row.sourcedOn]))
    .digest('hex')
  return { id: `price_${digest.slice(0, 26)}`, ...row }
}
