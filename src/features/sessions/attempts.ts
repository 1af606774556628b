// Bounds guessing at the door: failures per person and per network address, over all nodes. A hash's cost bounds the rest.

import { createHash } from 'node:crypto'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import { rateWindows } from '../../database/rate-windows.ts'

/** Failures that are borne in a quarter of an hour. */
const bounds = { person: 5, address: 30 } as const
const windowSeconds = 15 * 60

/** The counts of all nodes. */
export interface Attempts {
  /**
   * Counts an attempt before it is looked at, so that many at once are no more than one after the other; throws `sign_in_limited` with the
   * seconds to wait where too many failed. `email` is who is claimed to come; absent where nobody is named.
   */
  begin(address: string, email?: string): Promise<Attempt>
}

/** One attempt: a failure, unless somebody says otherwise. */
export interface Attempt {
  /** A success forgets the person's failures, and of the address this one attempt. */
  succeeded(): Promise<void>
}

/** Starts counting: in memory where there is one node, in the database where there may be several. */
export function createAttempts(database: Pick<Database, 'dialect' | 'query'>): Attempts {
  const limiter = (who: keyof typeof bounds) =>
    rateWindows(database, {
      ...{ keyPrefix: `sign-in-${who}`, points: bounds[who], duration: windowSeconds },
      clearExpiredByTimeout: false,
    })
  const limiters = { person: limiter('person'), address: limiter('address') }
  /** Milliseconds to wait; 0 where the attempt may be made. */
  const count = async (who: keyof typeof bounds, name: string) => {
    const { consumedPoints, msBeforeNext } = await limiters[who].penalty(name, 1)
    return consumedPoints > bounds[who] ? msBeforeNext : 0
  }
  return {
    async begin(from, email) {
      const [address, person] = [hash(from), email === undefined ? undefined : hash(email)]
      const waits = [await count('address', address), person === undefined ? 0 : await count('person', person)]
      const wait = Math.max(...waits)
      if (wait > 0) throw fail('sign_in_limited', { retryAfter: Math.max(1, Math.ceil(wait / 1000)) })
      return {
        async succeeded() {
          await limiters.address.reward(address, 1)
          if (person !== undefined) await limiters.person.delete(person)
        },
      }
    },
  }
}

/** Who comes is not written down. */
function hash(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}
