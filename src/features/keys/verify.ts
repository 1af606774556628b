// Says who a secret belongs to. Asks the database each time, so that a revocation counts from the next request on, whoever made it.

import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Caller } from '../../wire/exchange.ts'
import { hashSecret, longestSecret } from './create.ts'
import type { KeyStore, StoredKey } from './store.ts'

/** Checks secrets. */
export interface KeyVerifier {
  /** Who holds the key; undefined where the secret is unknown, revoked or expired. */
  verify(secret: string): Promise<Caller | undefined>
}

/** A use is noted at most this often per key, in milliseconds. */
const touchInterval = 60_000

/** A verifier over the store. */
export function keyVerifier(store: KeyStore, clock: Clock): KeyVerifier {
  return {
    async verify(secret) {
      if (secret.length === 0 || secret.length > longestSecret) return undefined
      const hash = hashSecret(secret)
      const key = await store.byHash(hash)
      // The index already compared hashes; the comparison in constant time keeps a database with a loose collation honest.
      if (key === undefined || !timingSafeEqual(Buffer.from(hash), Buffer.from(key.hash))) return undefined
      const now = clock.now()
      if (key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now)) return undefined
      if (key.lastUsedAt === null || now - key.lastUsedAt >= touchInterval) await store.touch(key.id, now)
      return callerOf(key)
    },
  }
}

function callerOf(key: StoredKey): Caller {
  const { id, role, reach, workspace, user, serviceAccount, models, endpoints, ipRanges, holder } = key
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
  }
}
