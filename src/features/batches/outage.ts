// Waits while the database or the file store is away: that says nothing about the work, and nothing of it may be lost. Knows no batch.
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../../base/errors.ts'

const firstPauseMs = 200
const longestPauseMs = 10_000

const outages: ReadonlySet<string> = new Set(['database_unavailable', 'file_store_failed'])

/** Whether the failure passes when the database or the file store is back. */
export function isOutage(error: unknown): error is Failure {
  return error instanceof Failure && outages.has(error.code)
}

/** Runs `action` again and again while it fails because of an outage; `undefined` when the signal aborted meanwhile. */
export async function throughOutage<Result>(
  action: () => Promise<Result>,
  signal: AbortSignal,
  onOutage: (error: Failure) => void = () => {},
): Promise<Result | undefined> {
  for (let pauses = 0; ; pauses++) {
    try {
      return await action()
    } catch (error) {
      if (!isOutage(error)) throw error
      if (signal.aborted) return undefined
      onOutage(error)
      await pause(error, pauses, signal)
    }
  }
}

/** As long as the failure says, else longer each time. Ends early when the signal aborts. */
export async function pause({ fields }: Failure, before: number, signal: AbortSignal): Promise<void> {
  const told = fields['retryAfter']
  const ms = typeof told === 'number' ? told * 1000 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(before, 20))
  await delay(ms, undefined, { signal }).catch(() => {})
}
