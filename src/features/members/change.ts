// Adds people, gives and takes roles. Each with its entry in the audit log.

import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { type Membership, type Person, personById, personOf } from './store.ts'

/** A role in the organisation, and one in a workspace. */
export type PersonRole = Row<'users'>['role']
export type MemberRole = Row<'members'>['role']

/** Who is to be added. */
export interface NewPerson {
  readonly email: string
  readonly name: string
  readonly role: PersonRole
  /** Hash of the password; absent: they sign in by OIDC, or not at all. */
  readonly password?: string
  readonly issuer?: string
  readonly subject?: string
}

/** Adds a person inside an act. Throws `invalid_value` where somebody has this address. */
export async function insertPerson(transaction: Kysely<Tables>, acts: Acts, wanted: NewPerson): Promise<Person> {
  const row: Row<'users'> = {
    ...{ id: newId('user', acts.clock), email: wanted.email.toLowerCase(), name: wanted.name, role: wanted.role },
    ...{ password: wanted.password ?? null, issuer: wanted.issuer ?? null, subject: wanted.subject ?? null },
    ...{ created_at: acts.clock.now(), disabled_at: null, last_seen_at: null },
  }
  const inserting = transaction.insertInto('users').values(row)
  const result = await inserting.onConflict((conflict) => conflict.column('email').doNothing()).executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n) {
    throw fail('invalid_value', { param: 'email', reason: 'somebody with this address is here already' })
  }
  return personOf(row)
}

/** Adds a person. */
export async function addPerson(acts: Acts, actor: Actor, wanted: NewPerson): Promise<Person> {
  return await acts.run(actor, async (transaction, note) => {
    const person = await insertPerson(transaction, acts, wanted)
    note({ action: 'user.added', target: { kind: 'user', id: person.id }, details: { role: person.role } })
    return person
  })
}

/** Gives a role in the organisation. */
export async function setPersonRole(acts: Acts, actor: Actor, id: string, role: PersonRole): Promise<Person> {
  return await acts.run(actor, async (transaction, note) => {
    const person = await personById(transaction, id)
    if (person.role === role) return person
    await transaction.updateTable('users').set({ role }).where('id', '=', id).execute()
    note({ action: 'user.updated', target: { kind: 'user', id }, details: { role, before: person.role } })
    return { ...person, role }
  })
}

/** Gives a role in a workspace, to who has none there too; says whether they had one. */
export async function setMember(
  acts: Acts,
  actor: Actor,
  member: Pick<Membership, 'workspace' | 'user' | 'role'>,
): Promise<'added' | 'updated' | 'unchanged'> {
  const { workspace, user, role } = member
  return await acts.run(actor, async (transaction, note) => {
    await personById(transaction, user)
    const before = await memberRow(transaction, workspace, user)
    if (before?.role === role) return 'unchanged'
    await transaction
      .insertInto('members')
      .values({ workspace, user_id: user, role, created_at: acts.clock.now() })
      .onConflict((conflict) => conflict.columns(['user_id', 'workspace']).doUpdateSet({ role }))
      .execute()
    const details = { workspace, role, ...(before !== undefined && { before: before.role }) }
    note({ action: 'role.assignment.created', workspace, target: { kind: 'user', id: user }, details })
    return before === undefined ? 'added' : 'updated'
  })
}

/** Takes the role in a workspace, and revokes the person's keys there. False where they have none. */
export async function removeMember(acts: Acts, actor: Actor, workspace: string, user: string): Promise<boolean> {
  return await acts.run(actor, async (transaction, note) => {
    const before = await memberRow(transaction, workspace, user)
    if (before === undefined) return false
    await transaction.deleteFrom('members').where('workspace', '=', workspace).where('user_id', '=', user).execute()
    const keys = await transaction
      .updateTable('keys')
      .set({ revoked_at: acts.clock.now() })
      .where('workspace', '=', workspace)
      .where('user_id', '=', user)
      .where('reach', '=', 'workspace')
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute()
    const details = { workspace, before: before.role, revoked_keys: keys.map(({ id }) => id) }
    note({ action: 'role.assignment.deleted', workspace, target: { kind: 'user', id: user }, details })
    return true
  })
}

function memberRow(query: Kysely<Tables>, workspace: string, user: string) {
  return query
    .selectFrom('members')
    .select('role')
    .where('workspace', '=', workspace)
    .where('user_id', '=', user)
    .executeTakeFirst()
}
