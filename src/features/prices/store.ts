// Price rows and exchange rates in the database. Rows are immutable, and none is ever deleted: requests point to them.
import type { Kysely } from 'kysely'
import type { Row, Tables } from '../../database/tables.ts'
import type { ExchangeRate, OperatorPrices } from './book.ts'
import type { Price } from './price.ts'

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

/** What the operator has set and not taken back. */
export async function readOperator(query: Kysely<Tables>): Promise<OperatorPrices> {
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
    rates: rates.map(({ id, from_at, micro_eur_per_usd, source }) => ({
      ...{ id, from: from_at, microEurPerUsd: micro_eur_per_usd, source },
    })),
  }
}

/** Sets a row; again changes nothing but its turn. */
export async function setPrice(transaction: Kysely<Tables>, price: Price, now: number): Promise<void> {
  await keepPrices(transaction, [price])
  await transaction
    .insertInto('operator_prices')
    .values({ price: price.id, created_at: now })
    .onConflict((conflict) => conflict.column('price').doUpdateSet({ created_at: now }))
    .execute()
}

/** Takes a row back: it no longer prices anything, and the requests it priced keep it. Undefined where the operator has not set it. */
export async function withdrawPrice(transaction: Kysely<Tables>, id: string): Promise<Price | undefined> {
  const { numDeletedRows } = await transaction.deleteFrom('operator_prices').where('price', '=', id).executeTakeFirst()
  return numDeletedRows === 1n ? await findPrice(transaction, id) : undefined
}

/** The row with this id, whoever set it. */
export async function findPrice(query: Kysely<Tables>, id: string): Promise<Price | undefined> {
  const row = await query.selectFrom('prices').selectAll().where('id', '=', id).executeTakeFirst()
  return row && priceOfRow(row)
}

/** Sets a rate; another one of the same date is replaced. */
export async function setRate(transaction: Kysely<Tables>, rate: ExchangeRate, now: number): Promise<void> {
  const { id, from, microEurPerUsd, source } = rate
  const row = { id, from_at: from, micro_eur_per_usd: microEurPerUsd, source, created_at: now }
  await transaction
    .insertInto('exchange_rates')
    .values(row)
    .onConflict((conflict) => conflict.column('from_at').doUpdateSet(row))
    .execute()
}

function priceOfRow(row: Row<'prices'>): Price {
  const { id, provider, model, currency, input, cached, output, source } = row
  return {
    ...{ id, provider, model, currency, input, cached, output, source },
    from: row.from_at,
    tiers: JSON.parse(row.tiers) as Price['tiers'],
    sourcedOn: row.sourced_on,
  }
}
