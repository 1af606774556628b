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

/** Work to be done once, by whichever process claims it. The truth about the subject stays in its own table. */
export interface JobsTable {
  id: string
  /** Which handler takes it. */
  kind: string
  /** Id of the row the work is about: the only payload. */
  subject: string
  state: 'ready' | 'running' | 'done' | 'failed'
  /** Claims so far. */
  attempts: number
  max_attempts: number
  /** When it may be claimed, at the earliest. */
  run_at: number
  /** Set by each claim anew, so that a worker that lost its lease cannot write. */
  lease: string | null
  lease_until: number | null
  /** Why the last attempt failed. */
  error: string | null
  created_at: number
  finished_at: number | null
}

/** Every table. */
export interface Tables {
  keys: KeysTable
  jobs: JobsTable
}

/** A row as read. */
export type Row<Name extends keyof Tables> = Selectable<Tables[Name]>

/** A row to insert. */
export type NewRow<Name extends keyof Tables> = Insertable<Tables[Name]>
