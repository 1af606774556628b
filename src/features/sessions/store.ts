// Sessions in the database: begun, found by their cookie, ended. Knows hashes of cookies, never a cookie, and no route.

import { createHash, randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { newId } from '../../base/ids.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { Grant } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'

type Query = Kysely<Tables>

/** Unused for so long, a session ends. */
const idleMs = 12 * 3_600_000
/** It ends then, used or not. */
const lifetimeMs = 7 * 86_400_000

/** A session that works. */
export interface Session {
  readonly id: string
  readonly user: string
  readonly csrf: string
  readonly expiresAt: number
  /** What the person may do: in the organisation and in workspaces that are not archived. */
  readonly grants: readonly Grant[]
  /** Workspaces in which they have a role, the oldest first. */
  readonly workspaces: readonly string[]
}

/** Begins a session for a person, with its entry in the audit log; the token goes into the cookie and is not stored. */
export async function beginSession(
  acts: Acts,
  user: string,
  origin: { readonly address: string; readonly method: 'password' | 'oidc' | 'invitation' },
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const now = acts.clock.now()
  const token = randomBytes(32).toString('base64url')
  const row: Row<'sessions'> = {
    ...{ id: newId('session', acts.clock), hash: hashToken(token), user_id: user },
    ...{ csrf: randomBytes(32).toString('base64url'), created_at: now, expires_at: now + idleMs },
  }
  const actor = { kind: 'session', id: row.id, user, address: origin.address } as const
  await acts.run(actor, async (transaction, note) => {
    await transaction.deleteFrom('sessions').where('expires_at', '<=', now).execute()
    await transaction.insertInto('sessions').values(row).execute()
    await transaction.updateTable('users').set({ last_seen_at: now }).where('id', '=', user).execute()
    const details = { method: origin.method }
    note({ action: 'login.succeeded', target: { kind: 'session', id: row.id }, details })
  })
  return { token, expiresAt: now + lifetimeMs }
}

/** The session of this token and what its person may do now; undefined where it is none, or none any more. */
export async function sessionByToken(query: Query, token: string, now: number): Promise<Session | undefined> {
  if (token.length > 100) return undefined
  const row = await query
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .selectAll('sessions')
    .select('users.role as role')
    .where('sessions.hash', '=', hashToken(token))
    .where('users.disabled_at', 'is', null)
    .executeTakeFirst()
  if (row === undefined || row.expires_at <= now) return undefined
  // Written at most once in half the time that a session may lie idle.
  const ends = Math.min(now + idleMs, row.created_at + lifetimeMs)
  if (ends - row.expires_at > idleMs / 2) {
    await query.updateTable('sessions').set({ expires_at: ends }).where('id', '=', row.id).execute()
  }
  const members = await query
    .selectFrom('members')
    .innerJoin('workspaces', 'workspaces.id', 'members.workspace')
    .select(['members.workspace as workspace', 'members.role as role'])
    .where('members.user_id', '=', row.user_id)
    .where('workspaces.archived_at', 'is', null)
    .orderBy('workspaces.created_at')
    .execute()
  return {
    ...{ id: row.id, user: row.user_id, csrf: row.csrf, expiresAt: Math.max(ends, row.expires_at) },
    grants: row.role === 'member' ? members : [{ role: row.role }, ...members],
    workspaces: members.map(({ workspace }) => workspace),
  }
}

/** Ends a session. */
export async function endSession(acts: Acts, session: Pick<Session, 'id' | 'user'>, address: string): Promise<void> {
  const actor = { kind: 'session', id: session.id, user: session.user, address } as const
  await acts.run(actor, async (transaction, note) => {
    await transaction.deleteFrom('sessions').where('id', '=', session.id).execute()
    note({ action: 'logout.succeeded', target: { kind: 'session', id: session.id } })
  })
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
