// Migration 19: what a key was refused before any model was called, found by the key.

import { type Kysely, sql } from 'kysely'

/** Indexes the few spans that are refusals. */
export async function up(database: Kysely<never>): Promise<void> {
  await sql`create index spans_refused on spans (workspace, key_id, started_at)
    where kind = 'server' and state = 'error' and source = 'galerne'`.execute(database)
}
