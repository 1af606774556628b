// Mistral's /v1/admin/workspaces: our workspaces and who is in them. Knows the wire and the verbs, no table.
import { Type } from 'typebox'
import {
  AdminMembers,
  AdminMembersRemove,
  AdminWorkspace,
  AdminWorkspaceCreate,
  AdminWorkspaceMade,
  AdminWorkspaces,
  AdminWorkspaceUpdate,
  adminWorkspace,
  readGivenMemberRole,
  roleLetter,
} from '../../wire/admin.ts'
import { nameIgnoredFields } from '../../wire/deliver.ts'
import type { Server } from '../../wire/exchange.ts'
import { flag, isTrue, pagingFields, readPaging } from '../../wire/paging.ts'
import { may } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { removeMember, setMember } from '../members/change.ts'
import { archiveWorkspace, createWorkspace, renameWorkspace } from './change.ts'
import { listWorkspaces } from './store.ts'

const tags = ['admin']
const path = '/v1/admin/workspaces'
const params = Type.Object({ workspace: Type.String({ maxLength: 200 }) })

/** Adds the seven routes. */
export function registerAdminWorkspaces(server: Server, { acts }: { readonly acts: Acts }): void {
  const { query } = acts.database
  server.get(
    path,
    {
      config: { permission: 'workspaces.read' },
      schema: {
        tags,
        summary: 'List the workspaces that one may see',
        querystring: Type.Object({
          ...pagingFields,
          is_archived: Type.Optional(flag),
          search: Type.Optional(Type.String({ maxLength: 200 })),
        }),
        response: { 200: AdminWorkspaces },
      },
    },
    async ({ query: asked, exchange: { caller } }) => {
      const archived = isTrue(asked.is_archived)
      const all = await listWorkspaces(query, { archived, ...(asked.search !== undefined && { search: asked.search }) })
      const seen = all.filter(
        ({ id, archivedAt }) => may(caller, 'workspaces.read', id) && (archivedAt !== null) === archived,
      )
      const { limit, offset } = readPaging(asked, { usual: 100, most: 1000 })
      const items = seen.slice(offset, offset + limit).map(adminWorkspace)
      return { object: 'list' as const, items, total: seen.length, page: Math.floor(offset / limit), page_size: limit }
    },
  )
  server.post(
    path,
    {
      config: { permission: 'workspaces.create' },
      schema: { tags, summary: 'Make a workspace', body: AdminWorkspaceCreate, response: { 200: AdminWorkspaceMade } },
    },
    async (request, reply) => {
      const { name, description, admin_user_id: asked, icon, add_all_org_members: everybody } = request.body
      const admin = asked ?? request.exchange.caller.user
      const text = { name, ...(description !== undefined && description !== '' && { description }) }
      nameIgnoredFields(reply, [...(icon ? ['icon'] : []), ...(everybody === true ? ['add_all_org_members'] : [])])
      const made = await createWorkspace(acts, actorOf(request), { ...text, ...(admin !== undefined && { admin }) })
      const raw_role = roleLetter('admin')
      return { ...adminWorkspace(made), raw_role, raw_roles: [raw_role] }
    },
  )
  server.patch(
    `${path}/:workspace`,
    {
      config: { permission: 'workspaces.write' },
      schema: {
        tags,
        summary: 'Rename a workspace',
        params,
        body: AdminWorkspaceUpdate,
        response: { 200: AdminWorkspace },
      },
    },
    async (request, reply) => {
      const { name, description, icon } = request.body
      const text = { ...(typeof name === 'string' && { name }), ...(description !== undefined && { description }) }
      nameIgnoredFields(reply, icon ? ['icon'] : [])
      return adminWorkspace(await renameWorkspace(acts, actorOf(request), request.params.workspace, text))
    },
  )
  server.delete(
    `${path}/:workspace`,
    {
      config: { permission: 'workspaces.create' },
      schema: { tags, summary: 'Archive a workspace', params, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await archiveWorkspace(acts, actorOf(request), request.params.workspace)
      return reply.code(204).send(null)
    },
  )
  registerWorkspaceMembers(server, acts)
}

function registerWorkspaceMembers(server: Server, acts: Acts): void {
  const config = { permission: 'members.write' } as const
  const added = Type.Object({ added_members_count: Type.Integer() })
  const changed = Type.Object({ ...added.properties, updated_members_count: Type.Integer() })
  const removed = Type.Object({ deleted_members_count: Type.Integer(), not_deleted_members: Type.Array(Type.String()) })
  const give = async (
    request: Parameters<typeof actorOf>[0],
    workspace: string,
    body: Type.Static<typeof AdminMembers>,
  ) => {
    // All roles are read before any is given.
    const wanted = body.members.map((member) => ({
      workspace,
      user: member.user_uuid,
      role: readGivenMemberRole(member),
    }))
    const counts = { added: 0, updated: 0, unchanged: 0 }
    for (const member of wanted) counts[await setMember(acts, actorOf(request), member)]++
    return counts
  }
  server.post(
    `${path}/:workspace/add-users`,
    {
      config,
      schema: { tags, summary: 'Add people to a workspace', params, body: AdminMembers, response: { 200: added } },
    },
    async (request) => {
      const counts = await give(request, request.params.workspace, request.body)
      return { added_members_count: counts.added }
    },
  )
  server.patch(
    `${path}/:workspace/users`,
    {
      config,
      schema: {
        tags,
        summary: 'Add people to a workspace or change their roles',
        params,
        body: AdminMembers,
        response: { 200: changed },
      },
    },
    async (request) => {
      const counts = await give(request, request.params.workspace, request.body)
      return { added_members_count: counts.added, updated_members_count: counts.updated }
    },
  )
  server.delete(
    `${path}/:workspace/remove-users`,
    {
      config,
      schema: {
        tags,
        summary: 'Remove people from a workspace, and revoke their keys there',
        params,
        body: AdminMembersRemove,
        response: { 200: removed },
      },
    },
    async (request) => {
      const { workspace } = request.params
      const missing: string[] = []
      for (const { user_uuid: user } of request.body.members) {
        if (!(await removeMember(acts, actorOf(request), workspace, user))) missing.push(user)
      }
      const deleted_members_count = request.body.members.length - missing.length
      return { deleted_members_count, not_deleted_members: missing }
    },
  )
}
