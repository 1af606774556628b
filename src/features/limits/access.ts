// Whose limits and budgets a caller may read and set: their own workspace's, or with a role in the organisation everybody's.
import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import type { Caller } from '../../wire/exchange.ts'
import { may, type Permission } from '../../wire/permissions.ts'
import { organisation, type Scope } from './account.ts'

/** Somebody who has limits and budgets. */
export interface Party {
  readonly scope: Scope
  readonly subject: string
}

/**
 * Whom a request means: the one it names, else the organisation, or the caller's own workspace or key. A key that counts under another's
 * limits and budgets means those.
 */
export async function partyOf(
  query: Kysely<Tables>,
  { scope, subject }: { readonly scope: Scope; readonly subject?: string },
  caller: Caller,
): Promise<Party> {
  if (scope === 'organisation') return { scope, subject: organisation }
  if (scope === 'workspace') return { scope, subject: subject ?? caller.workspace }
  const id = subject ?? caller.id
  const key = await query.selectFrom('keys').select('payer').where('id', '=', id).executeTakeFirst()
  return { scope, subject: key?.payer ?? id }
}

/** Throws where the caller may not do this to that party, or where there is no such party. */
export async function demandParty(
  query: Kysely<Tables>,
  caller: Caller,
  permission: Permission,
  party: Party,
): Promise<void> {
  const workspace = await workspaceOf(query, party)
  if (workspace === undefined || !may(caller, 'workspaces.read', workspace)) {
    if (party.scope !== 'organisation')
      throw fail('not_found', { what: party.scope, id: party.subject, param: 'subject' })
  }
  // No workspace has the empty name: only what counts in the whole organisation counts there.
  if (!may(caller, permission, workspace ?? ''))
    throw fail('forbidden', { permission, workspace: workspace ?? party.scope })
}

/** Which of the parties the caller may see, or do something else to. */
export async function visibleParties<Item extends Party>(
  query: Kysely<Tables>,
  caller: Caller,
  items: readonly Item[],
  permission: Permission = 'limits.read',
): Promise<Item[]> {
  const keys = new Map(
    (await query.selectFrom('keys').select(['id', 'workspace']).execute()).map(({ id, workspace }) => [id, workspace]),
  )
  return items.filter(({ scope, subject }) => {
    if (scope === 'organisation') return may(caller, permission, '')
    const workspace = scope === 'key' ? keys.get(subject) : subject
    return workspace !== undefined && may(caller, permission, workspace)
  })
}

async function workspaceOf(query: Kysely<Tables>, { scope, subject }: Party): Promise<string | undefined> {
  if (scope === 'organisation') return undefined
  if (scope === 'workspace') {
    return (await query.selectFrom('workspaces').select('id').where('id', '=', subject).executeTakeFirst())?.id
  }
  return (await query.selectFrom('keys').select('workspace').where('id', '=', subject).executeTakeFirst())?.workspace
}

/** The keys whose calls count under each of these, itself first. */
export async function keysUnder(
  query: Kysely<Tables>,
  payers: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const under = new Map(payers.map((payer) => [payer, [payer]]))
  if (payers.length === 0) return under
  const found = query
    .selectFrom('keys')
    .select(['id', 'payer'])
    .where('payer', 'in', [...payers])
    .orderBy('id')
  for (const { id, payer } of await found.execute()) if (payer !== null) under.get(payer)?.push(id)
  return under
}
