// Says who a secret belongs to. Asks the database each time, so that a revocation counts from the next request on, whoever made it.

import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { hashSecret, longestSecret } from './create.ts'
import type { KeyScope, KeyStore } from './store.ts'

/** Who asks. */
export interface Identity {
  /** Id of the key. */
  readonly id: string
  readonly workspace: string
  readonly scope: KeyScope
}

/** Checks secrets. */
export interface KeyVerifier {
  /** The key's identity; undefined where the secret is unknown, revoked or expired. */
  verify(secret: string): Promise<Identity | undefined>
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
      return { id: key.id, workspace: key.workspace, scope: key.scope }
    },
  }
}
