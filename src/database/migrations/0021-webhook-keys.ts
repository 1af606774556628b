// Migration 21: what the secret of a budget's webhook is made from.

import type { Kysely } from 'kysely'

/** Adds `budgets.webhook_key`. Webhooks that are there are signed as before until their secret is replaced. */
export async function up(database: Kysely<never>): Promise<void> {
  await database.schema.alterTable('budgets').addColumn('webhook_key', 'text').execute()
}
