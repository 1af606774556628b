// Migration 5: every price row that a request was charged by or an operator set, what of them the operator set, and exchange rates.

import type { Kysely } from 'kysely'

/** Creates the tables `prices`, `operator_prices` and `exchange_rates`. */
export async function up({ schema }: Kysely<never>): Promise<void> {
  await schema
    .createTable('prices')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('currency', 'text', (column) => column.notNull())
    .addColumn('from_at', 'bigint')
    .addColumn('input', 'bigint', (column) => column.notNull())
    .addColumn('cached', 'bigint', (column) => column.notNull())
    .addColumn('output', 'bigint', (column) => column.notNull())
    .addColumn('tiers', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('sourced_on', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createTable('operator_prices')
    .addColumn('price', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createTable('exchange_rates')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('from_at', 'bigint', (column) => column.notNull().unique())
    .addColumn('micro_eur_per_usd', 'bigint', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
}
