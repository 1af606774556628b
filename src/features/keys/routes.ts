// Keys under our own path: made, listed, replaced and revoked. Everybody sees their own; administrators those of their workspaces.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { CreatedKeyObject, CreateKeyRequest, KeyList, KeyObject, keyObject, RotateKeyRequest } from '../../wire/keys.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import { may, mayGrant } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { checkHolder, checkWanted, manageable, maySee, unknownKey } from './access.ts'
import { createKey, type NewKey, revokeKey, rotateKey } from './create.ts'
import { demandHeld, heldAsMaker } from './held.ts'
import { listKeys } from './store.ts'

const config = { permission: 'keys.own' } as const
const params = Type.Object({ id: Type.String() })
const dayMs = 86_400_000

/** Adds the four routes. */
export function registerKeys(server: Server, { acts }: { readonly acts: Acts }): void {
  const { query } = acts.database
  server.post(
    '/galerne/v1/keys',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Make a key',
        description: 'The answer is the only one that ever holds the secret.',
        body: CreateKeyRequest,
        response: { 200: CreatedKeyObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const asked = readWanted(body, exchange.caller, exchange.clock.now())
      const wanted = await heldAsMaker(query, exchange.caller, asked)
      checkWanted(exchange.caller, wanted)
      await checkHolder(query, wanted)
      const { key, secret } = await createKey(acts, actorOf(request), wanted)
      return { ...keyObject(key), secret }
    },
  )
  server.get(
    '/galerne/v1/keys',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'List the keys of the workspace',
        querystring: ListQuery,
        response: { 200: KeyList },
      },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const keys = await listKeys(query, { workspaces: [caller.workspace], revoked: true })
      return pageOf(keys.filter((key) => maySee(caller, key)).map(keyObject), readPaging(asked))
    },
  )
  server.delete(
    '/galerne/v1/keys/:id',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Revoke a key',
        description:
          'It counts at once, on every node, and cancels the batches that it made. The last working key that administers the organisation stays.',
        params,
        response: { 200: KeyObject },
      },
    },
    async (request) => {
      const { id } = await manageable(query, request.exchange.caller, request.params.id)
      const revoked = await revokeKey(acts, actorOf(request), id)
      if (revoked === undefined) throw unknownKey(id)
      return keyObject(revoked)
    },
  )
  addRotation(server, acts)
}

function addRotation(server: Server, acts: Acts): void {
  server.post(
    '/galerne/v1/keys/:id/rotate',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Replace a key',
        description:
          'Makes a key that may do the same under the same limits and budgets, and lets the old one go on for a while, so that programs can change over.',
        params,
        body: RotateKeyRequest,
        response: { 200: CreatedKeyObject },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const old = await manageable(acts.database.query, exchange.caller, request.params.id)
      if (!mayGrant(exchange.caller, old.role, old.reach === 'organisation' ? undefined : old.workspace)) {
        throw fail('forbidden', { permission: 'owners.write', workspace: old.workspace })
      }
      demandHeld(exchange.caller, old)
      const overlapMs = typeof body.overlap_seconds === 'number' ? body.overlap_seconds * 1000 : dayMs
      const latest = exchange.caller.expiresAt
      const created = await rotateKey(acts, actorOf(request), old.id, { overlapMs, latest })
      if (created === undefined)
        throw fail('invalid_value', { param: 'id', reason: 'this key was revoked or has expired' })
      return { ...keyObject(created.key), secret: created.secret }
    },
  )
}

type Body = Static<typeof CreateKeyRequest>

/** Who may make keys for others makes one for nobody, unless the body says for whom; others make their own. */
function readWanted(body: Body, caller: Caller, now: number): NewKey & { readonly workspace: string } {
  const expiresAt = typeof body.expires_at === 'number' ? body.expires_at * 1000 : undefined
  if (expiresAt !== undefined && expiresAt <= now) {
    throw fail('invalid_value', { param: 'expires_at', reason: 'it lies in the past' })
  }
  const workspace = body.workspace ?? caller.workspace
  const own = may(caller, 'keys.write', workspace) ? undefined : caller.user
  const user = body.user_id ?? (typeof body.service_account_id === 'string' ? undefined : own)
  return {
    name: body.name,
    role: body.role ?? 'member',
    reach: body.reach ?? 'workspace',
    workspace,
    ...(user !== undefined && { user }),
    ...(typeof body.service_account_id === 'string' && { serviceAccount: body.service_account_id }),
    ...(Array.isArray(body.models) && { models: body.models }),
    ...(Array.isArray(body.endpoints) && { endpoints: body.endpoints }),
    ...(Array.isArray(body.ip_ranges) && { ipRanges: body.ip_ranges }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(typeof body.secret === 'string' && { given: body.secret }),
  }
}
