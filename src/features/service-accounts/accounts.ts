// Service accounts: programs that hold keys in a workspace. Made, changed and deleted, each with its entry in the audit log. Knows no route.

import type { Kysely } from 'kysely'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Row, Tables } from '../../database/tables.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'

/** A service account. Times are milliseconds since 1970. */
export interface ServiceAccount {
  readonly id: string
  readonly workspace: string
  readonly name: string
  readonly role: Row<'service_accounts'>['role']
  readonly createdAt: number
}

/** The workspace's service accounts, the oldest first. */
export async function listServiceAccounts(
  query: Kysely<Tables>,
  workspace: string,
): Promise<readonly ServiceAccount[]> {
  const rows = await query
    .selectFrom('service_accounts')
    .selectAll()
    .where('workspace', '=', workspace)
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(accountOf)
}

/** One of the workspace's service accounts; throws `not_found`. */
export async function serviceAccountById(
  query: Kysely<Tables>,
  workspace: string,
  id: string,
): Promise<ServiceAccount> {
  const row = await query
    .selectFrom('service_accounts')
    .selectAll()
    .where('id', '=', id)
    .where('workspace', '=', workspace)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (row === undefined) {
    throw fail('not_found', { what: 'service account', id: id.slice(0, 100), param: 'service_account_id' })
  }
  return accountOf(row)
}

/** Makes a service account. */
export async function createServiceAccount(
  acts: Acts,
  actor: Actor,
  wanted: Pick<ServiceAccount, 'workspace' | 'name' | 'role'>,
): Promise<ServiceAccount> {
  const row: Row<'service_accounts'> = {
    ...{ id: newId('service', acts.clock), workspace: wanted.workspace, name: wanted.name, role: wanted.role },
    ...{ created_at: acts.clock.now(), deleted_at: null },
  }
  await acts.run(actor, async (transaction, note) => {
    await transaction.insertInto('service_accounts').values(row).execute()
    const target = { kind: 'service_account', id: row.id }
    const details = { name: row.name, role: row.role }
    note({ action: 'service_account.created', workspace: row.workspace, target, details })
  })
  return accountOf(row)
}

/** Changes its name or role. */
export async function changeServiceAccount(
  acts: Acts,
  actor: Actor,
  account: ServiceAccount,
  changes: Partial<Pick<ServiceAccount, 'name' | 'role'>>,
): Promise<ServiceAccount> {
  if (Object.keys(changes).length === 0) return account
  await acts.run(actor, async (transaction, note) => {
    await transaction.updateTable('service_accounts').set(changes).where('id', '=', account.id).execute()
    const target = { kind: 'service_account', id: account.id }
    note({ action: 'service_account.updated', workspace: account.workspace, target, details: changes })
  })
  return { ...account, ...changes }
}

/** Deletes it and revokes its keys. */
export async function deleteServiceAccount(acts: Acts, actor: Actor, account: ServiceAccount): Promise<void> {
  const now = acts.clock.now()
  await acts.run(actor, async (transaction, note) => {
    await transaction.updateTable('service_accounts').set({ deleted_at: now }).where('id', '=', account.id).execute()
    const keys = await transaction
      .updateTable('keys')
      .set({ revoked_at: now })
      .where('service_account', '=', account.id)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute()
    const target = { kind: 'service_account', id: account.id }
    const details = { revoked_keys: keys.map(({ id }) => id) }
    note({ action: 'service_account.deleted', workspace: account.workspace, target, details })
  })
}

function accountOf(row: Row<'service_accounts'>): ServiceAccount {
  return { id: row.id, workspace: row.workspace, name: row.name, role: row.role, createdAt: row.created_at }
}
