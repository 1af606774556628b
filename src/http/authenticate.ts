// Asks every route for a key, unless the route says that it is open. Knows the headers; the keys themselves are compared elsewhere, in constant time.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fail } from '../base/errors.ts'
import type { Caller } from '../wire/exchange.ts'

/** What the server needs of the keys. */
export interface Keys {
  /** Who holds this key; undefined when nobody does, or no longer. */
  verify(secret: string): Promise<Caller | undefined>
}

/** Adds the check before anything of the body is read. */
export function authenticate(server: FastifyInstance, keys: Keys): void {
  server.addHook('onRequest', async (request) => {
    const { open, scope } = request.routeOptions.config
    // An unknown path answers 404 to anybody: there is nothing behind it to protect.
    if (open === true || request.is404) return
    const secret = presentedKey(request.headers)
    const caller = secret === undefined ? undefined : await keys.verify(secret)
    if (caller === undefined) throw fail('invalid_api_key')
    request.exchange = { ...request.exchange, caller }
    if (scope === 'admin' && caller.scope !== 'admin') throw fail('forbidden', { scope: caller.scope, needed: scope })
  })
}

/** The key of `Authorization: Bearer` or `x-api-key`. */
function presentedKey(headers: FastifyRequest['headers']): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const key = headers['x-api-key']
  return typeof key === 'string' && key !== '' ? key : undefined
}
