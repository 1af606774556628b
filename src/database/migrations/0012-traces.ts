// Migration 12: traces. Spans are written once; a row of `traces` says what its spans add up to, so that no list ever reads spans.

import type { Kysely } from 'kysely'

/** Creates `traces`, `spans`, `span_contents` and `feedback`. */
export async function up(database: Kysely<never>): Promise<void> {
  await createTraces(database)
  await createSpans(database)
  await createFeedback(database)
}

async function createTraces(database: Kysely<never>): Promise<void> {
  const text = ['name', 'service', 'environment', 'state', 'model', 'models', 'tools', 'tags'] as const
  const counts = ['error_count', 'span_count', 'gen_ai_count', 'model_calls', 'tool_calls', 'retrievals'] as const
  const tokens = ['input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens'] as const
  let table = database.schema
    .createTable('traces')
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('root_span_id', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint', (column) => column.notNull())
    .addColumn('duration', 'bigint', (column) => column.notNull())
    .addColumn('conversation', 'text')
    .addColumn('user_name', 'text')
    .addColumn('key_id', 'text')
    .addColumn('cost', 'bigint')
    .addColumn('currency', 'text')
  for (const name of text) table = table.addColumn(name, 'text', (column) => column.notNull())
  for (const name of counts) table = table.addColumn(name, 'integer', (column) => column.notNull())
  for (const name of tokens) table = table.addColumn(name, 'bigint', (column) => column.notNull())
  await table.addPrimaryKeyConstraint('traces_key', ['workspace', 'trace_id'] as never[]).execute()
  await database.schema
    .createIndex('traces_by_time')
    .on('traces')
    .columns(['workspace', 'started_at', 'trace_id'])
    .execute()
  // A list is filtered by one of these and ordered by time: each index is such a list, ready made.
  for (const name of ['state', 'model', 'key_id', 'conversation', 'user_name', 'service'] as const) {
    await database.schema
      .createIndex(`traces_by_${name}`)
      .on('traces')
      .columns(['workspace', name, 'started_at'])
      .execute()
  }
}

async function createSpans(database: Kysely<never>): Promise<void> {
  const text = ['name', 'kind', 'state', 'state_message', 'trace_state', 'source', 'service', 'environment'] as const
  const facts = ['operation', 'provider', 'request_model', 'response_model', 'response_id', 'conversation'] as const
  const more = ['user_name', 'key_id', 'tool_name', 'error_type', 'parent_span_id'] as const
  const json = ['attributes', 'resource', 'events'] as const
  let table = database.schema
    .createTable('spans')
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('span_id', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('duration', 'bigint', (column) => column.notNull())
    .addColumn('cost', 'bigint')
    .addColumn('currency', 'text')
  for (const name of [...text, 'scope_name', 'scope_version', ...json] as const) {
    table = table.addColumn(name, 'text', (column) => column.notNull())
  }
  for (const name of [...facts, ...more]) table = table.addColumn(name, 'text')
  for (const name of ['input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens'] as const) {
    table = table.addColumn(name, 'bigint')
  }
  await table.addPrimaryKeyConstraint('spans_key', ['workspace', 'trace_id', 'span_id'] as never[]).execute()
  await database.schema.createIndex('spans_by_time').on('spans').columns(['workspace', 'started_at']).execute()
  await database.schema.createIndex('spans_by_response').on('spans').columns(['workspace', 'response_id']).execute()
  await database.schema
    .createTable('span_contents')
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('span_id', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('span_contents_key', ['workspace', 'trace_id', 'span_id'])
    .execute()
  await database.schema
    .createIndex('span_contents_by_time')
    .on('span_contents')
    .columns(['workspace', 'started_at'])
    .execute()
}

async function createFeedback(database: Kysely<never>): Promise<void> {
  await database.schema
    .createTable('feedback')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('response_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('score', 'double precision')
    .addColumn('label', 'text')
    .addColumn('comment', 'text')
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await database.schema
    .createIndex('feedback_by_response')
    .on('feedback')
    .columns(['workspace', 'response_id'])
    .execute()
}
