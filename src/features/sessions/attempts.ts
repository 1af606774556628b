// Bounds guessing at the door: failures per person and per network, over all nodes. A hash's cost bounds the rest.

import { createHash } from 'node:crypto'
import { networkOf } from '../../base/addresses.ts'
import { fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import { rateWindows } from '../../database/rate-windows.ts'

/**
 * Failures that are borne in a quarter of an hour: of one network, of one person from one network, and of one person from everywhere.
 * The last is larger, so that a stranger who knows an address alone does not keep its owner out.
 */
const bounds = { address: 30, pair: 5, person: 50 } as const
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
  const limiters = { address: limiter('address'), pair: limiter('pair'), person: limiter('person') }
  /** Milliseconds to wait; 0 where the attempt may be made. */
  const count = async ([who, name]: Counted) => {
    const { consumedPoints, msBeforeNext } = await limiters[who].penalty(name, 1)
    return consumedPoints > bounds[who] ? msBeforeNext : 0
  }
  return {
    async begin(from, email) {
      const network = networkOf(from)
      const address: Counted = ['address', hash(network)]
      const theirs: readonly Counted[] =
        email === undefined
          ? []
          : [
              ['pair', hash(`${network} ${email}`)],
              ['person', hash(email)],
            ]
      const waits: number[] = []
      for (const counted of [address, ...theirs]) waits.push(await count(counted))
      const wait = Math.max(...waits)
      if (wait > 0) throw fail('sign_in_limited', { retryAfter: Math.max(1, Math.ceil(wait / 1000)) })
      return {
        async succeeded() {
          await limiters.address.reward(address[1], 1)
          for (const [who, name] of theirs) await limiters[who].delete(name)
        },
      }
    },
  }
}

type Counted = readonly [who: keyof typeof bounds, name: string]

/** Who comes is not written down. */
function hash(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}
