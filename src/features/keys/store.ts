// Keys in the database: made, listed, revoked. Knows hashes of secrets, never a secret, and no route. Every function takes the open
// transaction or the database itself.

import type { ExpressionBuilder, Kysely } from 'kysely'
import type { NewRow, Row, Tables } from '../../database/tables.ts'
import type { KeyCard } from '../../wire/keys.ts'
import type { Grant, Role } from '../../wire/permissions.ts'

/** A key with the hash that it is found by, and what its holder may do. */
export interface StoredKey extends KeyCard {
  /** SHA-256 of the secret in hexadecimal. */
  readonly hash: string
  /** What the person or service account may do; undefined where the key stands for itself. */
  readonly holder: readonly Grant[] | undefined
}

type Query = Kysely<Tables>

/** False where a key with this hash exists already. */
export async function insertKey(query: Query, key: NewRow<'keys'>): Promise<boolean> {
  const inserting = query.insertInto('keys').values(key)
  const result = await inserting.onConflict((conflict) => conflict.column('hash').doNothing()).executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** Which keys to list. Absent: all. */
export interface KeyFilter {
  readonly workspaces?: readonly string[]
  readonly reach?: KeyCard['reach']
  readonly user?: string
  readonly serviceAccount?: string
  /** Part of the name, or the last four characters. */
  readonly search?: string
  /** Revoked ones too. */
  readonly revoked?: boolean
}

/** Keys, the newest first. */
export async function listKeys(query: Query, filter: KeyFilter): Promise<readonly KeyCard[]> {
  const { workspaces, reach, user, serviceAccount, search, revoked = false } = filter
  if (workspaces?.length === 0) return []
  const matches = (where: ExpressionBuilder<Tables, 'keys'>) =>
    where.and([
      ...(workspaces === undefined ? [] : [where('workspace', 'in', workspaces)]),
      ...(reach === undefined ? [] : [where('reach', '=', reach)]),
      ...(user === undefined ? [] : [where('user_id', '=', user)]),
      ...(serviceAccount === undefined ? [] : [where('service_account', '=', serviceAccount)]),
      ...(revoked ? [] : [where('revoked_at', 'is', null)]),
    ])
  const rows = await query
    .selectFrom('keys')
    .selectAll()
    .where(matches)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  const cards = rows.map(keyCard)
  if (search === undefined || search === '') return cards
  const wanted = search.toLowerCase()
  return cards.filter(({ name, hint }) => name.toLowerCase().includes(wanted) || hint === search)
}

/** One key; undefined where there is none. */
export async function keyById(query: Query, id: string): Promise<KeyCard | undefined> {
  const row = await query.selectFrom('keys').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : keyCard(row)
}

/** Another key that works now and administers the organisation: without one nobody could ever make keys again. */
export async function otherAdministrator(query: Query, id: string, now: number): Promise<string | undefined> {
  const row = await query
    .selectFrom('keys')
    .select('id')
    .where('id', '!=', id)
    .where('reach', '=', 'organisation')
    .where('role', 'in', administrators)
    .where('user_id', 'is', null)
    .where('service_account', 'is', null)
    .where('revoked_at', 'is', null)
    .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .limit(1)
    .executeTakeFirst()
  return row?.id
}

/** Whether it can make keys for everything there is, whoever comes and goes. */
export function isAdministrator({ reach, role, user, serviceAccount }: KeyCard): boolean {
  return reach === 'organisation' && administrators.includes(role) && user === null && serviceAccount === null
}

const administrators: Role[] = ['owner', 'admin']

/** Revokes keys; those that are revoked already keep their time. Returns the ids of those that were not. */
export async function revokeKeys(query: Query, ids: readonly string[], now: number): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const revoked = await query
    .updateTable('keys')
    .set({ revoked_at: now })
    .where('id', 'in', ids)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute()
  return revoked.map(({ id }) => id)
}

/** Notes a use; the time never goes back. */
export async function touchKey(query: Query, id: string, now: number): Promise<void> {
  await query
    .updateTable('keys')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where(({ or, eb }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<', now)]))
    .execute()
}

/**
 * The key with this hash, and all that decides what its holder may do, in one query: it runs for every request that no memory answers.
 * Keys of an archived workspace are not there.
 */
export async function keyByHash(query: Query, hash: string): Promise<StoredKey | undefined> {
  const row = await withHolder(query).where('keys.hash', '=', hash).executeTakeFirst()
  if (row === undefined || row.workspace_archived_at !== null) return undefined
  return { ...keyCard(row), hash: row.hash, holder: holderOf(row) }
}

function withHolder(query: Query) {
  return query
    .selectFrom('keys')
    .leftJoin('users', 'users.id', 'keys.user_id')
    .leftJoin('members', (join) =>
      join.onRef('members.user_id', '=', 'keys.user_id').onRef('members.workspace', '=', 'keys.workspace'),
    )
    .leftJoin('service_accounts', 'service_accounts.id', 'keys.service_account')
    .leftJoin('workspaces', 'workspaces.id', 'keys.workspace')
    .selectAll('keys')
    .select([
      'users.role as user_role',
      'users.disabled_at as user_disabled_at',
      'members.role as member_role',
      'service_accounts.role as account_role',
      'service_accounts.deleted_at as account_deleted_at',
      'workspaces.archived_at as workspace_archived_at',
    ])
}

type HeldRow = Awaited<ReturnType<ReturnType<typeof withHolder>['executeTakeFirstOrThrow']>>

/** A person who is gone or disabled, and a deleted service account, hold nothing: neither does the key. */
function holderOf(row: HeldRow): readonly Grant[] | undefined {
  const { workspace } = row
  if (row.service_account !== null) {
    return row.account_role === null || row.account_deleted_at !== null ? [] : [{ role: row.account_role, workspace }]
  }
  if (row.user_id === null) return undefined
  if (row.user_role === null || row.user_disabled_at !== null) return []
  const member = row.member_role === null ? [] : [{ role: row.member_role, workspace }]
  return row.user_role === 'member' ? member : [{ role: row.user_role }, ...member]
}

/** What may be shown of a key: never its hash. */
export function keyCard(row: Row<'keys'>): KeyCard {
  return {
    id: row.id,
    workspace: row.workspace,
    name: row.name,
    role: row.role,
    reach: row.reach,
    user: row.user_id,
    serviceAccount: row.service_account,
    models: list(row.models),
    endpoints: list(row.endpoints),
    ipRanges: list(row.ip_ranges),
    hint: row.hint,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    replacedBy: row.replaced_by,
    payer: row.payer,
  }
}

function list(text: string | null): readonly string[] | null {
  return text === null ? null : (JSON.parse(text) as string[])
}

/** The people and service accounts behind keys, deleted accounts too. */
export interface KeyHolders {
  readonly people: ReadonlyMap<string, Row<'users'>>
  readonly accounts: ReadonlyMap<string, Row<'service_accounts'>>
}

/** All that may hold keys. */
export async function keyHolders(query: Query): Promise<KeyHolders> {
  const people = await query.selectFrom('users').selectAll().execute()
  const accounts = await query.selectFrom('service_accounts').selectAll().execute()
  return {
    people: new Map(people.map((row) => [row.id, row])),
    accounts: new Map(accounts.map((row) => [row.id, row])),
  }
}
