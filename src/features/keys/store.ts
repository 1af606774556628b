// API keys in the database. Knows hashes, never secrets.

import type { Database } from '../../database/connect.ts'
import { lockTable } from '../../database/dialect.ts'
import type { NewRow, Row } from '../../database/tables.ts'
import type { Grant, Role } from '../../wire/permissions.ts'

/** What may be shown of a key. Times are milliseconds since 1970. */
export interface KeyCard {
  readonly id: string
  readonly workspace: string
  readonly name: string
  readonly role: Role
  /** Whether the role counts in the key's workspace or in the whole organisation. */
  readonly reach: 'workspace' | 'organisation'
  /** The person or the service account that it was made for. */
  readonly user: string | null
  readonly serviceAccount: string | null
  /** The only models, paths and networks that it may use; null: all. */
  readonly models: readonly string[] | null
  readonly endpoints: readonly string[] | null
  readonly ipRanges: readonly string[] | null
  /** The secret's last four characters. */
  readonly hint: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** A key with the hash that it is found by, and what its holder may do. */
export interface StoredKey extends KeyCard {
  /** SHA-256 of the secret in hexadecimal. */
  readonly hash: string
  /** What the person or service account may do; undefined where the key stands for itself. */
  readonly holder: readonly Grant[] | undefined
}

/** The queries on the table `keys`. */
export interface KeyStore {
  /** False where a key with this hash exists already. */
  insert(key: NewRow<'keys'>): Promise<boolean>
  /**
   * Inserts only where there is no key at all, and says whether it did. `keep` runs before the key counts, while no other process can
   * get here: a crash never leaves a key whose secret nobody holds.
   */
  insertFirst(key: NewRow<'keys'>, keep: () => Promise<void>): Promise<boolean>
  /** Inserts the value of the `api-key` setting, unless it is there, and revokes the value it had before, in one transaction. */
  replaceSetting(key: NewRow<'keys'>): Promise<void>
  byHash(hash: string): Promise<StoredKey | undefined>
  /** Every key of the workspace, the newest first, revoked ones too. */
  list(workspace: string): Promise<readonly KeyCard[]>
  /**
   * Revokes a key; undefined where the workspace has none with this id. A second time changes nothing. The last working key
   * that administers the organisation stays, or nobody could ever make one again.
   */
  revoke(workspace: string, id: string, now: number): Promise<KeyCard | 'last-admin' | undefined>
  /** Notes a use; the time never goes back. */
  touch(id: string, now: number): Promise<void>
}

/** The store over an open database. */
export function keyStore({ query, dialect }: Database): KeyStore {
  return {
    async insert(key) {
      const inserting = query.insertInto('keys').values(key)
      const result = await inserting.onConflict((conflict) => conflict.column('hash').doNothing()).executeTakeFirst()
      return result.numInsertedOrUpdatedRows === 1n
    },
    async insertFirst(key, keep) {
      return await query.transaction().execute(async (transaction) => {
        await lockTable(dialect, transaction, 'keys')
        const any = await transaction.selectFrom('keys').select('id').limit(1).executeTakeFirst()
        if (any !== undefined) return false
        await transaction.insertInto('keys').values(key).execute()
        await keep()
        return true
      })
    },
    async replaceSetting(key) {
      await query.transaction().execute(async (transaction) => {
        await lockTable(dialect, transaction, 'keys')
        // Another process may have started with the same setting a moment ago.
        const there = await transaction.selectFrom('keys').select('id').where('hash', '=', key.hash).executeTakeFirst()
        if (there !== undefined) return
        await transaction
          .updateTable('keys')
          .set({ revoked_at: key.created_at })
          .where('origin', '=', 'setting')
          .where('revoked_at', 'is', null)
          .execute()
        await transaction.insertInto('keys').values(key).execute()
      })
    },
    async byHash(hash) {
      const row = await withHolder(query).where('keys.hash', '=', hash).executeTakeFirst()
      return row === undefined ? undefined : { ...keyCard(row), hash: row.hash, holder: holderOf(row) }
    },
    async list(workspace) {
      const rows = await query
        .selectFrom('keys')
        .selectAll()
        .where('workspace', '=', workspace)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
      return rows.map(keyCard)
    },
    revoke: (workspace, id, now) => revoke({ query, dialect }, workspace, id, now),
    async touch(id, now) {
      await query
        .updateTable('keys')
        .set({ last_used_at: now })
        .where('id', '=', id)
        .where(({ or, eb }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<', now)]))
        .execute()
    },
  }
}

/** Keys with all that decides what their holders may do, in one query: it runs for every request that no cache answers. */
function withHolder(query: Database['query']) {
  return query
    .selectFrom('keys')
    .leftJoin('users', 'users.id', 'keys.user_id')
    .leftJoin('members', (join) =>
      join.onRef('members.user_id', '=', 'keys.user_id').onRef('members.workspace', '=', 'keys.workspace'),
    )
    .leftJoin('service_accounts', 'service_accounts.id', 'keys.service_account')
    .selectAll('keys')
    .select([
      'users.role as user_role',
      'users.disabled_at as user_disabled_at',
      'members.role as member_role',
      'service_accounts.role as account_role',
      'service_accounts.deleted_at as account_deleted_at',
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

async function revoke(
  { query, dialect }: Pick<Database, 'query' | 'dialect'>,
  workspace: string,
  id: string,
  now: number,
): Promise<KeyCard | 'last-admin' | undefined> {
  return await query.transaction().execute(async (transaction) => {
    // Two administrators who revoke each other's key at once would leave none.
    await lockTable(dialect, transaction, 'keys')
    const row = await transaction
      .selectFrom('keys')
      .selectAll()
      .where('id', '=', id)
      .where('workspace', '=', workspace)
      .executeTakeFirst()
    if (row === undefined) return undefined
    if (row.revoked_at !== null) return keyCard(row)
    const otherAdmin = await transaction
      .selectFrom('keys')
      .select('id')
      .where('id', '!=', id)
      .where('reach', '=', 'organisation')
      .where('role', 'in', administrators)
      .where('revoked_at', 'is', null)
      .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
      .limit(1)
      .executeTakeFirst()
    if (row.reach === 'organisation' && administrators.includes(row.role) && otherAdmin === undefined)
      return 'last-admin'
    await transaction.updateTable('keys').set({ revoked_at: now }).where('id', '=', id).execute()
    return { ...keyCard(row), revokedAt: now }
  })
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
  }
}

/** The roles that can make keys for everything there is. */
const administrators: Role[] = ['owner', 'admin']

function list(text: string | null): readonly string[] | null {
  return text === null ? null : (JSON.parse(text) as string[])
}
