// Deletes one person's data from usage: what was said, and the name on the counts. The counts stay, for they are the accounts.
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables.ts'

/**
 * Forgets a person, by the id of a member or by the id that clients gave their end user. Texts of their calls are gone; rows keep tokens
 * and money and name nobody. Sums never named anybody.
 */
export async function forgetPerson(
  transaction: Kysely<Tables>,
  id: string,
): Promise<{ readonly calls: number; readonly contents: number }> {
  const theirs = transaction
    .selectFrom('usage')
    .select('id')
    .where(({ or, eb }) => or([eb('member', '=', id), eb('end_user', '=', id)]))
  const texts = await transaction.deleteFrom('usage_contents').where('id', 'in', theirs).executeTakeFirst()
  const { numUpdatedRows: calls } = await transaction
    .updateTable('usage')
    .set(({ fn, val }) => ({
      member: fn<string | null>('nullif', ['member', val(id)]),
      end_user: fn<string | null>('nullif', ['end_user', val(id)]),
    }))
    .where(({ or, eb }) => or([eb('member', '=', id), eb('end_user', '=', id)]))
    .executeTakeFirst()
  return { calls: Number(calls), contents: Number(texts.numDeletedRows) }
}
