// Migration 9: the audit log, a chain of hashes, and apart from it who the pseudonyms stand for.

import { type Kysely, sql } from 'kysely'

/** Creates the tables and the head of an empty chain. */
export async function up(database: Kysely<never>): Promise<void> {
  const { schema } = database
  await schema
    .createTable('audit_log')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('actor_kind', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('actor_person', 'text')
    .addColumn('actor_account', 'text')
    .addColumn('workspace', 'text')
    .addColumn('target_kind', 'text', (column) => column.notNull())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('previous', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('audit_log_by_time').on('audit_log').column('at').execute()
  await schema
    .createTable('audit_head')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createTable('audit_people')
    .addColumn('pseudonym', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull().unique())
    .execute()
  await schema
    .createTable('audit_origins')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('pseudonym', 'text')
    .addColumn('address', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('audit_origins_by_person').on('audit_origins').column('pseudonym').execute()
  await sql`insert into audit_head (id, sequence, hash) values ('head', 0, ${'0'.repeat(64)})`.execute(database)
}
