// Who am I: /v1/whoami and /v1/users/me, and with the key alone its limits, spend and last errors. Knows no limit and no price.
import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Database } from '../../database/connect.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { UserIdentity, UserOrganizations, UserWorkspaces, Whoami } from '../../wire/identity.ts'
import type { KeyCard } from '../../wire/keys.ts'
import { may, permissionsOf } from '../../wire/permissions.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import { keyById } from '../keys/store.ts'
import { personById } from '../members/store.ts'
import { listWorkspaces, organisation, workspaceById } from '../workspaces/store.ts'
import type { OwnFigures } from './figures.ts'

const config = { permission: 'self.read' } as const
const tags = ['identity']
const digits = Type.Optional(Type.String({ pattern: '^\\d{1,9}$' }))

/** Adds the four routes. */
export function registerWhoami(
  server: Server,
  { database, figures }: { readonly database: Database; readonly figures: OwnFigures },
): void {
  const { query } = database
  server.get(
    '/v1/whoami',
    {
      config,
      schema: {
        tags,
        summary: 'Who the key belongs to, what it may do, and what is left of it',
        response: { 200: Whoami },
      },
    },
    async ({ exchange: { caller } }) => {
      const { principal, key, workspace, owner } = await identify(caller, database)
      const [limits, spend, last_errors] = await Promise.all([
        figures.limits(caller),
        figures.spend(caller),
        figures.lastErrors(caller),
      ])
      return {
        ...{ principal, organization: { ...owner, org_tier: null, internal: false, kind: 'S' }, workspace },
        api_key: key === undefined ? null : usedKey(key),
        permissions: [...permissionsOf.owner].filter((permission) => may(caller, permission, caller.workspace)),
        ...{ limits, spend, last_errors },
      }
    },
  )
  server.get(
    '/v1/users/me',
    { config, schema: { tags, summary: 'Who the key belongs to', response: { 200: UserIdentity } } },
    async ({ exchange: { caller } }) => {
      const { principal, key, workspace, owner } = await identify(caller, database)
      const person =
        principal.principal_type === 'user'
          ? {
              id: principal.id,
              email: principal.email,
              first_name: principal.first_name,
              last_name: principal.last_name,
            }
          : { id: principal.service_account_id, email: null, first_name: principal.name, last_name: null }
      const api_key = key === undefined ? null : { id: key.id, name: key.name }
      return { ...person, workspace, organization: owner, api_key }
    },
  )
  server.get(
    '/v1/users/me/organizations',
    {
      config,
      schema: {
        tags,
        summary: 'The organisation',
        querystring: Type.Object({ offset: digits, limit: digits }),
        response: { 200: UserOrganizations },
      },
    },
    async ({ query: asked }) => {
      const { id, name } = await organisation(query)
      return { organizations: page([{ id, name }], asked) }
    },
  )
  server.get(
    '/v1/users/me/workspaces',
    {
      config,
      schema: {
        tags,
        summary: 'The workspaces that the key or its holder may see',
        querystring: Type.Object({ offset: digits, limit: digits, organization_id: Type.Optional(Type.String()) }),
        response: { 200: UserWorkspaces },
      },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const { id: organization_id } = await organisation(query)
      const elsewhere = asked.organization_id !== undefined && asked.organization_id !== organization_id
      const seen = (await listWorkspaces(query)).filter(({ id }) => !elsewhere && may(caller, 'workspaces.read', id))
      return {
        workspaces: page(
          seen.map(({ id, name }) => ({ id, name, organization_id })),
          asked,
        ),
      }
    },
  )
}

/** Mistral's clients ask for the next page until one is empty. */
function page<Item>(items: readonly Item[], asked: { readonly offset?: string; readonly limit?: string }): Item[] {
  const offset = Number(asked.offset ?? 0)
  return items.slice(offset, offset + Number(asked.limit ?? 100))
}

interface Identified {
  readonly principal: Static<typeof Whoami>['principal']
  readonly key: KeyCard | undefined
  readonly workspace: { id: string; name: string }
  readonly owner: { id: string; name: string }
}

async function identify(caller: Caller, { query }: Database): Promise<Identified> {
  const { id, name } = await organisation(query)
  const place = await workspaceById(query, caller.workspace)
  const key = caller.kind === 'key' ? await keyById(query, caller.id) : undefined
  const shared = { key, workspace: { id: place.id, name: place.name }, owner: { id, name } }
  if (caller.user !== undefined) {
    const person = await personById(query, caller.user)
    const [first = '', ...rest] = person.name.split(' ')
    const names = { first_name: first, last_name: rest.join(' ') || null }
    return { ...shared, principal: { principal_type: 'user', id: person.id, email: person.email, ...names } }
  }
  // A key that is nobody's stands for itself.
  const account = caller.serviceAccount
  const called =
    account === undefined
      ? key?.name
      : (await query.selectFrom('service_accounts').select('name').where('id', '=', account).executeTakeFirst())?.name
  const service_account_id = account ?? caller.id
  return { ...shared, principal: { principal_type: 'service_account', service_account_id, name: called ?? null } }
}

function usedKey(key: KeyCard): Static<typeof Whoami>['api_key'] {
  const copy = (list: readonly string[] | null) => (list === null ? null : [...list])
  return {
    ...{ id: key.id, name: key.name, role: key.role, reach: key.reach, models: copy(key.models) },
    ...{ endpoints: copy(key.endpoints), ip_ranges: copy(key.ipRanges) },
    ...{ created_at: seconds(key.createdAt), expires_at: secondsOrNull(key.expiresAt) },
    last_used_at: secondsOrNull(key.lastUsedAt),
  }
}
