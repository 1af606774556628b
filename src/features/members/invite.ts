// Invitations: made by an administrator, who hands the link on; accepted once, by whoever holds it, before it expires. Knows no route.

import { createHash, randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { Acts, Note } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { insertPerson, type MemberRole, type NewPerson, type PersonRole } from './change.ts'
import type { Person } from './store.ts'

/** A role in a workspace that an invitation gives. */
export interface InvitedRole {
  readonly id: string
  readonly role: MemberRole
}

/** An invitation. Times are milliseconds since 1970. */
export interface Invite {
  readonly id: string
  readonly email: string
  readonly role: PersonRole
  readonly workspaces: readonly InvitedRole[]
  readonly createdAt: number
  readonly expiresAt: number
  readonly acceptedAt: number | null
}

const weekMs = 7 * 86_400_000

/** Invites somebody. The secret is shown now and never again. Throws `invalid_value` for who is here already, `not_found` for a workspace that is not. */
export async function createInvite(
  acts: Acts,
  actor: Actor,
  wanted: Pick<Invite, 'email' | 'role' | 'workspaces'>,
): Promise<{ readonly invite: Invite; readonly secret: string }> {
  const secret = randomBytes(32).toString('base64url')
  const now = acts.clock.now()
  const row: Row<'invites'> = {
    ...{ id: newId('invite', acts.clock), hash: hash(secret), email: wanted.email.toLowerCase(), role: wanted.role },
    ...{ workspaces: JSON.stringify(wanted.workspaces), created_at: now, expires_at: now + weekMs, accepted_at: null },
  }
  await acts.run(actor, async (transaction, note) => {
    const here = await transaction.selectFrom('users').select('id').where('email', '=', row.email).executeTakeFirst()
    if (here !== undefined) {
      throw fail('invalid_value', { param: 'email', reason: 'somebody with this address is here already' })
    }
    await checkWorkspaces(transaction, wanted.workspaces)
    // A second invitation takes the place of the first, whose link was perhaps lost.
    await transaction.deleteFrom('invites').where('email', '=', row.email).where('accepted_at', 'is', null).execute()
    await transaction.insertInto('invites').values(row).execute()
    const details = { role: row.role, workspaces: wanted.workspaces }
    note({ action: 'invite.sent', target: { kind: 'invite', id: row.id }, details })
  })
  return { invite: inviteOf(row), secret }
}

async function checkWorkspaces(transaction: Kysely<Tables>, workspaces: readonly InvitedRole[]): Promise<void> {
  for (const { id } of workspaces) {
    const known = await transaction
      .selectFrom('workspaces')
      .select('id')
      .where('id', '=', id)
      .where('archived_at', 'is', null)
      .executeTakeFirst()
    if (known === undefined) throw fail('not_found', { what: 'workspace', id: id.slice(0, 100), param: 'workspaces' })
  }
}

/** Every invitation, the newest first. */
export async function listInvites(query: Kysely<Tables>): Promise<readonly Invite[]> {
  const rows = await query
    .selectFrom('invites')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(inviteOf)
}

/** One invitation; throws `not_found`. */
export async function inviteById(query: Kysely<Tables>, id: string): Promise<Invite> {
  const row = await query.selectFrom('invites').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw fail('not_found', { what: 'invitation', id: id.slice(0, 100), param: 'invite_id' })
  return inviteOf(row)
}

/** Takes an invitation back. Throws `not_found`, and `invalid_value` for one that was accepted. */
export async function deleteInvite(acts: Acts, actor: Actor, id: string): Promise<void> {
  await acts.run(actor, async (transaction, note) => {
    const invite = await inviteById(transaction, id)
    if (invite.acceptedAt !== null) {
      throw fail('invalid_value', { param: 'invite_id', reason: 'it was accepted already: remove the user instead' })
    }
    await transaction.deleteFrom('invites').where('id', '=', id).execute()
    note({ action: 'invite.deleted', target: { kind: 'invite', id } })
  })
}

/** The invitation that this link opens; throws `invitation_invalid` for all that is none, or none any more. */
export async function openInvite(query: Kysely<Tables>, secret: string, now: number): Promise<Invite> {
  const row = await query.selectFrom('invites').selectAll().where('hash', '=', hash(secret)).executeTakeFirst()
  if (row === undefined || row.accepted_at !== null || row.expires_at <= now) throw fail('invitation_invalid')
  return inviteOf(row)
}

/** What a person brings who accepts: a name, and the hash of a password or the identity that a provider vouches for. */
export type Chosen = Pick<NewPerson, 'name' | 'password' | 'issuer' | 'subject'>

/** Makes the person of the invitation that this link opens. */
export async function acceptInvite(acts: Acts, secret: string, chosen: Chosen): Promise<Person> {
  return await acts.run({ kind: 'system', id: 'invitation' }, async (transaction, note) => {
    const invite = await openInvite(transaction, secret, acts.clock.now())
    return await insertInvited(transaction, acts, note, invite, chosen)
  })
}

/** The open invitation to this address; undefined where there is none. */
export async function openInviteOf(query: Kysely<Tables>, email: string, now: number): Promise<Invite | undefined> {
  const row = await query
    .selectFrom('invites')
    .selectAll()
    .where('email', '=', email)
    .where('accepted_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row === undefined ? undefined : inviteOf(row)
}

/** Makes the person of an invitation, inside an act. */
export async function insertInvited(
  transaction: Kysely<Tables>,
  acts: Acts,
  note: Note,
  invite: Invite,
  chosen: Chosen,
): Promise<Person> {
  const now = acts.clock.now()
  // Two who click at once: one of them changes the row.
  const taken = await transaction
    .updateTable('invites')
    .set({ accepted_at: now })
    .where('id', '=', invite.id)
    .where('accepted_at', 'is', null)
    .executeTakeFirst()
  if (taken.numUpdatedRows !== 1n) throw fail('invitation_invalid')
  const { email, role } = invite
  const person = await insertPerson(transaction, acts, { email, role, ...chosen })
  for (const { id: workspace, role: given } of invite.workspaces) {
    const member = { workspace, user_id: person.id, role: given, created_at: now }
    await transaction.insertInto('members').values(member).execute()
  }
  const target = { kind: 'user', id: person.id }
  note({ action: 'invite.accepted', target, details: { invite: invite.id } })
  note({ action: 'user.added', target, details: { role, workspaces: invite.workspaces } })
  return person
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function inviteOf(row: Row<'invites'>): Invite {
  return {
    ...{ id: row.id, email: row.email, role: row.role, workspaces: JSON.parse(row.workspaces) as InvitedRole[] },
    ...{ createdAt: row.created_at, expiresAt: row.expires_at, acceptedAt: row.accepted_at },
  }
}
