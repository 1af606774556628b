// Migration 17: what was shared by link.

import type { Kysely } from 'kysely'

/** Creates `shares`. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('shares')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('title', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await database.schema.createIndex('shares_of').on('shares').columns(['workspace', 'created_at', 'id']).execute()
  await database.schema.createIndex('shares_ending').on('shares').column('expires_at').execute()
}
