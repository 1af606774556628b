// The cookie that holds a session. Nothing but the browser's own requests to this very site may carry it.

import '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Its name. */
export const sessionCookie = 'galerne_session'

/** Gives the browser a session's token until then. */
export function setSessionCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  { token, expiresAt }: { readonly token: string; readonly expiresAt: number },
): void {
  void reply.setCookie(sessionCookie, token, { ...cookieAttributes(request), expires: new Date(expiresAt) })
}

/** Takes it back. */
export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.clearCookie(sessionCookie, cookieAttributes(request))
}

/** Out of reach for scripts and for requests that other sites send. */
export function cookieAttributes({ protocol }: FastifyRequest) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: protocol === 'https' } as const
}
