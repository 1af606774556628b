// Rewrites any tool-call id to nine letters and digits, the only form that Mistral's templates and API take.

import { createHash } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** The same id always gives the same nine characters; one that has the form already stays. */
export function nineCharacterId(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id
  const digest = createHash('sha256').update(id).digest()
  return Array.from(digest.subarray(0, 9), (byte) => alphabet[byte % alphabet.length]).join('')
}
