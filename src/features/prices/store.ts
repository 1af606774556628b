// Price rows and exchange rates in the database. Rows are immutable, and none is ever deleted: requests point to them.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { ExchangeRate, OperatorPrices } from './book.ts'
import type { Price } from './price.ts'

/** The queries on `prices`, `operator_prices` and `exchange_rates`. */
export interface PriceStore {
  /** What the operator has set and not taken back. */
  operator(): Promise<OperatorPrices>
  /** Sets a row; again changes nothing. */
  set(price: Price, now: number): Promise<void>
  /** Takes a row back: it no longer prices anything, and the requests it priced keep it. False where the operator has not set it. */
  withdraw(id: string): Promise<boolean>
  /** Sets a rate; another one of the same date is replaced. */
  setRate(rate: ExchangeRate, now: number): Promise<void>
}

/** Writes rows that are not there yet, inside the transaction that points to them. */
export async function keepPrices(transaction: Kysely<Tables>, prices: readonly Price[]): Promise<void> {
  if (prices.length === 0) return
  await transaction
    .insertInto('prices')
    .values(
      prices.map(({ id, provider, model, currency, from, input, cached, output, tiers, source, sourcedOn }) => ({
        ...{ id, provider, model, currency, input, cached, output, source },
        ...{ from_at: from, tiers: JSON.stringify(tiers), sourced_on: sourcedOn },
      })),
    )
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

/** The store over an open database. */
export function priceStore({ query }: Pick<Database, 'query'>): PriceStore {
  return {
    async operator() {
      const rows = await query
        .selectFrom('prices')
        .innerJoin('operator_prices', 'operator_prices.price', 'prices.id')
        .selectAll('prices')
        .orderBy('operator_prices.created_at')
        .orderBy('prices.id')
        .execute()
      const rates = await query.selectFrom('exchange_rates').selectAll().orderBy('from_at').execute()
      return {
        rows: rows.map(priceOfRow),
        rates: rates.map((rate) => ({
          id: rate.id,
          from: rate.from_at,
          microEurPerUsd: rate.micro_eur_per_usd,
          source: rate.source,
        })),
      }
    },
    async set(price, now) {
      await query.transaction().execute(async (transaction) => {
        await keepPrices(transaction, [price])
        await transaction
          .insertInto('operator_prices')
          .values({ price: price.id, created_at: now })
          .onConflict((conflict) => conflict.column('price').doNothing())
          .execute()
      })
    },
    async withdraw(id) {
      const { numDeletedRows } = await query.deleteFrom('operator_prices').where('price', '=', id).executeTakeFirst()
      return numDeletedRows === 1n
    },
    async setRate(rate, now) {
      const { id, from, microEurPerUsd, source } = rate
      const row = { id, from_at: from, micro_eur_per_usd: microEurPerUsd, source, created_at: now }
      await query
        .insertInto('exchange_rates')
        .values(row)
        .onConflict((conflict) => conflict.column('from_at').doUpdateSet(row))
        .execute()
    },
  }
}

/** A row as read. */
export function priceOfRow(row: Row<'prices'>): Price {
  const { id, provider, model, currency, input, cached, output, source } = row
  return {
    ...{ id, provider, model, currency, input, cached, output, source },
    from: row.from_at,
    tiers: JSON.parse(row.tiers) as Price['tiers'],
    sourcedOn: row.sourced_on,
  }
}
