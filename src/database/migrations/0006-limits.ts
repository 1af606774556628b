// Migration 6: limits of requests and tokens, tiers, budgets and their alerts.

import type { Kysely } from 'kysely'

/** Creates the tables `limits`, `tiers`, `tier_assignments`, `budgets`, `budget_alerts` and `rate_windows`. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('limits')
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('requests_per_second', 'bigint')
    .addColumn('requests_per_minute', 'bigint')
    .addColumn('tokens_per_minute', 'bigint')
    .addColumn('tokens_per_month', 'bigint')
    .addColumn('parallel_requests', 'bigint')
    .addColumn('line_length', 'bigint')
    .addColumn('line_weight', 'bigint')
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('limits_primary', ['scope', 'subject', 'model'])
    .execute()
  await database.schema
    .createTable('tiers')
    .addColumn('tier', 'integer', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('spend_above', 'bigint')
    .addColumn('requests_per_second', 'bigint')
    .addColumn('requests_per_minute', 'bigint')
    .addColumn('tokens_per_minute', 'bigint')
    .addColumn('tokens_per_month', 'bigint')
    .addColumn('parallel_requests', 'bigint')
    .addPrimaryKeyConstraint('tiers_primary', ['tier', 'model'])
    .execute()
  await database.schema
    .createTable('tier_assignments')
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('tier', 'integer')
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('tier_assignments_primary', ['scope', 'subject'])
    .execute()
  await createBudgets(database)
  // The shape that rate-limiter-flexible reads and writes.
  await database.schema
    .createTable('rate_windows')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('points', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('expire', 'bigint')
    .execute()
}

async function createBudgets(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('budgets')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('period', 'text', (column) => column.notNull())
    .addColumn('time_zone', 'text', (column) => column.notNull())
    .addColumn('amount', 'bigint', (column) => column.notNull())
    .addColumn('hard', 'integer', (column) => column.notNull())
    .addColumn('thresholds', 'text', (column) => column.notNull())
    .addColumn('webhook', 'text')
    .addColumn('emails', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute()
  await database.schema.createIndex('budgets_by_subject').on('budgets').columns(['scope', 'subject']).execute()
  await database.schema
    .createTable('budget_alerts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('budget', 'text', (column) => column.notNull())
    .addColumn('opens_at', 'bigint', (column) => column.notNull())
    .addColumn('threshold', 'integer', (column) => column.notNull())
    .addColumn('amount', 'bigint', (column) => column.notNull())
    .addColumn('spent', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('budget_alerts_once', ['budget', 'opens_at', 'threshold', 'amount'])
    .execute()
}
