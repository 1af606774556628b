// Passwords: hashed with Argon2id, compared without telling whether there is anybody to compare with. Knows no person.

import { hash, verify } from '@node-rs/argon2'
import { fail } from '../../base/errors.ts'

/** OWASP's Password Storage Cheat Sheet (2025): 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** NIST SP 800-63B: a length, and no rules of composition. */
const shortest = 12
const longest = 256

/** Computations at once: each takes 19 MiB and tens of milliseconds of a thread. */
const atOnce = 4
/** Those that may wait: more are an attack. */
const mayWait = 64

/** Hashes and compares, a few at a time. */
export interface Passwords {
  /** The hash in PHC form. Throws `invalid_value` for a password that is too short or too long. */
  hash(password: string): Promise<string>
  /** Whether it is the password behind the hash; without a hash false, after the same work. */
  matches(password: string, stored: string | null): Promise<boolean>
}

/** One for the process: it bounds memory and threads. Throws `sign_in_limited` where too many wait. */
export function createPasswords(): Passwords {
  let running = 0
  const waiting: (() => void)[] = []
  const bounded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (running >= atOnce) {
      if (waiting.length >= mayWait) throw fail('sign_in_limited', { retryAfter: 5 })
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      // The place goes to the next in line, or is free.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
  let decoy: Promise<string> | undefined
  return {
    hash(password) {
      if (password.length < shortest || password.length > longest) {
        const reason = `it must have ${shortest} to ${longest} characters`
        throw fail('invalid_value', { param: 'password', reason })
      }
      return bounded(() => hash(password.normalize('NFC'), cost))
    },
    async matches(password, stored) {
      if (password.length > longest) return false
      decoy ??= bounded(() => hash('nobody has this password', cost))
      const against = stored ?? (await decoy)
      const equal = await bounded(() => verify(against, password.normalize('NFC')))
      return equal && stored !== null
    },
  }
}
