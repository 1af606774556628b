// Asks every route for a key or a session and for the permission that the route states, unless the route is open. Knows headers and
// cookies; keys and sessions are looked up elsewhere.
import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isWithin } from '../base/addresses.ts'
import { fail } from '../base/errors.ts'
import { sessionCookie } from '../features/sessions/cookie.ts'
import type { HostCheck } from '../features/sessions/hosts.ts'
import { csrfOfKey, keyCookie } from '../features/sessions/key-cookie.ts'
import type { SessionVerifier } from '../features/sessions/verify.ts'
import type { Caller } from '../wire/exchange.ts'
import { may } from '../wire/permissions.ts'

/** What the server needs of the keys. */
export interface Keys {
  /** Who holds this key; undefined when nobody does, or no longer. */
  verify(secret: string): Promise<Caller | undefined>
}

/** How people are known beside keys. */
export interface Sessions extends SessionVerifier {
  readonly checkHost: HostCheck
}

/** Adds the check before anything of the body is read. Call it before routes are added: one that states no permission is refused. */
export function authenticate(server: FastifyInstance, keys: Keys, sessions?: Sessions): void {
  server.addHook('onRoute', ({ method, url, config }) => {
    if (config?.open === true || config?.permission !== undefined) return
    throw new Error(`${[method].flat().join(', ')} ${url} says neither which permission it needs nor that it is open`)
  })
  server.addHook('onRequest', async (request) => {
    // An unknown path answers 404 to anybody: there is nothing behind it to protect.
    if (request.routeOptions.config.open === true || request.is404) return
    const secret = presentedKey(request.headers)
    const caller = secret === undefined ? await signedIn(request, sessions, keys) : await keys.verify(secret)
    if (caller === undefined) throw fail('invalid_api_key')
    request.exchange = { ...request.exchange, caller }
    holdToRestrictions(request, caller)
    demand(request, caller)
  })
}

/** Who the cookie belongs to. A page of another site can send requests here, but never with the token that changes must carry. */
async function signedIn(
  request: FastifyRequest,
  sessions: Sessions | undefined,
  keys: Keys,
): Promise<Caller | undefined> {
  const token = request.cookies?.[sessionCookie]
  const key = request.cookies?.[keyCookie]
  if (sessions === undefined || (token === undefined && key === undefined)) return undefined
  sessions.checkHost(request)
  if (token === undefined) return await signedInByKey(request, keys, key ?? '')
  const wanted = request.headers['galerne-workspace']
  const found = await sessions.verify(token, typeof wanted === 'string' ? wanted : undefined)
  if (found === undefined) throw fail('not_signed_in')
  demandToken(request, found.csrf)
  return found.caller
}

/** Who holds the key in the cookie. */
async function signedInByKey(request: FastifyRequest, keys: Keys, secret: string): Promise<Caller> {
  const caller = await keys.verify(secret)
  if (caller === undefined) throw fail('not_signed_in')
  demandToken(request, csrfOfKey(secret))
  return caller
}

/** Throws for a change that does not carry the token: it may come from a page of somebody else. */
function demandToken({ method, headers }: FastifyRequest, token: string): void {
  if (method === 'GET' || method === 'HEAD') return
  const given = Buffer.from(String(headers['galerne-csrf'] ?? ''))
  const expected = Buffer.from(token)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw fail('csrf_token_invalid')
}

/** Throws where the key is used from elsewhere, or for something else, than it was made for. */
function holdToRestrictions({ routeOptions, ip }: FastifyRequest, { ipRanges, endpoints }: Caller): void {
  if (ipRanges !== undefined && !isWithin(ip, ipRanges)) throw fail('key_restricted', { how: `from ${ip}` })
  // Everybody may ask who they are.
  if (endpoints === undefined || routeOptions.config.permission === 'self.read') return
  const route = routeOptions.url ?? ''
  const open = endpoints.some((path) => path === route || (path.endsWith('/*') && route.startsWith(path.slice(0, -1))))
  if (!open) throw fail('key_restricted', { how: `for ${route}` })
}

/** Throws where the caller may not do what the route does. Of a workspace that one may not even see there is nothing to be told. */
function demand({ routeOptions, params }: FastifyRequest, caller: Caller): void {
  const { permission } = routeOptions.config
  const { workspace = caller.workspace } = (params ?? {}) as { readonly workspace?: string }
  if (permission === undefined || may(caller, permission, workspace)) return
  if (workspace !== caller.workspace && !may(caller, 'workspaces.read', workspace)) {
    throw fail('not_found', { what: 'workspace', id: workspace.slice(0, 100) })
  }
  throw fail('forbidden', { permission, workspace })
}

/** The key of `Authorization: Bearer` or `x-api-key`. */
function presentedKey(headers: FastifyRequest['headers']): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const key = headers['x-api-key']
  return typeof key === 'string' && key !== '' ? key : undefined
}
