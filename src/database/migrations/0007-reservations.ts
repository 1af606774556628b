// Migration 7: what is reserved and spent, per calendar window, and which node holds how much of it.

import type { Kysely } from 'kysely'

/** Creates the tables `accounts`, `blocks`, `ledger_nodes`, `reservations` and `spend`. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('accounts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('unit', 'text', (column) => column.notNull())
    .addColumn('opens_at', 'bigint', (column) => column.notNull())
    .addColumn('closes_at', 'bigint', (column) => column.notNull())
    .addColumn('capacity', 'bigint')
    .addColumn('spent', 'bigint', (column) => column.notNull())
    .addColumn('leased', 'bigint', (column) => column.notNull())
    .execute()
  await database.schema.createIndex('accounts_by_subject').on('accounts').columns(['scope', 'subject']).execute()
  await database.schema
    .createTable('blocks')
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('amount', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('blocks_primary', ['node', 'account'])
    .execute()
  await database.schema
    .createTable('ledger_nodes')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('step', 'bigint', (column) => column.notNull())
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .execute()
  await database.schema
    .createTable('reservations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('money', 'bigint', (column) => column.notNull())
    .addColumn('tokens', 'bigint', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute()
  await database.schema.createIndex('reservations_by_state').on('reservations').columns(['state', 'at']).execute()
  await database.schema
    .createTable('spend')
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('quarter', 'bigint', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('money', 'bigint', (column) => column.notNull())
    .addColumn('tokens', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('spend_primary', ['scope', 'subject', 'quarter', 'model'])
    .execute()
}
