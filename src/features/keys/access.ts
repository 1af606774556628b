// Which keys a caller sees, makes and revokes: their own, those of the workspaces they administer, and the organisation's for those who do.

import type { Kysely } from 'kysely'
import { isRange } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import type { Tables } from '../../database/tables.ts'
import type { Caller } from '../../wire/exchange.ts'
import type { KeyCard } from '../../wire/keys.ts'
import { may, mayGrant } from '../../wire/permissions.ts'
import type { NewKey } from './create.ts'
import { keyById } from './store.ts'

/** Whether the caller may change this key: it is theirs, or they administer where it counts. */
export function mayManage(caller: Caller, key: KeyCard): boolean {
  if (isOwn(caller, key)) return true
  return key.reach === 'organisation' ? may(caller, 'users.write', '') : may(caller, 'keys.write', key.workspace)
}

/** Whether the caller may see that this key is there. */
export function maySee(caller: Caller, key: KeyCard): boolean {
  return isOwn(caller, key) || may(caller, key.reach === 'organisation' ? 'users.read' : 'keys.read', key.workspace)
}

/**
 * The key itself, or one of the same person. To a person's key only those of its own workspace are theirs: administrators make such keys for
 * others, and must not get at what counts elsewhere by them.
 */
function isOwn(caller: Caller, key: KeyCard): boolean {
  if (key.id === caller.id) return true
  if (caller.user === undefined || key.user !== caller.user) return false
  return caller.kind === 'session' || (key.reach === 'workspace' && key.workspace === caller.workspace)
}

/** The key that the caller may change; throws `not_found` for all others, whether they exist or not. */
export async function manageable(query: Kysely<Tables>, caller: Caller, id: string): Promise<KeyCard> {
  const key = await keyById(query, id)
  if (key === undefined || !mayManage(caller, key)) throw unknownKey(id)
  if (!isOwn(caller, key)) demandOwner(caller, key)
  return key
}

/** Throws where somebody who is no owner would change an owner's key. */
export function demandOwner(caller: Caller, { reach, role }: KeyCard): void {
  if (reach === 'organisation' && role === 'owner' && !may(caller, 'owners.write', '')) {
    throw fail('forbidden', { permission: 'owners.write' })
  }
}

/** There is no such key, or none that the caller may know of. */
export function unknownKey(id: string) {
  return fail('not_found', { what: 'key', id: id.slice(0, 100), param: 'id' })
}

/** Throws where the key would be for another workspace, do more than its maker, or hold what is no path and no network. */
export function checkWanted(caller: Caller, wanted: NewKey & { readonly workspace: string }): void {
  const { workspace, role, reach, user } = wanted
  const organisation = reach === 'organisation'
  const others = organisation ? may(caller, 'users.write', '') : may(caller, 'keys.write', workspace)
  if (!may(caller, 'workspaces.read', workspace)) throw unknownWorkspace(workspace)
  const own = may(caller, 'keys.own', workspace) && !organisation && caller.user !== undefined && user === caller.user
  if (!others && !own) throw fail('forbidden', { permission: organisation ? 'users.write' : 'keys.write', workspace })
  if (role === 'owner' && !organisation) {
    throw fail('invalid_value', { param: 'role', reason: 'there is an owner of the organisation alone; take "admin"' })
  }
  if (!mayGrant(caller, role, organisation ? undefined : workspace)) {
    const reason = `the role "${role}" may do more than you may${organisation ? ' in the whole organisation' : ''}`
    throw fail('invalid_value', { param: organisation ? 'reach' : 'role', reason })
  }
  for (const [index, range] of (wanted.ipRanges ?? []).entries()) {
    if (isRange(range)) continue
    const reason = 'it is neither an address nor a network such as 10.0.0.0/8'
    throw fail('invalid_value', { param: `ip_ranges[${index}]`, reason })
  }
  for (const [index, path] of (wanted.endpoints ?? []).entries()) {
    if (/^\/[^?*]*(\/\*)?$/.test(path)) continue
    throw fail('invalid_value', { param: `endpoints[${index}]`, reason: 'a path starts with / and may end with /*' })
  }
}

/** Throws where the workspace, the person or the service account that the key is for is not there. */
export async function checkHolder(
  query: Kysely<Tables>,
  wanted: NewKey & { readonly workspace: string },
): Promise<void> {
  const { workspace, user, serviceAccount } = wanted
  const place = await query
    .selectFrom('workspaces')
    .select('id')
    .where('id', '=', workspace)
    .where('archived_at', 'is', null)
    .executeTakeFirst()
  if (place === undefined) throw unknownWorkspace(workspace)
  if (user !== undefined && serviceAccount !== undefined) {
    throw fail('invalid_value', {
      param: 'service_account_id',
      reason: 'a key is for a person or for a service account',
    })
  }
  if (user !== undefined && !(await isInWorkspace(query, user, workspace))) {
    throw fail('not_found', { what: 'member of this workspace', id: user.slice(0, 100), param: 'user_id' })
  }
  if (serviceAccount === undefined) return
  const account = await query
    .selectFrom('service_accounts')
    .select('id')
    .where('id', '=', serviceAccount)
    .where('workspace', '=', workspace)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (account !== undefined) return
  throw fail('not_found', { what: 'service account', id: serviceAccount.slice(0, 100), param: 'service_account_id' })
}

/** A member of it, or somebody with a role in the whole organisation. */
async function isInWorkspace(query: Kysely<Tables>, user: string, workspace: string): Promise<boolean> {
  const person = await query
    .selectFrom('users')
    .leftJoin('members', (join) =>
      join.onRef('members.user_id', '=', 'users.id').on('members.workspace', '=', workspace),
    )
    .select(['users.role as role', 'members.role as member_role'])
    .where('users.id', '=', user)
    .where('users.disabled_at', 'is', null)
    .executeTakeFirst()
  return person !== undefined && (person.role !== 'member' || person.member_role !== null)
}

function unknownWorkspace(id: string) {
  return fail('not_found', { what: 'workspace', id: id.slice(0, 100), param: 'workspace' })
}
