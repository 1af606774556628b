// Migration 4: one row per call of a model, sums of them per minute, hour and day, what was said where a workspace keeps it, and how long.

import { type Kysely, sql } from 'kysely'

/** Creates the tables `usage`, `usage_sums`, `usage_contents` and `usage_settings`. */
export async function up(database: Kysely<never>): Promise<void> {
  await createUsage(database)
  await createSums(database)
  await database.schema
    .createTable('usage_contents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('input', 'text')
    .addColumn('output', 'text')
    .execute()
  await database.schema.createIndex('usage_contents_by_age').on('usage_contents').columns(['workspace', 'at']).execute()
  await database.schema
    .createTable('usage_settings')
    .addColumn('workspace', 'text', (column) => column.primaryKey())
    .addColumn('keep_content', 'integer', (column) => column.notNull())
    .addColumn('row_days', 'integer')
    .addColumn('content_days', 'integer')
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute()
}

async function createUsage(database: Kysely<never>): Promise<void> {
  const { schema } = database
  let table = schema
    .createTable('usage')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
  for (const name of [
    'workspace',
    'key_id',
    'operation',
    'class',
    'model',
    'provider',
    'currency',
    'status',
  ] as const) {
    table = table.addColumn(name, 'text', (column) => column.notNull())
  }
  for (const name of ['member', 'end_user', 'digest', 'ran_on', 'price', 'finish_reason'] as const) {
    table = table.addColumn(name, 'text')
  }
  const counts = [
    'prompt_tokens',
    'cached_tokens',
    'completion_tokens',
    'reasoning_tokens',
    'cost',
    'duration_ms',
  ] as const
  for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull())
  table = table.addColumn('queue_ms', 'bigint').addColumn('first_token_ms', 'bigint')
  await table.addColumn('estimated', 'integer', (column) => column.notNull()).execute()
  await schema.createIndex('usage_by_request').on('usage').column('request_id').execute()
  // Lists of calls walk one of these, the newest first.
  await schema.createIndex('usage_by_age').on('usage').columns(['at', 'id']).execute()
  await schema.createIndex('usage_by_workspace').on('usage').columns(['workspace', 'at', 'id']).execute()
  await schema.createIndex('usage_by_key').on('usage').columns(['key_id', 'at', 'id']).execute()
  await schema.createIndex('usage_by_model').on('usage').columns(['model', 'at', 'id']).execute()
  await sql`create index usage_failed on usage (at, id) where status <> 'ok'`.execute(database)
  await schema.createIndex('usage_by_member').on('usage').column('member').execute()
  await schema.createIndex('usage_by_end_user').on('usage').column('end_user').execute()
}

async function createSums({ schema }: Kysely<never>): Promise<void> {
  const dimensions = ['workspace', 'key_id', 'model', 'provider', 'operation', 'class', 'currency'] as const
  let table = schema
    .createTable('usage_sums')
    .addColumn('width', 'bigint', (column) => column.notNull())
    .addColumn('start', 'bigint', (column) => column.notNull())
  for (const name of dimensions) table = table.addColumn(name, 'text', (column) => column.notNull())
  for (const name of [
    ...(['requests', 'errors', 'estimated', 'prompt_tokens', 'cached_tokens', 'completion_tokens'] as const),
    ...(['reasoning_tokens', 'cost', 'duration_ms', 'queue_ms', 'first_token_ms', 'first_tokens'] as const),
  ]) {
    table = table.addColumn(name, 'bigint', (column) => column.notNull())
  }
  // The builder's type forgets columns that a loop adds.
  const key = ['width', 'start', ...(dimensions as unknown as readonly never[])] as const
  await table.addPrimaryKeyConstraint('usage_sums_primary', [...key]).execute()
}
