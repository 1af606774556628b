// Migration 13: prompts with their versions and the aliases that point to one.

import type { Kysely } from 'kysely'

/** Creates `prompts`, `prompt_versions` and `prompt_aliases`. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('prompts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('title', 'text')
    .addColumn('description', 'text')
    .addColumn('sharing', 'text', (column) => column.notNull())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('latest_version', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('prompts_by_name', ['workspace', 'name'])
    .execute()
  await database.schema
    .createTable('prompt_versions')
    .addColumn('prompt', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('variables', 'text', (column) => column.notNull())
    .addColumn('notes', 'text')
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('prompt_versions_key', ['prompt', 'version'])
    .execute()
  await database.schema
    .createTable('prompt_aliases')
    .addColumn('prompt', 'text', (column) => column.notNull())
    .addColumn('alias', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('prompt_aliases_key', ['prompt', 'alias'])
    .execute()
}
