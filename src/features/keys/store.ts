// API keys in the database. Knows hashes, never secrets.

import type { Database } from '../../database/connect.ts'
import { lockTable } from '../../database/dialect.ts'
import type { NewRow, Row } from '../../database/tables.ts'

/** What a key may do: `use` calls models, `admin` also changes the server. */
export type KeyScope = 'admin' | 'use'

/** What may be shown of a key. Times are milliseconds since 1970. */
export interface KeyCard {
  readonly id: string
  readonly workspace: string
  readonly name: string
  readonly scope: KeyScope
  /** The secret's last four characters. */
  readonly hint: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** A key with the hash that it is found by. */
export interface StoredKey extends KeyCard {
  /** SHA-256 of the secret in hexadecimal. */
  readonly hash: string
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
   * Revokes a key; undefined where the workspace has none with this id. A second time changes nothing. The last working key with scope
   * `admin` stays, or nobody could ever make one again.
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
      const row = await query.selectFrom('keys').selectAll().where('hash', '=', hash).executeTakeFirst()
      return row === undefined ? undefined : { ...keyCard(row), hash: row.hash }
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
      .where('scope', '=', 'admin')
      .where('revoked_at', 'is', null)
      .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
      .limit(1)
      .executeTakeFirst()
    if (row.scope === 'admin' && otherAdmin === undefined) return 'last-admin'
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
    scope: row.scope,
    hint: row.hint,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
