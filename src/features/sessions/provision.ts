// Which of our people somebody is whom the provider vouches for: known, invited, or of a domain whose people are welcome. Knows no protocol.

import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import type { Acts, Note } from '../audit/acts.ts'
import { insertPerson } from '../members/change.ts'
import { insertInvited, openInviteOf } from '../members/invite.ts'
import type { OidcIdentity } from './oidc.ts'

/**
 * The person's id. Somebody who was invited, or whose address lies in one of `domains`, is added. Throws `sign_in_unknown` for all others,
 * and for people who are disabled.
 */
export async function personOfIdentity(
  acts: Acts,
  identity: OidcIdentity,
  domains: readonly string[],
): Promise<string> {
  return await acts.run({ kind: 'system', id: 'oidc' }, async (transaction, note) => {
    const known = await knownPerson(transaction, note, identity)
    if (known !== undefined) return known
    const { email, issuer, subject } = identity
    if (email === undefined) throw fail('sign_in_unknown', { issuer })
    const chosen = { name: identity.name ?? email, issuer, subject }
    const invite = await openInviteOf(transaction, email, acts.clock.now())
    if (invite !== undefined) return (await insertInvited(transaction, acts, note, invite, chosen)).id
    const domain = email.slice(email.lastIndexOf('@') + 1)
    if (!domains.some((welcome) => welcome.toLowerCase() === domain)) throw fail('sign_in_unknown', { issuer })
    const person = await insertPerson(transaction, acts, { email, role: 'member', ...chosen })
    const member = { workspace: 'default', user_id: person.id, role: 'member', created_at: acts.clock.now() } as const
    await transaction.insertInto('members').values(member).execute()
    const details = { role: 'member', by: 'domain' }
    note({ action: 'user.added', target: { kind: 'user', id: person.id }, details })
    return person.id
  })
}

/** Somebody who signed in so before, or who is here under the address that the provider checked. */
async function knownPerson(
  transaction: Kysely<Tables>,
  note: Note,
  { issuer, subject, email }: OidcIdentity,
): Promise<string | undefined> {
  const people = transaction.selectFrom('users').select(['id', 'disabled_at', 'subject'])
  const before = await people.where('issuer', '=', issuer).where('subject', '=', subject).executeTakeFirst()
  const person =
    before ?? (email === undefined ? undefined : await people.where('email', '=', email).executeTakeFirst())
  if (person === undefined) return undefined
  if (person.disabled_at !== null) throw fail('sign_in_unknown', { issuer })
  if (before !== undefined) return person.id
  // Another identity has this person already: an address was given to somebody else at the provider.
  if (person.subject !== null) throw fail('sign_in_unknown', { issuer })
  await transaction.updateTable('users').set({ issuer, subject }).where('id', '=', person.id).execute()
  note({ action: 'user.updated', target: { kind: 'user', id: person.id }, details: { oidc: 'linked' } })
  return person.id
}
