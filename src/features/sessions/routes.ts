// Signing in and out by password, accepting an invitation, and who is signed in. The console's doors; open ones are bounded. Knows no table.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { Failure, fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { may, permissionsOf } from '../../wire/permissions.ts'
import {
  InvitationAccept,
  InvitationObject,
  InvitationOpen,
  PasswordChange,
  SessionObject,
  SignedInObject,
  SignIn,
  SignInWays,
} from '../../wire/sessions.ts'
import { seconds } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { acceptInvite, openInvite } from '../members/invite.ts'
import { listWorkspaces } from '../workspaces/store.ts'
import type { Attempts } from './attempts.ts'
import { clearSessionCookie, sessionCookie, setSessionCookie } from './cookie.ts'
import type { HostCheck } from './hosts.ts'
import { clearKeyCookie, csrfOfKey, keyCookie } from './key-cookie.ts'
import { registerKeySignIn } from './key-routes.ts'
import { createPasswords } from './password.ts'
import { beginSession, endSession, sessionByToken } from './store.ts'

/** What the routes are made of. */
export interface SessionRoutes {
  readonly acts: Acts
  readonly checkHost: HostCheck
  readonly attempts: Attempts
  /** Who holds this key; undefined when nobody does, or no longer. */
  verifyKey(secret: string): Promise<Caller | undefined>
  /** Where to go to sign in by OIDC, and who vouches there; absent: passwords alone. */
  readonly oidc?: { readonly start: string; readonly issuer: string }
}

const tags = ['sessions']
const path = '/galerne/v1/session'
const open = { open: true } as const
const own = { permission: 'self.read' } as const

/** Adds the routes. */
export function registerSessions(server: Server, parts: SessionRoutes): void {
  const passwords = createPasswords()
  const doors = { ...parts, passwords }
  server.get(
    '/galerne/v1/sign-in',
    { config: open, schema: { tags, summary: 'How one may sign in', response: { 200: SignInWays } } },
    async () => ({ password: true, oidc: parts.oidc ?? null }),
  )
  registerSignIn(server, doors)
  registerKeySignIn(server, doors)
  registerOwn(server, doors)
  registerInvitations(server, doors)
}

interface Doors extends SessionRoutes {
  readonly passwords: ReturnType<typeof createPasswords>
}

function registerSignIn(server: Server, { acts, checkHost, passwords, attempts }: Doors): void {
  server.post(
    path,
    {
      config: open,
      schema: { tags, summary: 'Sign in by password', body: SignIn, response: { 200: SignedInObject } },
    },
    async (request, reply) => {
      checkHost(request)
      const { password } = request.body
      const email = request.body.email.toLowerCase()
      const attempt = await attempts.begin(request.ip, email)
      const person = await acts.database.query
        .selectFrom('users')
        .select(['id', 'password'])
        .where('email', '=', email)
        .where('disabled_at', 'is', null)
        .executeTakeFirst()
      if (!(await passwords.matches(password, person?.password ?? null)) || person === undefined) {
        if (person !== undefined) noteFailure(acts, person.id, request, reply)
        throw fail('sign_in_refused')
      }
      await attempt.succeeded()
      return signIn(acts, request, reply, person.id, 'password')
    },
  )
}

/**
 * Bounded by the attempts that are borne. Of an address that is nobody's nothing is written, so it waits until the answer is gone: how long
 * that took must not tell whether somebody is here.
 */
function noteFailure(acts: Acts, user: string, request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('close', () => {
    acts
      .run({ kind: 'system', id: 'sign-in', address: request.ip }, async (_transaction, note) =>
        note({ action: 'login.failed', target: { kind: 'user', id: user } }),
      )
      .catch((error: unknown) => request.log.warn({ err: error }, 'a failed sign-in could not be noted'))
  })
}

/** Begins a session and gives the browser its cookie. */
export async function signIn(
  acts: Acts,
  request: FastifyRequest,
  reply: FastifyReply,
  user: string,
  method: 'password' | 'oidc' | 'invitation',
): Promise<Static<typeof SignedInObject>> {
  const session = await beginSession(acts, user, { address: request.ip, method })
  setSessionCookie(request, reply, session)
  return { object: 'session', expires_at: seconds(session.expiresAt) }
}

/** Whether the console's pages are open to the caller: a key that is held to other paths sees its own page and no more. */
function opensConsole({ endpoints }: Caller): boolean {
  if (endpoints === undefined) return true
  return endpoints.some((path) => path.endsWith('/*') && '/galerne/v1/'.startsWith(path.slice(0, -1)))
}

function registerOwn(server: Server, { acts, passwords, attempts }: Doors): void {
  const { query } = acts.database
  server.get(
    path,
    { config: own, schema: { tags, summary: 'Who is signed in', response: { 200: SessionObject } } },
    async (request) => {
      const { caller } = request.exchange
      const key = request.cookies[keyCookie]
      const seen = (await listWorkspaces(query)).filter(({ id }) => may(caller, 'workspaces.read', id))
      const given = [...permissionsOf.owner].filter((one) => one === 'self.read' || opensConsole(caller))
      const common = {
        object: 'session' as const,
        workspace: caller.workspace,
        workspaces: seen.map(({ id, name }) => ({
          ...{ id, name, permissions: given.filter((permission) => may(caller, permission, id)) },
        })),
      }
      if (caller.kind === 'key' && key !== undefined) {
        return { ...common, user: null, csrf_token: csrfOfKey(key), expires_at: null }
      }
      const session = await mustHave(request, acts)
      const person = await query
        .selectFrom('users')
        .selectAll()
        .where('id', '=', session.user)
        .executeTakeFirstOrThrow()
      return {
        ...common,
        user: {
          ...{ id: person.id, email: person.email, name: person.name, role: person.role },
          has_password: person.password !== null,
        },
        ...{ csrf_token: session.csrf, expires_at: seconds(session.expiresAt) },
      }
    },
  )
  server.delete(
    path,
    { config: own, schema: { tags, summary: 'Sign out', response: { 204: Type.Null() } } },
    async (request, reply) => {
      if (request.cookies[keyCookie] === undefined) await endSession(acts, await mustHave(request, acts), request.ip)
      clearKeyCookie(request, reply)
      clearSessionCookie(request, reply)
      return reply.code(204).send(null)
    },
  )
  server.put(
    `${path}/password`,
    {
      config: own,
      schema: {
        tags,
        summary: 'Change the password',
        description: 'Every other session of the person ends.',
        body: PasswordChange,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id, user } = await mustHave(request, acts)
      const people = query.selectFrom('users').select(['email', 'password'])
      const person = await people.where('id', '=', user).executeTakeFirstOrThrow()
      if (person.password !== null) {
        // Whoever sits at a session that is not theirs guesses no faster here than at the door.
        const attempt = await attempts.begin(request.ip, person.email)
        if (!(await passwords.matches(request.body.current ?? '', person.password))) {
          throw fail('invalid_value', { param: 'current', reason: 'it is not the password' })
        }
        await attempt.succeeded()
      }
      const password = await passwords.hash(request.body.password)
      await acts.run({ kind: 'session', id, user, address: request.ip }, async (transaction, note) => {
        await transaction.updateTable('users').set({ password }).where('id', '=', user).execute()
        await transaction.deleteFrom('sessions').where('user_id', '=', user).where('id', '!=', id).execute()
        note({ action: 'user.updated', target: { kind: 'user', id: user }, details: { password: 'changed' } })
      })
      return reply.code(204).send(null)
    },
  )
}

/** The session of the request. Throws `invalid_value` for a caller with a key: there is no session then. */
async function mustHave(request: FastifyRequest, { database, clock }: Acts) {
  const token = request.cookies[sessionCookie]
  const isSession = request.exchange.caller.kind === 'session' && token !== undefined
  const session = isSession ? await sessionByToken(database.query, token, clock.now()) : undefined
  if (session === undefined) throw fail('not_signed_in')
  return session
}

function registerInvitations(server: Server, { acts, checkHost, passwords, attempts }: Doors): void {
  server.post(
    '/galerne/v1/invitations/open',
    {
      config: open,
      schema: { tags, summary: 'What an invitation offers', body: InvitationOpen, response: { 200: InvitationObject } },
    },
    async (request) => {
      checkHost(request)
      const guess = () => openInvite(acts.database.query, request.body.secret, acts.clock.now())
      const invite = await guarded(attempts, request.ip, guess)
      return {
        ...{ object: 'invitation' as const, email: invite.email, role: invite.role },
        ...{ workspaces: invite.workspaces.map(({ id, role }) => ({ id, role })) },
        expires_at: seconds(invite.expiresAt),
      }
    },
  )
  server.post(
    '/galerne/v1/invitations/accept',
    {
      config: open,
      schema: {
        tags,
        summary: 'Accept an invitation with a password, and sign in',
        body: InvitationAccept,
        response: { 200: SignedInObject },
      },
    },
    async (request, reply) => {
      checkHost(request)
      const { secret, name, password: chosen } = request.body
      const person = await guarded(attempts, request.ip, async () => {
        await openInvite(acts.database.query, secret, acts.clock.now())
        return await acceptInvite(acts, secret, { name, password: await passwords.hash(chosen) })
      })
      return signIn(acts, request, reply, person.id, 'invitation')
    },
  )
}

/** A wrong link counts as a guess of its address. */
async function guarded<Result>(attempts: Attempts, address: string, work: () => Promise<Result>): Promise<Result> {
  const attempt = await attempts.begin(address)
  try {
    const result = await work()
    await attempt.succeeded()
    return result
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'invitation_invalid')) await attempt.succeeded()
    throw error
  }
}
