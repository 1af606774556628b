// Bounds requests and bytes per key, generously: it stops a runaway loop, it is no product limit. Knows no tokens and no money.
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { fail } from '../base/errors.ts'

interface Bucket {
  level: number
  filledAt: number
}

/** Rates per second with how much may come at once. */
export interface ThrottleRates {
  readonly requests: { readonly perSecond: number; readonly burst: number }
  readonly bytes: { readonly perSecond: number; readonly burst: number }
}

// One process answers some thousand requests a second at most; a key that sends more is a loop, not a team.
const generous: ThrottleRates = {
  requests: { perSecond: 5000, burst: 20_000 },
  bytes: { perSecond: 64 * 1_048_576, burst: 1_073_741_824 },
}

/** Adds the check; runs after `authenticate`. */
export function throttle(
  server: FastifyInstance,
  options: { readonly clock: Clock; readonly rates?: ThrottleRates },
): void {
  const { clock, rates = generous } = options
  const requests = createBuckets(rates.requests, clock)
  const bytes = createBuckets(rates.bytes, clock)
  const take = (buckets: ReturnType<typeof createBuckets>, key: string | undefined, amount: number, what: string) => {
    const wait = key === undefined ? 0 : buckets.take(key, amount)
    if (wait > 0) throw fail('rate_limit_exceeded', { what, retryAfter: Math.max(1, Math.ceil(wait)) })
  }
  server.addHook('onRequest', async (request) => take(requests, callerOf(request.exchange), 1, 'requests'))
  server.addHook('preValidation', async (request) => {
    if (request.bodyBytes > 0) take(bytes, callerOf(request.exchange), request.bodyBytes, 'bytes')
  })
}

/** Open routes have no caller. */
function callerOf({ caller }: { readonly caller?: { readonly id: string } }): string | undefined {
  return caller?.id
}

/** One bucket per key; keys are known ones, so their number is bounded. */
function createBuckets({ perSecond, burst }: ThrottleRates['requests'], clock: Clock) {
  const buckets = new Map<string, Bucket>()
  return {
    /** Seconds to wait until the amount would fit; 0: taken. */
    take(key: string, amount: number): number {
      const now = clock.elapsed()
      const bucket = buckets.get(key) ?? { level: burst, filledAt: now }
      bucket.level = Math.min(burst, bucket.level + ((now - bucket.filledAt) / 1000) * perSecond)
      bucket.filledAt = now
      buckets.set(key, bucket)
      // A single request larger than the burst waits for a full bucket, not forever.
      const needed = Math.min(amount, burst)
      if (bucket.level < needed) return (needed - bucket.level) / perSecond
      bucket.level -= amount
      return 0
    },
  }
}
