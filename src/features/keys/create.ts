// Makes, replaces and revokes keys, each with its entry in the audit log. The secret leaves this file once and is not stored.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import { lockTable } from '../../database/dialect.ts'
import type { Row } from '../../database/tables.ts'
import type { KeyCard } from '../../wire/keys.ts'
import type { Role } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { hashSecret, secretFor } from './secret.ts'
import { insertKey, isAdministrator, keyById, keyCard, otherAdministrator, revokeKeys } from './store.ts'

/** The workspace that is there from the start. */
export const defaultWorkspace = 'default'

/** What a new key is to be. */
export interface NewKey {
  readonly name: string
  readonly role: Role
  /** `workspace` when absent. */
  readonly reach?: KeyCard['reach']
  /** `default` when absent. */
  readonly workspace?: string
  /** The person or the service account that it is for. */
  readonly user?: string
  readonly serviceAccount?: string
  /** The only models, paths and networks (CIDR) that it may use; absent: all. */
  readonly models?: readonly string[]
  readonly endpoints?: readonly string[]
  readonly ipRanges?: readonly string[]
  /** Milliseconds since 1970; absent: it does not expire. */
  readonly expiresAt?: number
  /** The key whose limits, budgets and spend it counts under; absent: its own. */
  readonly payer?: string
  /** A value of the caller's own, 32 characters or more. */
  readonly given?: string
}

/** A new key and its secret, which is shown now and never again. */
export interface CreatedKey {
  readonly key: KeyCard
  readonly secret: string
}

/** Makes a key. Throws `invalid_value` for a given value that is too short or taken. */
export async function createKey(acts: Acts, actor: Actor, wanted: NewKey): Promise<CreatedKey> {
  const secret = secretFor(wanted.given, 'secret')
  const row = keyRow(wanted, secret, 'generated', acts.clock)
  await acts.run(actor, async (transaction, note) => {
    if (!(await insertKey(transaction, row))) {
      throw fail('invalid_value', { param: 'secret', reason: 'this value is already a key' })
    }
    note(keyMade(row))
  })
  return { key: keyCard(row), secret }
}

/** The entry of a key that was made. */
export function keyMade(row: Row<'keys'>) {
  const { id, workspace, role, reach, user_id, service_account } = row
  const details = { role, reach, expires_at: row.expires_at, ...(service_account !== null && { service_account }) }
  const target = { kind: 'api_key', id }
  return { action: 'api_key.created', workspace, target, details: { ...details, for_person: user_id !== null } }
}

/**
 * Makes a key that is and may do what this one is and may do, counts under the same limits and budgets, and ends at `latest` if not before;
 * lets this one go on for `overlapMs`, so that programs can change over. Undefined where there is no such key that still works.
 */
export async function rotateKey(
  acts: Acts,
  actor: Actor,
  id: string,
  { overlapMs, latest }: { readonly overlapMs: number; readonly latest?: number | undefined },
): Promise<CreatedKey | undefined> {
  const now = acts.clock.now()
  return await acts.run(actor, async (transaction, note) => {
    await lockTable(acts.database.dialect, transaction, 'keys')
    const old = await transaction.selectFrom('keys').selectAll().where('id', '=', id).executeTakeFirst()
    if (old === undefined || old.revoked_at !== null || (old.expires_at !== null && old.expires_at <= now))
      return undefined
    if (old.replaced_by !== null)
      throw fail('invalid_value', { param: 'id', reason: `it was replaced by ${old.replaced_by} already` })
    const secret = secretFor(undefined, 'secret')
    // The new one lives as long as the old one was meant to.
    const meant = old.expires_at === null ? null : now + (old.expires_at - old.created_at)
    const expires_at = latest === undefined ? meant : Math.min(meant ?? latest, latest)
    const fresh = {
      ...old,
      ...{
        id: newId('key', acts.clock),
        hash: hashSecret(secret),
        hint: secret.slice(-4),
        origin: 'generated' as const,
      },
      ...{ created_at: now, expires_at, last_used_at: null, payer: old.payer ?? old.id },
    }
    await insertKey(transaction, fresh)
    const ends = Math.min(old.expires_at ?? Number.MAX_SAFE_INTEGER, now + overlapMs)
    await transaction
      .updateTable('keys')
      .set({ replaced_by: fresh.id, expires_at: ends })
      .where('id', '=', id)
      .execute()
    const details = { replaced_by: fresh.id, expires_at: ends }
    note({ action: 'api_key.updated', workspace: old.workspace, target: { kind: 'api_key', id }, details })
    note(keyMade(fresh))
    return { key: keyCard(fresh), secret }
  })
}

/**
 * Revokes a key, at once and on every node. A second time changes nothing. Throws `invalid_value` for the last working key that
 * administers the organisation: nobody could ever make one again. Undefined where there is no such key.
 */
export async function revokeKey(acts: Acts, actor: Actor, id: string): Promise<KeyCard | undefined> {
  const now = acts.clock.now()
  return await acts.run(actor, async (transaction, note) => {
    // Two administrators who revoke each other's key at once would leave none.
    await lockTable(acts.database.dialect, transaction, 'keys')
    const key = await keyById(transaction, id)
    if (key === undefined || key.revokedAt !== null) return key
    if (isAdministrator(key) && (await otherAdministrator(transaction, id, now)) === undefined) {
      const reason = 'it is the last working key that administers the organisation: make another one first'
      throw fail('invalid_value', { param: 'id', reason })
    }
    await revokeKeys(transaction, [id], now)
    note({ action: 'api_key.deleted', workspace: key.workspace, target: { kind: 'api_key', id } })
    return { ...key, revokedAt: now }
  })
}

/** Sets when a key stops. */
export async function setKeyExpiry(acts: Acts, actor: Actor, key: KeyCard, expiresAt: number): Promise<KeyCard> {
  return await acts.run(actor, async (transaction, note) => {
    await transaction.updateTable('keys').set({ expires_at: expiresAt }).where('id', '=', key.id).execute()
    const target = { kind: 'api_key', id: key.id }
    note({ action: 'api_key.updated', workspace: key.workspace, target, details: { expires_at: expiresAt } })
    return { ...key, expiresAt }
  })
}

/** The row of a new key. */
export function keyRow(wanted: NewKey, secret: string, origin: 'generated' | 'setting', clock: Clock): Row<'keys'> {
  return {
    id: newId('key', clock),
    workspace: wanted.workspace ?? defaultWorkspace,
    name: wanted.name,
    role: wanted.role,
    reach: wanted.reach ?? 'workspace',
    user_id: wanted.user ?? null,
    service_account: wanted.serviceAccount ?? null,
    models: json(wanted.models),
    endpoints: json(wanted.endpoints),
    ip_ranges: json(wanted.ipRanges),
    replaced_by: null,
    payer: wanted.payer ?? null,
    hash: hashSecret(secret),
    hint: secret.slice(-4),
    origin,
    created_at: clock.now(),
    expires_at: wanted.expiresAt ?? null,
    revoked_at: null,
    last_used_at: null,
  }
}

function json(list: readonly string[] | undefined): string | null {
  return list === undefined ? null : JSON.stringify(list)
}
