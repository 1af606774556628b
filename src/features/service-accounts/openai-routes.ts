// OpenAI's /v1/organization/projects/{p}/service_accounts: programs, each with a key of its own. Knows no table.

import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import {
  deletedObject,
  memberRoleName,
  readMemberRole,
  ServiceAccountCreate,
  ServiceAccountCreated,
  ServiceAccountDeleted,
  ServiceAccountKey,
  ServiceAccountKeyCreate,
  ServiceAccountObject,
  ServiceAccountUpdate,
} from '../../wire/organization.ts'
import { listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { createKey } from '../keys/create.ts'
import { heldAsMaker } from '../keys/held.ts'
import { workspaceById } from '../workspaces/store.ts'
import {
  changeServiceAccount,
  createServiceAccount,
  deleteServiceAccount,
  listServiceAccounts,
  type ServiceAccount,
  serviceAccountById,
} from './accounts.ts'

const tags = ['organization']
const path = '/v1/organization/projects/:workspace/service_accounts'
const params = Type.Object({ workspace: Type.String({ maxLength: 200, description: 'Id of the project.' }) })
const oneParams = Type.Object({ ...params.properties, service_account_id: Type.String({ maxLength: 200 }) })
const reading = { permission: 'keys.read' } as const
const writing = { permission: 'keys.write' } as const

/** Adds the six routes. */
export function registerServiceAccounts(server: Server, { acts }: { readonly acts: Acts }): void {
  const { query } = acts.database
  server.get(
    path,
    {
      config: reading,
      schema: {
        tags,
        summary: 'List the service accounts of a project',
        params,
        querystring: Type.Object(pagingFields),
        response: { 200: listSchema(ServiceAccountObject) },
      },
    },
    async ({ params: { workspace }, query: asked }) => {
      const accounts = await listServiceAccounts(query, workspace)
      return pageOf(accounts.map(accountObject), readPaging(asked, { usual: 20, most: 100 }))
    },
  )
  server.post(
    path,
    {
      config: writing,
      schema: {
        tags,
        summary: 'Make a service account, with a key unless it says otherwise',
        params,
        body: ServiceAccountCreate,
        response: { 200: ServiceAccountCreated },
      },
    },
    async (request) => {
      const { name, create_service_account_only: bare, expires_in_seconds: life } = request.body
      const { id: workspace } = await workspaceById(query, request.params.workspace)
      const account = await createServiceAccount(acts, actorOf(request), { workspace, name, role: 'member' })
      const api_key = bare === true ? null : await makeKey(acts, request, account, { name: 'Secret Key', life })
      return { ...accountObject(account), api_key }
    },
  )
  registerOne(server, acts)
}

function registerOne(server: Server, acts: Acts): void {
  const { query } = acts.database
  const one = ({ workspace, service_account_id }: Static<typeof oneParams>) =>
    serviceAccountById(query, workspace, service_account_id)
  server.get(
    `${path}/:service_account_id`,
    {
      config: reading,
      schema: { tags, summary: 'One service account', params: oneParams, response: { 200: ServiceAccountObject } },
    },
    async (request) => accountObject(await one(request.params)),
  )
  server.post(
    `${path}/:service_account_id`,
    {
      config: writing,
      schema: {
        tags,
        summary: 'Change the name or role of a service account',
        params: oneParams,
        body: ServiceAccountUpdate,
        response: { 200: ServiceAccountObject },
      },
    },
    async (request) => {
      const { name, role } = request.body
      const changes = {
        ...(typeof name === 'string' && { name }),
        ...(typeof role === 'string' && { role: readMemberRole(role) }),
      }
      return accountObject(await changeServiceAccount(acts, actorOf(request), await one(request.params), changes))
    },
  )
  server.delete(
    `${path}/:service_account_id`,
    {
      config: writing,
      schema: {
        tags,
        summary: 'Delete a service account and revoke its keys',
        params: oneParams,
        response: { 200: ServiceAccountDeleted },
      },
    },
    async (request) => {
      const account = await one(request.params)
      await deleteServiceAccount(acts, actorOf(request), account)
      return deletedObject('organization.project.service_account.deleted', account.id)
    },
  )
  server.post(
    `${path}/:service_account_id/api_keys`,
    {
      config: writing,
      schema: {
        tags,
        summary: 'Make another key for a service account',
        params: oneParams,
        body: ServiceAccountKeyCreate,
        response: { 200: ServiceAccountKey },
      },
    },
    async (request) => {
      const { name, expires_in_seconds: life } = request.body
      return makeKey(acts, request, await one(request.params), { name: name ?? 'Secret Key', life })
    },
  )
}

async function makeKey(
  acts: Acts,
  request: Pick<FastifyRequest, 'exchange' | 'ip'>,
  { id, workspace, role }: ServiceAccount,
  { name, life }: { readonly name: string; readonly life: number | null | undefined },
): Promise<Static<typeof ServiceAccountKey>> {
  const asked = {
    ...{ name, role, workspace, serviceAccount: id },
    ...(typeof life === 'number' && { expiresAt: acts.clock.now() + life * 1000 }),
  }
  const { caller } = request.exchange
  const wanted = await heldAsMaker(acts.database.query, caller, asked, 'expires_in_seconds')
  const { key, secret } = await createKey(acts, actorOf(request), wanted)
  return {
    ...{ id: key.id, object: 'organization.project.service_account.api_key', name, value: secret },
    ...{ created_at: seconds(key.createdAt), expires_at: secondsOrNull(key.expiresAt) },
  }
}

function accountObject({ id, name, role, createdAt }: ServiceAccount): Static<typeof ServiceAccountObject> {
  const object = 'organization.project.service_account' as const
  return { id, object, name, role: memberRoleName(role), created_at: seconds(createdAt) }
}
