// Mistral's /v1/admin/api-keys: the keys of the workspaces that the caller administers. Knows the wire and the verbs, no table.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import { AdminApiKey, AdminApiKeyCreate, AdminApiKeyDeleted, AdminApiKeys, day, iso } from '../../wire/admin.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import type { KeyCard } from '../../wire/keys.ts'
import { may } from '../../wire/permissions.ts'
import { readTime } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { checkHolder, checkWanted, manageable, mayManage, maySee, unknownKey } from './access.ts'
import { createKey, revokeKey } from './create.ts'
import { heldAsMaker } from './held.ts'
import { listKeys } from './store.ts'

const tags = ['admin']
const path = '/v1/admin/api-keys'
const digits = Type.Optional(Type.String({ pattern: '^\\d{1,9}$' }))
const dayMs = 86_400_000

/** Adds the three routes. */
export function registerAdminKeys(server: Server, { acts }: { readonly acts: Acts }): void {
  const { query } = acts.database
  const names = async () =>
    new Map(
      (await query.selectFrom('workspaces').select(['id', 'name']).execute()).map((workspace) => [
        workspace.id,
        workspace.name,
      ]),
    )
  server.get(
    path,
    {
      config: { permission: 'keys.read' },
      schema: {
        tags,
        summary: 'List the keys',
        querystring: Type.Object({
          limit: digits,
          offset: digits,
          name: Type.Optional(
            Type.String({ maxLength: 255, description: 'A part of the name, or the last four characters.' }),
          ),
        }),
        response: { 200: AdminApiKeys },
      },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const keys = await listKeys(query, asked.name === undefined ? {} : { search: asked.name })
      const seen = keys.filter((key) => maySee(caller, key))
      const offset = Number(asked.offset ?? 0)
      const page = seen.slice(offset, offset + Math.min(Number(asked.limit ?? 100), 1000))
      const workspaces = await names()
      return { keys: page.map((key) => apiKey(caller, key, workspaces)) }
    },
  )
  server.post(
    path,
    {
      config: { permission: 'keys.own' },
      schema: {
        tags,
        summary: 'Make a key',
        description: 'The answer is the only one that ever holds it.',
        body: AdminApiKeyCreate,
        response: { 200: AdminApiKey },
      },
    },
    async (request) => {
      const { body, exchange } = request
      const { caller } = exchange
      const expiresAt =
        typeof body.expiration === 'string' ? endOfDay(body.expiration, exchange.clock.now()) : undefined
      const own = may(caller, 'keys.write', body.workspace_uuid) ? undefined : caller.user
      const user = body.user_id ?? own
      const asked = {
        ...{ name: body.name ?? 'API key', role: 'member' as const, workspace: body.workspace_uuid },
        ...(user !== undefined && { user }),
        ...(expiresAt !== undefined && { expiresAt }),
      }
      const wanted = await heldAsMaker(query, caller, asked, 'expiration')
      checkWanted(caller, wanted)
      await checkHolder(query, wanted)
      const { key, secret } = await createKey(acts, actorOf(request), wanted)
      return { ...apiKey(caller, key, await names()), key: secret }
    },
  )
  server.delete(
    `${path}/:key_id`,
    {
      config: { permission: 'keys.own' },
      schema: {
        tags,
        summary: 'Revoke a key',
        params: Type.Object({ key_id: Type.String({ maxLength: 200 }) }),
        response: { 200: AdminApiKeyDeleted },
      },
    },
    async (request) => {
      const { id } = await manageable(query, request.exchange.caller, request.params.key_id)
      if ((await revokeKey(acts, actorOf(request), id)) === undefined) throw unknownKey(id)
      return { detail: 'The key was revoked.' }
    },
  )
}

/** A key works to the end of its last day. */
function endOfDay(date: string, now: number): number {
  const start = readTime(date, 'expiration')
  if (start + dayMs <= now) throw fail('invalid_value', { param: 'expiration', reason: 'it lies in the past' })
  return start + dayMs
}

function apiKey(caller: Caller, key: KeyCard, workspaces: ReadonlyMap<string, string>): Static<typeof AdminApiKey> {
  const manage = mayManage(caller, key)
  const action = manage ? { status: 'available' as const } : { status: 'unavailable' as const, reason: 'not_allowed' }
  return {
    ...{ key_id: key.id, key: null, name: key.name, hidden_key: `****${key.hint}`, created_at: iso(key.createdAt) },
    // The last day on which it works.
    expiration_date: day(key.expiresAt === null ? null : key.expiresAt - 1),
    ...{ actions: { rotate: action, delete: action }, can_delete: manage, product: 'API' },
    ...{ workspace_id: key.workspace, workspace_name: workspaces.get(key.workspace) ?? null },
    ...{ created_by: key.user, last_used: day(key.lastUsedAt) },
  }
}
