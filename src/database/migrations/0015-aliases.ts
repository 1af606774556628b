// Migration 15: aliases of models with their history, and what was measured of weights.

import type { Kysely } from 'kysely'

/** Creates `model_aliases`, `model_alias_changes` and `model_quality`. */
export async function up(database: Kysely<never>): Promise<void> {
  const { schema } = database
  await schema
    .createTable('model_aliases')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('canary', 'text')
    .addColumn('shadow', 'text')
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createTable('model_alias_changes')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('alias', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('actor_kind', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('before_state', 'text')
    .addColumn('after_state', 'text')
    .execute()
  await schema.createIndex('model_alias_changes_by_alias').on('model_alias_changes').columns(['alias', 'id']).execute()
  await schema
    .createTable('model_quality')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('perplexity', 'double precision')
    .addColumn('accuracy', 'double precision')
    .addColumn('text_sha256', 'text')
    .addColumn('note', 'text')
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
  await schema.createIndex('model_quality_by_digest').on('model_quality').columns(['digest', 'id']).execute()
}
