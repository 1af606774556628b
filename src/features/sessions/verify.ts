// Says who a session's cookie belongs to, and in which workspace they work now. Asks the database each time: a role taken counts at once.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import type { Caller } from '../../wire/exchange.ts'
import { may } from '../../wire/permissions.ts'
import { sessionByToken } from './store.ts'

/** A caller who is signed in, and the token that changes must carry. */
export interface SignedIn {
  readonly caller: Caller
  readonly csrf: string
}

/** Checks cookies. */
export interface SessionVerifier {
  /**
   * Who is signed in; undefined for a cookie of no session. `workspace` is the one they want to work in, else their first. Throws
   * `not_found` for a workspace that they may not see.
   */
  verify(token: string, workspace: string | undefined): Promise<SignedIn | undefined>
}

/** A verifier over the database. */
export function sessionVerifier({ query }: Pick<Database, 'query'>, clock: Clock): SessionVerifier {
  return {
    async verify(token, wanted) {
      const session = await sessionByToken(query, token, clock.now())
      if (session === undefined) return undefined
      const { id, user, grants, workspaces, csrf } = session
      const workspace = wanted ?? workspaces[0] ?? 'default'
      if (wanted !== undefined && !(may({ grants }, 'workspaces.read', wanted) && (await isOpen(query, wanted)))) {
        throw fail('not_found', { what: 'workspace', id: wanted.slice(0, 100), param: 'galerne-workspace' })
      }
      return { caller: { id, kind: 'session', workspace, user, grants }, csrf }
    },
  }
}

async function isOpen(query: Database['query'], workspace: string): Promise<boolean> {
  const row = await query
    .selectFrom('workspaces')
    .select('id')
    .where('id', '=', workspace)
    .where('archived_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}
