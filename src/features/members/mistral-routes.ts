// Mistral's /v1/admin/users, /users-invite and /roles: the organisation's people. Knows the wire and the verbs, no table.
import { type Static, Type } from 'typebox'
import { Failure } from '../../base/errors.ts'
import {
  AdminInviteCreate,
  AdminInviteCreated,
  AdminInvites,
  AdminMessage,
  AdminRoles,
  AdminUser,
  AdminUsers,
  AdminUsersCreate,
  AdminUsersCreated,
  AdminUserUpdate,
  iso,
  readGivenPersonRole,
  roleLetter,
} from '../../wire/admin.ts'
import type { Server } from '../../wire/exchange.ts'
import { pagingFields, readPaging } from '../../wire/paging.ts'
import { permissionsOf, type Role, roles } from '../../wire/permissions.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { addPerson, setPersonRole } from './change.ts'
import { createInvite, deleteInvite, listInvites } from './invite.ts'
import type { InviteRoutes } from './invite-routes.ts'
import { type MemberRoutes, mustGrantPerson } from './openai-routes.ts'
import { listMemberships, listPeople, type Membership, type Person, personById } from './store.ts'

const tags = ['admin']
const params = Type.Object({ user_id: Type.String({ maxLength: 200 }) })

/** Adds all routes. */
export function registerAdminUsers(server: Server, parts: MemberRoutes & InviteRoutes): void {
  const { acts } = parts
  registerUsers(server, acts)
  registerUser(server, parts)
  registerUsersInvite(server, parts)
  server.get(
    '/v1/admin/roles',
    {
      config: { permission: 'members.read' },
      schema: { tags, summary: 'List the roles', response: { 200: AdminRoles } },
    },
    async () => ({
      organization_roles: roles.filter((role) => role !== 'viewer').map(roleOut),
      workspace_roles: roles.filter((role) => role !== 'owner').map(roleOut),
    }),
  )
}

function registerUsers(server: Server, acts: Acts): void {
  const { query } = acts.database
  server.get(
    '/v1/admin/users',
    {
      config: { permission: 'users.read' },
      schema: {
        tags,
        summary: 'List the people of the organisation, and the open invitations',
        querystring: Type.Object({ ...pagingFields, email: Type.Optional(Type.String({ maxLength: 320 })) }),
        response: { 200: AdminUsers },
      },
    },
    async ({ query: asked, exchange: { clock } }) => {
      const people = await listPeople(query, asked.email === undefined ? {} : { search: asked.email })
      const memberships = await listMemberships(query)
      const { limit, offset } = readPaging(asked, { usual: 100, most: 1000 })
      const page = people.slice(offset, offset + limit).map((person) => userObject(person, memberships))
      const open = (await listInvites(query)).filter(({ acceptedAt }) => acceptedAt === null)
      const invites = open.map((invite) => ({
        ...{ uuid: invite.id, email: invite.email, ...rawRoles(invite.role), created_at: iso(invite.createdAt) },
        ...{ expired: invite.expiresAt <= clock.now(), workspace_uuids: invite.workspaces.map(({ id }) => id) },
      }))
      return { members: page, invites, total: people.length, page: Math.floor(offset / limit), page_size: limit }
    },
  )
  server.post(
    '/v1/admin/users',
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Add people',
        description: 'They sign in by OIDC; for a password, invite them.',
        body: AdminUsersCreate,
        response: { 200: AdminUsersCreated },
      },
    },
    async (request) => {
      const wanted = request.body.map((person) => ({ ...person, role: readGivenPersonRole(person) }))
      mustGrantPerson(request.exchange.caller, ...wanted.map(({ role }) => role))
      const [email_to_user_id, invalid_emails]: [Record<string, string>, string[]] = [{}, []]
      for (const { email, first_name, last_name, role } of wanted) {
        const name = `${first_name} ${last_name}`
        const person = await addPerson(acts, actorOf(request), { email, name, role }).catch(onTaken)
        if (person === undefined) invalid_emails.push(email)
        else email_to_user_id[email] = person.id
      }
      return { email_to_user_id, invalid_emails }
    },
  )
}

/** Somebody who is here already is told of, not an error for the others. */
function onTaken(error: unknown): undefined {
  if (error instanceof Failure && error.param === 'email') return undefined
  throw error
}

function registerUser(server: Server, { acts, forget }: MemberRoutes): void {
  const { query } = acts.database
  const path = '/v1/admin/users/:user_id'
  const show = async (person: Person) => userObject(person, await listMemberships(query, { user: person.id }))
  server.get(
    path,
    {
      config: { permission: 'users.read' },
      schema: { tags, summary: 'One person', params, response: { 200: AdminUser } },
    },
    async (request) => show(await personById(query, request.params.user_id)),
  )
  server.patch(
    path,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Give a role in the organisation',
        params,
        body: AdminUserUpdate,
        response: { 200: AdminUser },
      },
    },
    async (request) => {
      const before = await personById(query, request.params.user_id)
      const role = readGivenPersonRole(request.body)
      mustGrantPerson(request.exchange.caller, role, before.role)
      return show(await setPersonRole(acts, actorOf(request), before.id, role))
    },
  )
  server.delete(
    path,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Remove a person and all that is known of them',
        params,
        response: { 200: AdminMessage },
      },
    },
    async (request) => {
      const { id, role } = await personById(query, request.params.user_id)
      mustGrantPerson(request.exchange.caller, role)
      await forget(actorOf(request), id)
      return { message: 'The user was removed.' }
    },
  )
}

function registerUsersInvite(server: Server, { acts, mail }: InviteRoutes): void {
  const { query } = acts.database
  const path = '/v1/admin/users-invite'
  server.get(
    path,
    {
      config: { permission: 'users.read' },
      schema: { tags, summary: 'List the open invitations', response: { 200: AdminInvites } },
    },
    async () =>
      (await listInvites(query))
        .filter(({ acceptedAt }) => acceptedAt === null)
        .map(({ id, email, role }) => ({
          ...{ invite_uuid: id, email, role: roleLetter(role), roles: [roleLetter(role)] },
        })),
  )
  server.post(
    path,
    {
      config: { permission: 'users.write' },
      schema: { tags, summary: 'Invite a person', body: AdminInviteCreate, response: { 200: AdminInviteCreated } },
    },
    async (request) => {
      const { email, workspace_uuids } = request.body
      const role = readGivenPersonRole(request.body)
      mustGrantPerson(request.exchange.caller, role)
      const workspaces = (workspace_uuids ?? []).map((id) => ({ id, role: 'member' as const }))
      const made = await createInvite(acts, actorOf(request), { email, role, workspaces }).catch(onTaken)
      const mailed = made !== undefined && ((await mail?.(made.invite, made.secret)) ?? false)
      return {
        mailed,
        ...{ invalid_emails: [], already_members: made === undefined ? [email] : [] },
        ...{ invited_members_count: made === undefined ? 0 : 1 },
        ...{ invite_uuid: made?.invite.id ?? null, secret: made?.secret ?? null },
      }
    },
  )
  server.delete(
    `${path}/:invite_id`,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Take an invitation back',
        params: Type.Object({ invite_id: Type.String({ maxLength: 200 }) }),
        response: { 200: AdminMessage },
      },
    },
    async (request) => {
      await deleteInvite(acts, actorOf(request), request.params.invite_id)
      return { message: 'The invitation was taken back.' }
    },
  )
}

function userObject(person: Person, memberships: readonly Membership[]): Static<typeof AdminUser> {
  const [first, ...rest] = person.name.split(' ')
  const own = memberships.filter(({ user }) => user === person.id)
  return {
    ...{ uuid: person.id, oid_id: null, name: person.name, email: person.email, ...rawRoles(person.role) },
    ...{ first_name: first ?? null, last_name: rest.join(' ') || null, role_name: person.role },
    workspaces: own.map(({ workspace, workspaceName, role }) => ({
      ...{ uuid: workspace, name: workspaceName, is_default: workspace === 'default' },
      ...{ ...rawRoles(role), role_name: role },
    })),
    ...{ subscriptions: [], created_at: iso(person.createdAt) },
  }
}

function rawRoles(role: Role): { raw_role: string; raw_roles: string[] } {
  return { raw_role: roleLetter(role), raw_roles: [roleLetter(role)] }
}

function roleOut(role: Role) {
  const description = `May: ${[...permissionsOf[role]].join(', ')}.`
  return { name: role, uuid: role, description, is_custom_role: false }
}
