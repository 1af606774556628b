// Says who a secret belongs to. Remembers for half a second what it read, and forgets at once when an act anywhere may have changed it.

import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Caller } from '../../wire/exchange.ts'
import { actsChannel } from '../audit/acts.ts'
import { hashSecret, longestSecret } from './secret.ts'
import { keyByHash, type StoredKey, touchKey } from './store.ts'

/** Checks secrets. */
export interface KeyVerifier {
  /** Who holds the key; undefined where the secret is unknown, revoked or expired. */
  verify(secret: string): Promise<Caller | undefined>
  /** Forgets what was read: an act may have changed it. */
  forget(): void
}

/** A use is noted at most this often per key, in milliseconds. */
const touchIntervalMs = 60_000

/** How long a key is believed without asking: a revocation counts within a second even if its notice is lost. */
const memoryMs = 500

/** Keys remembered at once. */
const memoryLimit = 10_000

interface Remembered {
  readonly key: StoredKey
  readonly until: number
}

/** A verifier over the database. Without `notices` it remembers nothing. */
export function keyVerifier(
  { query }: Pick<Database, 'query'>,
  clock: Clock,
  notices?: Pick<Notices, 'live' | 'subscribe'>,
): KeyVerifier {
  const memory = new Map<string, Remembered>()
  let forgotten = 0
  const forget = (): void => {
    forgotten++
    memory.clear()
  }
  notices?.subscribe(actsChannel, forget)
  const find = async (hash: string): Promise<StoredKey | undefined> => {
    const known = memory.get(hash)
    // While no notice can arrive nothing is believed.
    if (known !== undefined && notices?.live === true && clock.elapsed() < known.until) return known.key
    const before = forgotten
    const until = clock.elapsed() + memoryMs
    const key = await keyByHash(query, hash)
    // What was read while an act was told may be old.
    if (key === undefined || notices?.live !== true || before !== forgotten) memory.delete(hash)
    else {
      if (memory.size >= memoryLimit) memory.clear()
      memory.set(hash, { key, until })
    }
    return key
  }
  const touched = new Map<string, number>()
  return {
    forget,
    async verify(secret) {
      if (secret.length === 0 || secret.length > longestSecret) return undefined
      const hash = hashSecret(secret)
      const key = await find(hash)
      // The index already compared hashes; the comparison in constant time keeps a database with a loose collation honest.
      if (key === undefined || !timingSafeEqual(Buffer.from(hash), Buffer.from(key.hash))) return undefined
      const now = clock.now()
      if (key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now)) return undefined
      const lastUse = Math.max(key.lastUsedAt ?? 0, touched.get(key.id) ?? 0)
      if (now - lastUse >= touchIntervalMs) {
        touched.set(key.id, now)
        await touchKey(query, key.id, now)
      }
      return callerOf(key)
    },
  }
}

function callerOf(key: StoredKey): Caller {
  const { id, role, reach, workspace, user, serviceAccount, models, endpoints, ipRanges, expiresAt, payer, holder } =
    key
  return {
    id,
    kind: 'key',
    workspace,
    grants: [reach === 'organisation' ? { role } : { role, workspace }],
    ...(holder !== undefined && { holder }),
    ...(user !== null && { user }),
    ...(serviceAccount !== null && { serviceAccount }),
    ...(models !== null && { models }),
    ...(endpoints !== null && { endpoints }),
    ...(ipRanges !== null && { ipRanges }),
    ...(expiresAt !== null && { expiresAt }),
    ...(payer !== null && { payer }),
  }
}
