// Waits for what must come true, on a machine of any speed: the one place where tests are patient.
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'

/** Far longer than anything takes that comes true at all; only what never would meets it. */
const patienceMs = 240_000

/** Asks again and again until the answer is no longer false, undefined or null, and hands it on. Throws, naming `what`, where it never is. */
export async function until<Value>(
  what: string,
  look: () => Value | Promise<Value>,
  pauseMs = 20,
): Promise<Exclude<Value, false | undefined | null>> {
  const begun = systemClock.elapsed()
  for (;;) {
    const value = await look()
    if (value !== false && value !== undefined && value !== null) {
      return value as Exclude<Value, false | undefined | null>
    }
    if (systemClock.elapsed() - begun > patienceMs) {
      throw new Error(`waited ${patienceMs / 1000} s in vain until ${what}`)
    }
    await delay(pauseMs)
  }
}
