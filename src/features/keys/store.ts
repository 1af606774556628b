// API keys in the database. Knows hashes, never secrets.

import type { Database } from '../../database/connect.ts'
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
  insert(key: NewRow<'keys'>): Promise<void>
  /** Inserts only where there is no key at all, in one statement; says whether it did. */
  insertFirst(key: NewRow<'keys'>): Promise<boolean>
  /** Inserts the value of the `api-key` setting and revokes the value it had before, in one transaction. */
  replaceSetting(key: NewRow<'keys'>): Promise<void>
  byHash(hash: string): Promise<StoredKey | undefined>
  /** Every key of the workspace, the newest first, revoked ones too. */
  list(workspace: string): Promise<readonly KeyCard[]>
  /** Revokes a key; undefined where the workspace has none with this id. A second time changes nothing. */
  revoke(workspace: string, id: string, now: number): Promise<KeyCard | undefined>
  /** Notes a use; the time never goes back. */
  touch(id: string, now: number): Promise<void>
}

/** The store over an open database. */
export function keyStore({ query }: Database): KeyStore {
  return {
    async insert(key) {
      await query.insertInto('keys').values(key).execute()
    },
    async insertFirst(key) {
      return await query.transaction().execute(async (transaction) => {
        const any = await transaction.selectFrom('keys').select('id').limit(1).executeTakeFirst()
        if (any !== undefined) return false
        await transaction.insertInto('keys').values(key).execute()
        return true
      })
    },
    async replaceSetting(key) {
      await query.transaction().execute(async (transaction) => {
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
      return row === undefined ? undefined : { ...card(row), hash: row.hash }
    },
    async list(workspace) {
      const rows = await query
        .selectFrom('keys')
        .selectAll()
        .where('workspace', '=', workspace)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
      return rows.map(card)
    },
    async revoke(workspace, id, now) {
      const row = await query
        .updateTable('keys')
        .set(({ fn, val }) => ({ revoked_at: fn.coalesce('revoked_at', val(now)) }))
        .where('id', '=', id)
        .where('workspace', '=', workspace)
        .returningAll()
        .executeTakeFirst()
      return row === undefined ? undefined : card(row)
    },
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

function card(row: Row<'keys'>): KeyCard {
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
