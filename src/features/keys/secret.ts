// A key's secret: made or given, hashed, and never stored. Knows no database.

import { createHash, randomBytes } from 'node:crypto'
import { fail } from '../../base/errors.ts'

/** Shorter values could be guessed; ours have 43 characters after the prefix. */
const shortestSecret = 32

/** No key is longer: a header of megabytes is not worth hashing. */
export const longestSecret = 512

/** A fresh secret of 256 random bits, or the one given. Throws `invalid_value` naming `param` for one that is no good. */
export function secretFor(given: string | undefined, param: string): string {
  if (given === undefined) return `gal_${randomBytes(32).toString('base64url')}`
  if (given.length < shortestSecret || given.length > longestSecret || !/^[!-~]+$/.test(given)) {
    const reason = `a key has ${shortestSecret} to ${longestSecret} printable ASCII characters and no spaces`
    throw fail('invalid_value', { param, reason })
  }
  return given
}

/** SHA-256 of a secret in hexadecimal. Plain hashing is enough: a secret has 256 random bits, nothing to guess from a list. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
