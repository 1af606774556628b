// Migration 20: the key whose limits, budgets and spend another key counts under.

import type { Kysely } from 'kysely'

/** Adds `keys.payer`. Keys that are there go on to count under their own. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema.alterTable('keys').addColumn('payer', 'text').execute()
}
