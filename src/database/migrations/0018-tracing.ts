// Migration 18: what a workspace keeps of its traces, and lists of traces by name, by duration and by tag, and their figures by time, that
// are ready made.

import { type Kysely, sql } from 'kysely'

/** Adds columns to `usage_settings`, indexes to `traces`, and the table `trace_tags`. */
export async function up(database: Kysely<never>): Promise<void> {
  const { schema } = database
  // SQLite adds one column at a time.
  await schema
    .alterTable('usage_settings')
    .addColumn('content_by_request', 'integer', (column) => column.notNull().defaultTo(1))
    .execute()
  await schema.alterTable('usage_settings').addColumn('trace_days', 'integer').execute()
  await schema.alterTable('usage_settings').addColumn('redaction', 'text').execute()
  await changeIndexes(database)
  const name = ['workspace', 'name', 'started_at', 'trace_id'] as const
  await schema
    .createIndex('traces_by_name')
    .on('traces')
    .columns([...name])
    .execute()
  await schema.createIndex('traces_by_duration').on('traces').columns(['workspace', 'duration', 'trace_id']).execute()
  await schema
    .createTable('trace_tags')
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('tag', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('trace_tags_key', ['workspace', 'tag', 'started_at', 'trace_id'])
    .execute()
  await schema.createIndex('trace_tags_by_trace').on('trace_tags').columns(['workspace', 'trace_id']).execute()
  await fillTags(database)
}

/** Figures over a span of time are read from the index alone, and so is a walk by time that passes many traces over. */
async function changeIndexes(database: Kysely<never>): Promise<void> {
  const { schema } = database
  const order = ['workspace', 'started_at', 'trace_id'] as const
  const facts = ['state', 'model', 'service', 'duration', 'error_count'] as const
  const counts = ['input_tokens', 'output_tokens', 'cached_tokens', 'cost', 'currency'] as const
  await schema.dropIndex('traces_by_time').execute()
  await schema
    .createIndex('traces_by_time')
    .on('traces')
    .columns([...order, ...facts, ...counts])
    .execute()
  // Every index is written with every trace: what most do not have costs nothing any more, and services are few enough for the one by time.
  await schema.dropIndex('traces_by_service').execute()
  for (const name of ['conversation', 'user_name'] as const) {
    await schema.dropIndex(`traces_by_${name}`).execute()
    await sql`create index ${sql.ref(`traces_by_${name}`)} on traces (workspace, ${sql.ref(name)}, started_at)
      where ${sql.ref(name)} is not null`.execute(database)
  }
  await schema.dropIndex('spans_by_response').execute()
  await sql`create index spans_by_response on spans (workspace, response_id) where response_id is not null`.execute(
    database,
  )
}

interface Tagged {
  readonly workspace: string
  readonly trace_id: string
  readonly started_at: number
  readonly tags: string
}

async function fillTags(database: Kysely<never>): Promise<void> {
  const { rows } = await sql<Tagged>`
    select workspace, trace_id, started_at, tags from traces where tags <> '[]'`.execute(database)
  for (const { workspace, trace_id, started_at, tags } of rows) {
    for (const tag of new Set(JSON.parse(tags) as string[])) {
      await sql`insert into trace_tags (workspace, tag, started_at, trace_id)
        values (${workspace}, ${tag}, ${started_at}, ${trace_id})`.execute(database)
    }
  }
}
