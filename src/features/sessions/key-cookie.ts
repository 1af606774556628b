// A key as a way into the console: the first administrator has nothing else, and a key's holder wants to see what is theirs.
// The cookie holds the key where no script can read it; the key's own rights, restrictions and revocation hold at each request.

import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { cookieAttributes } from './cookie.ts'

/** The cookie's name. */
export const keyCookie = 'galerne_key'

/** A day's work; the key itself may end earlier. */
const lifetimeSeconds = 12 * 3_600

/** The token that changes must carry: made of the key, so that nothing is kept, and of no use to find it. */
export function csrfOfKey(secret: string): string {
  return createHash('sha256').update(`galerne-csrf:${secret}`).digest('hex')
}

/** Gives the browser the key. */
export function setKeyCookie(request: FastifyRequest, reply: FastifyReply, secret: string): void {
  void reply.setCookie(keyCookie, secret, { ...cookieAttributes(request), maxAge: lifetimeSeconds })
}

/** Takes it back. */
export function clearKeyCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.clearCookie(keyCookie, cookieAttributes(request))
}
