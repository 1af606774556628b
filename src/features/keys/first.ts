// The key that a start makes or adopts, so that somebody can use the server. It is kept in a file for the CLI. Knows no route.

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { keyFile, makeHome, unseenKeyFile } from '../../base/home.ts'
import type { Database } from '../../database/connect.ts'
import { lockTable } from '../../database/dialect.ts'
import type { Row } from '../../database/tables.ts'
import { createActs } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { keyMade, keyRow, type NewKey } from './create.ts'
import { secretFor } from './secret.ts'
import { insertKey, revokeKeys } from './store.ts'

/** What the first start found or made. */
export interface FirstKey {
  /** To print, once; undefined where the server already had keys, and a start has shown the first. */
  readonly secret: string | undefined
  /** File that holds a working key for the CLI. */
  readonly file: string
  /** The secret is shown: no later start shows it again. A start may end before it comes so far, in its download for one. */
  shown(): Promise<void>
}

const actor: Actor = { kind: 'system', id: 'start' }

/**
 * Makes sure that somebody can use the server. Without any key it makes the owner's and keeps it in `<home>/key`, mode 0600, for
 * the CLI. The value `given` by the `api-key` setting is made a key too; a value it had before is revoked.
 */
export async function firstKey(
  database: Database,
  clock: Clock,
  options: { readonly home: string; readonly given?: string },
): Promise<FirstKey> {
  const file = keyFile(options.home)
  const unseen = unseenKeyFile(options.home)
  const shown = () => rm(unseen, { force: true })
  const secret = secretFor(options.given, 'api-key')
  const name = options.given === undefined ? 'first start' : 'api-key setting'
  const wanted: NewKey = { name, role: 'owner', reach: 'organisation' }
  const row = keyRow(wanted, secret, options.given === undefined ? 'generated' : 'setting', clock)
  const made = await insertFirst(database, clock, row, async () => {
    await keep(file, secret)
    await writeFile(unseen, '', { mode: 0o600 })
  })
  if (made) return { secret, file, shown }
  if (options.given !== undefined) await adoptSetting(database, clock, row, file, secret)
  const kept = existsSync(unseen) ? (await readFile(file, 'utf8').catch(() => '')).trim() : ''
  return { secret: kept === '' ? undefined : kept, file, shown }
}

/**
 * Inserts only where there is no key at all, and says whether it did. `keepIt` runs before the key counts, while no other process can
 * get here: a crash never leaves a key whose secret nobody holds.
 */
async function insertFirst(
  database: Database,
  clock: Clock,
  row: Row<'keys'>,
  keepIt: () => Promise<void>,
): Promise<boolean> {
  return await createActs(database, clock).run(actor, async (transaction, note) => {
    await lockTable(database.dialect, transaction, 'keys')
    const any = await transaction.selectFrom('keys').select('id').limit(1).executeTakeFirst()
    if (any !== undefined) return false
    await insertKey(transaction, row)
    await keepIt()
    note(keyMade(row))
    return true
  })
}

async function adoptSetting(
  database: Database,
  clock: Clock,
  row: Row<'keys'>,
  file: string,
  secret: string,
): Promise<void> {
  const known = await database.query
    .selectFrom('keys')
    .select(['revoked_at', 'expires_at'])
    .where('hash', '=', row.hash)
    .executeTakeFirst()
  if (known === undefined) await replaceSetting(database, clock, row)
  else if (known.revoked_at !== null || (known.expires_at !== null && known.expires_at <= clock.now())) {
    // To make it work again by starting would undo a revocation in silence.
    throw fail('invalid_value', { param: 'api-key', reason: 'this key was revoked or has expired: set another value' })
  }
  if ((await readFile(file, 'utf8').catch(() => '')).trim() !== secret) await keep(file, secret)
}

/** Inserts the value of the setting, unless it is there, and revokes the value it had before. */
async function replaceSetting(database: Database, clock: Clock, row: Row<'keys'>): Promise<void> {
  await createActs(database, clock).run(actor, async (transaction, note) => {
    await lockTable(database.dialect, transaction, 'keys')
    const former = await transaction
      .selectFrom('keys')
      .select('id')
      .where('origin', '=', 'setting')
      .where('revoked_at', 'is', null)
      .execute()
    // Another process may have started with the same setting a moment ago.
    if (!(await insertKey(transaction, row))) return
    const ids = former.map(({ id }) => id)
    for (const id of await revokeKeys(transaction, ids, clock.now())) {
      note({ action: 'api_key.deleted', workspace: row.workspace, target: { kind: 'api_key', id } })
    }
    note(keyMade(row))
  })
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
