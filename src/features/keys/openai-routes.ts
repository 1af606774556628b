// OpenAI's /v1/organization/projects/{p}/api_keys and /admin_api_keys: a project's keys, and those that administer the organisation.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'
import type { KeyCard } from '../../wire/keys.ts'
import {
  AdminKey,
  AdminKeyCreate,
  AdminKeyCreated,
  AdminKeyDeleted,
  deletedObject,
  ProjectKey,
  ProjectKeyDeleted,
  ProjectKeyUpdate,
  redacted,
} from '../../wire/organization.ts'
import { listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { demandOwner, unknownKey } from './access.ts'
import { createKey, defaultWorkspace, revokeKey, setKeyExpiry } from './create.ts'
import { demandEnd, heldAsMaker } from './held.ts'
import { type KeyHolders, keyById, keyHolders, listKeys } from './store.ts'

const tags = ['organization']
const pages = { usual: 20, most: 100 }
const lifeParam = 'expires_in_seconds'
const projectParams = Type.Object({ workspace: Type.String({ maxLength: 200, description: 'Id of the project.' }) })
const keyParams = Type.Object({ key_id: Type.String({ maxLength: 200 }) })
const projectKeyParams = Type.Object({ ...projectParams.properties, ...keyParams.properties })

/** Adds all routes. */
export function registerOpenaiKeys(server: Server, { acts }: { readonly acts: Acts }): void {
  registerProjectKeys(server, acts)
  registerAdminKeys(server, acts)
}

function registerProjectKeys(server: Server, acts: Acts): void {
  const { query } = acts.database
  const path = '/v1/organization/projects/:workspace/api_keys'
  const one = async ({ workspace, key_id }: Static<typeof projectKeyParams>): Promise<KeyCard> => {
    const key = await keyById(query, key_id)
    if (key === undefined || key.workspace !== workspace || key.reach !== 'workspace') throw unknownKey(key_id)
    return key
  }
  server.get(
    path,
    {
      config: { permission: 'keys.read' },
      schema: {
        tags,
        summary: 'List the keys of a project',
        params: projectParams,
        querystring: Type.Object({
          ...pagingFields,
          owner_project_access: Type.Optional(Type.Enum(['active', 'inactive', 'any'])),
        }),
        response: { 200: listSchema(ProjectKey) },
      },
    },
    async ({ params: { workspace }, query: asked, exchange: { clock } }) => {
      const holders = await keyHolders(query)
      const keys = await listKeys(query, { workspaces: [workspace], reach: 'workspace' })
      const shown = keys.filter(isCurrent(clock.now())).map((key) => projectKey(key, holders))
      const access = asked.owner_project_access ?? 'any'
      const wanted = shown.filter((key) => access === 'any' || key.owner_project_access === access)
      return pageOf(wanted, readPaging(asked, pages))
    },
  )
  server.get(
    `${path}/:key_id`,
    {
      config: { permission: 'keys.read' },
      schema: { tags, summary: 'One key of a project', params: projectKeyParams, response: { 200: ProjectKey } },
    },
    async ({ params }) => projectKey(await one(params), await keyHolders(query)),
  )
  server.post(
    `${path}/:key_id`,
    {
      config: { permission: 'keys.write' },
      schema: {
        tags,
        summary: 'Set when a key of a project expires',
        params: projectKeyParams,
        body: ProjectKeyUpdate,
        response: { 200: ProjectKey },
      },
    },
    async (request) => {
      const key = await one(request.params)
      const life = request.body.expires_in_seconds
      if (typeof life !== 'number') return projectKey(key, await keyHolders(query))
      const expiresAt = acts.clock.now() + life * 1000
      demandEnd(request.exchange.caller, expiresAt, lifeParam)
      if (key.revokedAt !== null || !isCurrent(acts.clock.now())(key)) {
        throw fail('invalid_value', { param: 'key_id', reason: 'this key was revoked or has expired' })
      }
      const changed = await setKeyExpiry(acts, actorOf(request), key, expiresAt)
      return projectKey(changed, await keyHolders(query))
    },
  )
  server.delete(
    `${path}/:key_id`,
    {
      config: { permission: 'keys.write' },
      schema: {
        tags,
        summary: 'Revoke a key of a project',
        params: projectKeyParams,
        response: { 200: ProjectKeyDeleted },
      },
    },
    async (request) => {
      const { id } = await one(request.params)
      await revokeKey(acts, actorOf(request), id)
      return deletedObject('organization.project.api_key.deleted', id)
    },
  )
}

function registerAdminKeys(server: Server, acts: Acts): void {
  const { query } = acts.database
  const path = '/v1/organization/admin_api_keys'
  const one = async (id: string): Promise<KeyCard> => {
    const key = await keyById(query, id)
    if (key === undefined || key.reach !== 'organisation') throw unknownKey(id)
    return key
  }
  server.get(
    path,
    {
      config: { permission: 'users.read' },
      schema: {
        tags,
        summary: 'List the keys that count in the whole organisation',
        querystring: Type.Object({ ...pagingFields, order: Type.Optional(Type.Enum(['asc', 'desc'])) }),
        response: { 200: listSchema(AdminKey) },
      },
    },
    async ({ query: asked, exchange: { clock } }) => {
      const keys = (await listKeys(query, { reach: 'organisation' })).filter(isCurrent(clock.now()))
      const ordered = asked.order === 'desc' ? keys : keys.toReversed()
      const holders = await keyHolders(query)
      return pageOf(
        ordered.map((key) => adminKey(key, holders)),
        readPaging(asked, pages),
      )
    },
  )
  server.post(
    path,
    {
      config: { permission: 'users.write' },
      schema: { tags, summary: 'Make an admin key', body: AdminKeyCreate, response: { 200: AdminKeyCreated } },
    },
    async (request) => {
      const { name, expires_in_seconds: life } = request.body
      const asked = {
        ...({ name, role: 'admin', reach: 'organisation', workspace: defaultWorkspace } as const),
        ...(typeof life === 'number' && { expiresAt: acts.clock.now() + life * 1000 }),
      }
      const wanted = await heldAsMaker(query, request.exchange.caller, asked, lifeParam)
      const { key, secret } = await createKey(acts, actorOf(request), wanted)
      return { ...adminKey(key, await keyHolders(query)), value: secret }
    },
  )
  server.get(
    `${path}/:key_id`,
    {
      config: { permission: 'users.read' },
      schema: { tags, summary: 'One admin key', params: keyParams, response: { 200: AdminKey } },
    },
    async ({ params }) => adminKey(await one(params.key_id), await keyHolders(query)),
  )
  server.delete(
    `${path}/:key_id`,
    {
      config: { permission: 'users.write' },
      schema: { tags, summary: 'Revoke an admin key', params: keyParams, response: { 200: AdminKeyDeleted } },
    },
    async (request) => {
      const key = await one(request.params.key_id)
      demandOwner(request.exchange.caller, key)
      await revokeKey(acts, actorOf(request), key.id)
      return deletedObject('organization.admin_api_key.deleted', key.id)
    },
  )
}

function isCurrent(now: number) {
  return ({ expiresAt }: KeyCard): boolean => expiresAt === null || expiresAt > now
}

function projectKey(key: KeyCard, holders: KeyHolders): Static<typeof ProjectKey> {
  return {
    ...{ id: key.id, object: 'organization.project.api_key', name: key.name, redacted_value: redacted(key.hint) },
    ...{ created_at: seconds(key.createdAt), last_used_at: secondsOrNull(key.lastUsedAt) },
    expires_at: secondsOrNull(key.expiresAt),
    ...ownerOf(key, holders),
  }
}

function ownerOf(key: KeyCard, holders: KeyHolders): Pick<Static<typeof ProjectKey>, 'owner' | 'owner_project_access'> {
  if (key.user !== null) {
    const person = holders.people.get(key.user)
    const { id = key.user, email = '', name = '', role = '', created_at = 0 } = person ?? {}
    const user = { id, email, name, role, created_at: seconds(created_at) }
    const active = person !== undefined && person.disabled_at === null
    return { owner: { type: 'user', user }, owner_project_access: active ? 'active' : 'inactive' }
  }
  // A key that is nobody's stands for itself.
  const account = key.serviceAccount === null ? undefined : holders.accounts.get(key.serviceAccount)
  const { id = key.serviceAccount ?? key.id, name = key.name, role = key.role } = account ?? {}
  const created = seconds(account?.created_at ?? key.createdAt)
  const active = key.serviceAccount === null || (account !== undefined && account.deleted_at === null)
  return {
    owner: { type: 'service_account', service_account: { id, name, role, created_at: created } },
    owner_project_access: active ? 'active' : 'inactive',
  }
}

function adminKey(key: KeyCard, holders: KeyHolders): Static<typeof AdminKey> {
  const person = key.user === null ? undefined : holders.people.get(key.user)
  return {
    ...{ id: key.id, object: 'organization.admin_api_key', name: key.name, redacted_value: redacted(key.hint) },
    ...{ created_at: seconds(key.createdAt), last_used_at: secondsOrNull(key.lastUsedAt) },
    expires_at: secondsOrNull(key.expiresAt),
    owner: {
      ...{ id: person?.id ?? key.id, type: person === undefined ? 'service_account' : 'user' },
      ...{
        object: person === undefined ? 'organization.api_key' : 'organization.user',
        name: person?.name ?? key.name,
      },
      ...{ role: key.role, created_at: seconds(person?.created_at ?? key.createdAt) },
    },
  }
}
