// The tables as Kysely sees them, one interface each. Ids are text, times integer milliseconds since 1970, money integer nano-units, JSON text.

import type { Insertable, Selectable } from 'kysely'

/** API keys. The secret itself is never stored. */
export interface KeysTable {
  id: string
  workspace: string
  name: string
  scope: 'admin' | 'use'
  /** SHA-256 of the secret, 64 hexadecimal digits, unique. */
  hash: string
  /** The secret's last four characters, so that people can tell keys apart. */
  hint: string
  /** `generated` by us, or `setting`: the value of the `api-key` setting. */
  origin: 'generated' | 'setting'
  created_at: number
  expires_at: number | null
  revoked_at: number | null
  /** Written at most once a minute. */
  last_used_at: number | null
}

/** Every table but `jobs`, which belongs to the queue (`queue/table.ts`). */
export interface Tables {
  keys: KeysTable
}

/** A row as read. */
export type Row<Name extends keyof Tables> = Selectable<Tables[Name]>

/** A row to insert. */
export type NewRow<Name extends keyof Tables> = Insertable<Tables[Name]>
