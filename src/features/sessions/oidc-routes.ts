// The two addresses of signing in by OpenID Connect: away to the provider, and back. Knows no protocol and no table.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Failure } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import type { Acts } from '../audit/acts.ts'
import type { Attempts } from './attempts.ts'
import type { HostCheck } from './hosts.ts'
import type { Oidc, OidcFlow } from './oidc.ts'
import { personOfIdentity } from './provision.ts'
import { signIn } from './routes.ts'

/** What the routes are made of. */
export interface OidcRoutes {
  readonly acts: Acts
  readonly checkHost: HostCheck
  readonly attempts: Attempts
  readonly oidc: Oidc
  readonly domains: readonly string[]
  /** Where people reach the server; absent: as the request did. */
  readonly publicUrl?: string
}

/** Where signing in by OIDC begins. */
export const oidcStart = '/galerne/v1/oidc/start'
const callback = '/galerne/v1/oidc/callback'
const flowCookie = 'galerne_oidc'

/** Adds both. */
export function registerOidc(server: Server, parts: OidcRoutes): void {
  const { checkHost, oidc } = parts
  const here = (request: FastifyRequest) =>
    parts.publicUrl?.replace(/\/$/, '') ?? `${request.protocol}://${request.host}`
  server.get(
    oidcStart,
    {
      config: { open: true },
      schema: {
        tags: ['sessions'],
        summary: 'Sign in with the OpenID Connect provider',
        description: 'For browsers: leads to the provider.',
        response: { 303: Type.Null() },
      },
    },
    async (request, reply) => {
      checkHost(request)
      const begun = await told(request, () => oidc.begin(here(request) + callback))
      if (typeof begun === 'string') {
        return reply.code(303).header('cache-control', 'no-store').header('location', begun).send(null)
      }
      const { url, flow } = begun
      // Lax: the way back begins on the provider's site.
      void reply.setCookie(flowCookie, Buffer.from(JSON.stringify(flow)).toString('base64url'), {
        ...{ path: callback, httpOnly: true, sameSite: 'lax', secure: request.protocol === 'https', maxAge: 600 },
      })
      return reply.code(303).header('cache-control', 'no-store').header('location', url).send(null)
    },
  )
  server.get(
    callback,
    {
      config: { open: true },
      schema: {
        tags: ['sessions'],
        summary: 'Back from the provider',
        description: 'Leads to the console, signed in; or to /sign-in with the code of what went wrong.',
        querystring: Type.Object({}, { additionalProperties: true }),
        response: { 303: Type.Null() },
      },
    },
    async (request, reply) => {
      checkHost(request)
      void reply.clearCookie(flowCookie, { path: callback })
      const to = await comeBack(request, reply, parts, here(request))
      return reply.code(303).header('cache-control', 'no-store').header('location', to).send(null)
    },
  )
}

/** Where the browser goes next. People meet what went wrong in the console, not as JSON. */
async function comeBack(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: OidcRoutes,
  here: string,
): Promise<string> {
  const flow = readFlow(request.cookies[flowCookie])
  if (flow === undefined) return '/sign-in?error=oidc_failed'
  return await told(request, async () => {
    // Each way back asks the provider, and its cookie could be anybody's making.
    const attempt = await parts.attempts.begin(request.ip)
    const identity = await parts.oidc.finish(new URL(request.url, here), flow)
    const user = await personOfIdentity(parts.acts, identity, parts.domains)
    await signIn(parts.acts, request, reply, user, 'oidc')
    await attempt.succeeded()
    return '/'
  })
}

/** The work's result, or the page that says what went wrong. */
async function told<Result>(request: FastifyRequest, work: () => Promise<Result>): Promise<Result | string> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    request.log.warn({ requestId: request.id, code: error.code }, error.message)
    return `/sign-in?error=${error.code}`
  }
}

function readFlow(cookie: string | undefined): OidcFlow | undefined {
  if (cookie === undefined || cookie.length > 2000) return undefined
  try {
    const { state, nonce, verifier } = JSON.parse(Buffer.from(cookie, 'base64url').toString()) as Partial<OidcFlow>
    if (typeof state !== 'string' || typeof nonce !== 'string' || typeof verifier !== 'string') return undefined
    return { state, nonce, verifier }
  } catch {
    return undefined
  }
}
