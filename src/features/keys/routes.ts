// The keys' door for administrators: POST, GET and DELETE under /galerne/v1/keys. Each sees the keys of the asking key's workspace alone.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { CreatedKeyObject, CreateKeyRequest, KeyList, KeyObject, keyObject } from '../../wire/keys.ts'
import { mayGrant, type Role } from '../../wire/permissions.ts'
import { createKey } from './create.ts'
import type { KeyStore } from './store.ts'

const reading = { permission: 'keys.read' } as const
const writing = { permission: 'keys.write' } as const

/** Adds the three routes. */
export function registerKeys(server: Server, { store }: { readonly store: KeyStore }): void {
  server.post(
    '/galerne/v1/keys',
    {
      config: writing,
      schema: {
        tags: ['keys'],
        summary: 'Make a key',
        description: 'The answer is the only one that ever holds the secret.',
        body: CreateKeyRequest,
        response: { 200: CreatedKeyObject },
      },
    },
    async ({ body, exchange }) => {
      const { clock, caller } = exchange
      mustGrant(caller, body.role ?? 'member', body.reach === 'organisation' ? undefined : caller.workspace)
      const expiresAt = typeof body.expires_at === 'number' ? body.expires_at * 1000 : undefined
      if (expiresAt !== undefined && expiresAt <= clock.now()) {
        throw fail('invalid_value', { param: 'expires_at', reason: 'it lies in the past' })
      }
      const { key, secret } = await createKey(store, clock, {
        name: body.name,
        role: body.role ?? 'member',
        reach: body.reach ?? 'workspace',
        workspace: caller.workspace,
        ...(Array.isArray(body.models) && { models: body.models }),
        ...(Array.isArray(body.endpoints) && { endpoints: body.endpoints }),
        ...(Array.isArray(body.ip_ranges) && { ipRanges: body.ip_ranges }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(typeof body.secret === 'string' && { given: body.secret }),
      })
      return { ...keyObject(key), secret }
    },
  )
  server.get(
    '/galerne/v1/keys',
    { config: reading, schema: { tags: ['keys'], summary: 'List the keys', response: { 200: KeyList } } },
    async ({ exchange }) => {
      const keys = await store.list(exchange.caller.workspace)
      return { object: 'list' as const, data: keys.map(keyObject) }
    },
  )
  server.delete(
    '/galerne/v1/keys/:id',
    {
      config: writing,
      schema: {
        tags: ['keys'],
        summary: 'Revoke a key',
        description:
          'It counts from the next request on. The last working key that administers the organisation stays.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: KeyObject },
      },
    },
    async ({ params, exchange }) => {
      const revoked = await store.revoke(exchange.caller.workspace, params.id, exchange.clock.now())
      if (revoked === 'last-admin') {
        const reason = 'it is the last working key that administers the organisation: make another one first'
        throw fail('invalid_value', { param: 'id', reason })
      }
      if (revoked === undefined) throw fail('not_found', { what: 'key', id: params.id.slice(0, 100), param: 'id' })
      return keyObject(revoked)
    },
  )
}

/** Nobody hands out more than they have. */
function mustGrant(caller: Caller, role: Role, workspace: string | undefined): void {
  if (mayGrant(caller, role, workspace)) return
  const reason = `the role "${role}" may do more than the caller`
  throw fail('invalid_value', { param: workspace === undefined ? 'reach' : 'role', reason })
}
