// Bounds guessing at the door: failures per person and per network address. Counts in this process; a hash's cost bounds the rest.

import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { fail } from '../../base/errors.ts'

/** Failures that are borne in a quarter of an hour. */
const bounds = { person: 5, address: 30 } as const
const windowSeconds = 15 * 60

/** The counts of one server. */
export interface Attempts {
  /** Throws `sign_in_limited` with the seconds to wait where too many failed. */
  check(email: string, address: string): Promise<void>
  /** Counts a failure. */
  failed(email: string, address: string): Promise<void>
  /** A success forgets the person's failures, not those of the address. */
  succeeded(email: string): Promise<void>
}

/** Starts counting. */
export function createAttempts(): Attempts {
  const person = new RateLimiterMemory({ keyPrefix: 'person', points: bounds.person, duration: windowSeconds })
  const address = new RateLimiterMemory({ keyPrefix: 'address', points: bounds.address, duration: windowSeconds })
  const full = (counted: RateLimiterRes | null, bound: number) => counted !== null && counted.consumedPoints >= bound
  return {
    async check(email, from) {
      const [byPerson, byAddress] = await Promise.all([person.get(email), address.get(from)])
      const waits = [
        ...(full(byPerson, bounds.person) ? [byPerson?.msBeforeNext ?? 0] : []),
        ...(full(byAddress, bounds.address) ? [byAddress?.msBeforeNext ?? 0] : []),
      ]
      if (waits.length > 0)
        throw fail('sign_in_limited', { retryAfter: Math.max(1, Math.ceil(Math.max(...waits) / 1000)) })
    },
    async failed(email, from) {
      await Promise.all([person.penalty(email), address.penalty(from)])
    },
    async succeeded(email) {
      await person.delete(email)
    },
  }
}
