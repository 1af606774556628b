// Makes keys: any time for an administrator, and by itself at the first start. The secret leaves this file once and is not stored.

import { createHash, randomBytes } from 'node:crypto'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { keyFile, makeHome } from '../../base/home.ts'
import { newId } from '../../base/ids.ts'
import type { Row } from '../../database/tables.ts'
import type { Role } from '../../wire/permissions.ts'
import { type KeyCard, type KeyStore, keyCard } from './store.ts'

/** The workspace that exists before there are workspaces. */
export const defaultWorkspace = 'default'

/** Shorter values could be guessed; ours have 43 characters after the prefix. */
const shortestSecret = 32

/** No key is longer: a header of megabytes is not worth hashing. */
export const longestSecret = 512

/** What a new key is to be. */
export interface NewKey {
  readonly name: string
  readonly role: Role
  readonly reach?: 'workspace' | 'organisation'
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
  /** A value of the caller's own, 32 characters or more. */
  readonly given?: string
}

/** A new key and its secret, which is shown now and never again. */
export interface CreatedKey {
  readonly key: KeyCard
  readonly secret: string
}

/** Makes a key. Throws `invalid_value` for a given value that is too short or taken. */
export async function createKey(store: KeyStore, clock: Clock, wanted: NewKey): Promise<CreatedKey> {
  const secret = secretFor(wanted.given, 'secret')
  const row = rowOf(wanted, secret, 'generated', clock)
  if (!(await store.insert(row)))
    throw fail('invalid_value', { param: 'secret', reason: 'this value is already a key' })
  return { key: keyCard(row), secret }
}

/** What the first start found or made. */
export interface FirstKey {
  /** To print, once; undefined where the server already had keys. */
  readonly secret: string | undefined
  /** File that holds a working key for the CLI. */
  readonly file: string
}

/**
 * Makes sure that somebody can use the server. Without any key it makes the owner's and keeps it in `<home>/key`, mode 0600, for
 * the CLI. The value `given` by the `api-key` setting is made a key too; a value it had before is revoked.
 */
export async function firstKey(
  store: KeyStore,
  clock: Clock,
  options: { readonly home: string; readonly given?: string },
): Promise<FirstKey> {
  const file = keyFile(options.home)
  const secret = secretFor(options.given, 'api-key')
  const name = options.given === undefined ? 'first start' : 'api-key setting'
  const wanted: NewKey = { name, role: 'owner', reach: 'organisation' }
  const row = rowOf(wanted, secret, options.given === undefined ? 'generated' : 'setting', clock)
  if (await store.insertFirst(row, () => keep(file, secret))) return { secret, file }
  if (options.given !== undefined) await adoptSetting(store, clock, row, file, secret)
  return { secret: undefined, file }
}

async function adoptSetting(
  store: KeyStore,
  clock: Clock,
  row: Row<'keys'>,
  file: string,
  secret: string,
): Promise<void> {
  const known = await store.byHash(row.hash)
  if (known === undefined) await store.replaceSetting(row)
  else if (known.revokedAt !== null || (known.expiresAt !== null && known.expiresAt <= clock.now())) {
    // To make it work again by starting would undo a revocation in silence.
    throw fail('invalid_value', { param: 'api-key', reason: 'this key was revoked or has expired: set another value' })
  }
  if ((await readFile(file, 'utf8').catch(() => '')).trim() !== secret) await keep(file, secret)
}

/** SHA-256 of a secret in hexadecimal. Plain hashing is enough: a secret has 256 random bits, nothing to guess from a list. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function secretFor(given: string | undefined, param: string): string {
  if (given === undefined) return `gal_${randomBytes(32).toString('base64url')}`
  if (given.length < shortestSecret || given.length > longestSecret || !/^[!-~]+$/.test(given)) {
    const reason = `a key has ${shortestSecret} to ${longestSecret} printable ASCII characters and no spaces`
    throw fail('invalid_value', { param, reason })
  }
  return given
}

function rowOf(wanted: NewKey, secret: string, origin: 'generated' | 'setting', clock: Clock): Row<'keys'> {
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

/** Written beside and renamed, so that nobody reads half a key. */
async function keep(file: string, secret: string): Promise<void> {
  await makeHome(dirname(file))
  const fresh = `${file}.${randomBytes(6).toString('hex')}.new`
  try {
    await writeFile(fresh, `${secret}\n`, { mode: 0o600 })
    await chmod(fresh, 0o600)
    await rename(fresh, file)
  } finally {
    await rm(fresh, { force: true })
  }
}
