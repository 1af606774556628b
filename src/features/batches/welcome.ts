// Whether a batch may still be worked on for who made it: a key that was revoked has nothing done any more, also not what it began. Reads only.
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { BatchRow } from './store.ts'

/**
 * False where the batch's key was revoked, its person disabled, or its workspace archived. A key that was replaced is judged by its
 * successor, and one that has run out is not revoked: the work was given while it held.
 */
export async function isWelcome(
  query: Kysely<Tables>,
  { key, owner, workspace }: Pick<BatchRow, 'key' | 'owner' | 'workspace'>,
): Promise<boolean> {
  const place = await query
    .selectFrom('workspaces')
    .select('archived_at')
    .where('id', '=', workspace)
    .executeTakeFirst()
  if (place !== undefined && place.archived_at !== null) return false
  const person = await query.selectFrom('users').select('disabled_at').where('id', '=', owner).executeTakeFirst()
  if (person !== undefined && person.disabled_at !== null) return false
  return await isKeyWelcome(query, key)
}

async function isKeyWelcome(query: Kysely<Tables>, id: string): Promise<boolean> {
  const row = await query
    .selectFrom('keys')
    .select(['revoked_at', 'replaced_by'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return true
  return row.replaced_by === null ? row.revoked_at === null : await isKeyWelcome(query, row.replaced_by)
}

/** The key whose limits, budgets and spend the batch's key counts under; undefined: its own. */
export async function payerOf(query: Kysely<Tables>, { key }: Pick<BatchRow, 'key'>): Promise<string | undefined> {
  return (await query.selectFrom('keys').select('payer').where('id', '=', key).executeTakeFirst())?.payer ?? undefined
}
