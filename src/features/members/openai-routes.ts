// OpenAI's /v1/organization/users, /invites and /projects/{p}/users: the organisation's people and their roles. Knows no table.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import {
  deletedObject,
  memberRoleName,
  OrganizationUser,
  OrganizationUserDeleted,
  OrganizationUserUpdate,
  ProjectUser,
  ProjectUserCreate,
  ProjectUserDeleted,
  ProjectUserUpdate,
  personRoleName,
  readMemberRole,
  readPersonRole,
} from '../../wire/organization.ts'
import { asList, listSchema, pageOf, pagingFields, readPaging, repeated } from '../../wire/paging.ts'
import { mayGrant, type Role } from '../../wire/permissions.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { type Actor, actorOf } from '../audit/record.ts'
import { removeMember, setMember, setPersonRole } from './change.ts'
import {
  lastKeyUses,
  listMemberships,
  listPeople,
  type Membership,
  type Person,
  personById,
  unknownPerson,
} from './store.ts'

const tags = ['organization']
const pages = { usual: 20, most: 100 }
const personParams = Type.Object({ user_id: Type.String({ maxLength: 200 }) })
const projectParams = Type.Object({ workspace: Type.String({ maxLength: 200, description: 'Id of the project.' }) })
const memberParams = Type.Object({ ...projectParams.properties, ...personParams.properties })

/** What the routes of both vendors work with. */
export interface MemberRoutes {
  readonly acts: Acts
  /** Removes a person, by id, and all that is known of them. */
  forget(actor: Actor, id: string): Promise<unknown>
}

/** Adds all routes. */
export function registerOpenaiMembers(server: Server, parts: MemberRoutes): void {
  registerUsers(server, parts)
  registerProjectUsers(server, parts.acts)
}

function registerUsers(server: Server, { acts, forget }: MemberRoutes): void {
  const { query } = acts.database
  const path = '/v1/organization/users'
  const show = async (people: readonly Person[]) => {
    const memberships = await listMemberships(query)
    const uses = await lastKeyUses(query)
    return people.map((person) => userObject(person, memberships, uses.get(person.id) ?? null))
  }
  server.get(
    path,
    {
      config: { permission: 'users.read' },
      schema: {
        tags,
        summary: 'List the people of the organisation',
        querystring: Type.Object({
          ...pagingFields,
          emails: repeated(Type.String()),
          'emails[]': repeated(Type.String()),
        }),
        response: { 200: listSchema(OrganizationUser) },
      },
    },
    async ({ query: asked }) => {
      const emails = [...asList(asked.emails), ...asList(asked['emails[]'])]
      const people = await listPeople(query, emails.length > 0 ? { emails } : {})
      return pageOf(await show(people), readPaging(asked, pages))
    },
  )
  server.get(
    `${path}/:user_id`,
    {
      config: { permission: 'users.read' },
      schema: { tags, summary: 'One person', params: personParams, response: { 200: OrganizationUser } },
    },
    async ({ params }) => first(await show([await personById(query, params.user_id)])),
  )
  server.post(
    `${path}/:user_id`,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Give a role in the organisation',
        params: personParams,
        body: OrganizationUserUpdate,
        response: { 200: OrganizationUser },
      },
    },
    async (request) => {
      const { params, body, exchange } = request
      const role = readPersonRole(body.role)
      const before = await personById(query, params.user_id)
      mustGrantPerson(exchange.caller, role, before.role)
      return first(await show([await setPersonRole(acts, actorOf(request), params.user_id, role)]))
    },
  )
  server.delete(
    `${path}/:user_id`,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Remove a person and all that is known of them',
        params: personParams,
        response: { 200: OrganizationUserDeleted },
      },
    },
    async (request) => {
      const { params, exchange } = request
      const { role } = await personById(query, params.user_id)
      mustGrantPerson(exchange.caller, role, role)
      await forget(actorOf(request), params.user_id)
      return deletedObject('organization.user.deleted', params.user_id)
    },
  )
}

/** Who gives or takes a role must have it: an admin neither makes an owner nor removes one. */
export function mustGrantPerson(caller: Caller, ...roles: readonly Role[]): void {
  for (const role of roles) {
    if (role !== 'member' && !mayGrant(caller, role, undefined)) throw fail('forbidden', { permission: 'owners.write' })
  }
}

function registerProjectUsers(server: Server, acts: Acts): void {
  const { query } = acts.database
  const path = '/v1/organization/projects/:workspace/users'
  const listed = async (workspace: string) => {
    const people = new Map((await listPeople(query)).map((person) => [person.id, person]))
    return (await listMemberships(query, { workspace })).flatMap((membership) => {
      const person = people.get(membership.user)
      return person === undefined ? [] : [memberObject(person, membership)]
    })
  }
  const one = async (workspace: string, user: string) => {
    const found = (await listed(workspace)).find(({ id }) => id === user)
    if (found === undefined) throw unknownPerson(user)
    return found
  }
  server.get(
    path,
    {
      config: { permission: 'members.read' },
      schema: {
        tags,
        summary: 'List the people of a project',
        params: projectParams,
        querystring: Type.Object(pagingFields),
        response: { 200: listSchema(ProjectUser) },
      },
    },
    async ({ params, query: asked }) => pageOf(await listed(params.workspace), readPaging(asked, pages)),
  )
  server.get(
    `${path}/:user_id`,
    {
      config: { permission: 'members.read' },
      schema: { tags, summary: 'One person of a project', params: memberParams, response: { 200: ProjectUser } },
    },
    async ({ params }) => one(params.workspace, params.user_id),
  )
  server.post(
    path,
    {
      config: { permission: 'members.write' },
      schema: {
        tags,
        summary: 'Add a person to a project',
        params: projectParams,
        body: ProjectUserCreate,
        response: { 200: ProjectUser },
      },
    },
    async (request) => {
      const { params, body } = request
      const user = body.user_id ?? (await findByEmail(acts, body.email ?? undefined))
      await setMember(acts, actorOf(request), { workspace: params.workspace, user, role: readMemberRole(body.role) })
      return one(params.workspace, user)
    },
  )
  server.post(
    `${path}/:user_id`,
    {
      config: { permission: 'members.write' },
      schema: {
        tags,
        summary: 'Give a role in a project',
        params: memberParams,
        body: ProjectUserUpdate,
        response: { 200: ProjectUser },
      },
    },
    async (request) => {
      const { params, body } = request
      await one(params.workspace, params.user_id)
      const role = readMemberRole(body.role)
      await setMember(acts, actorOf(request), { workspace: params.workspace, user: params.user_id, role })
      return one(params.workspace, params.user_id)
    },
  )
  server.delete(
    `${path}/:user_id`,
    {
      config: { permission: 'members.write' },
      schema: {
        tags,
        summary: 'Remove a person from a project, and revoke their keys there',
        params: memberParams,
        response: { 200: ProjectUserDeleted },
      },
    },
    async (request) => {
      const { workspace, user_id } = request.params
      if (!(await removeMember(acts, actorOf(request), workspace, user_id))) throw unknownPerson(user_id)
      return deletedObject('organization.project.user.deleted', user_id)
    },
  )
}

async function findByEmail(acts: Acts, email: string | undefined): Promise<string> {
  if (email === undefined) throw fail('invalid_value', { param: 'user_id', reason: 'give user_id or email' })
  const [person] = await listPeople(acts.database.query, { emails: [email] })
  if (person === undefined) throw fail('not_found', { what: 'user', id: email.slice(0, 100), param: 'email' })
  return person.id
}

function first<Item>([item]: readonly Item[]): Item {
  // One person in, one object out.
  return item as Item
}

function memberObject(person: Person, membership: Membership): Static<typeof ProjectUser> {
  return {
    ...{ id: person.id, object: 'organization.project.user', email: person.email, name: person.name },
    ...{ role: memberRoleName(membership.role), added_at: seconds(membership.createdAt) },
  }
}

function userObject(
  person: Person,
  memberships: readonly Membership[],
  lastUse: number | null,
): Static<typeof OrganizationUser> {
  const own = memberships.filter(({ user }) => user === person.id)
  const data = own.map(({ workspace, workspaceName, role }) => ({
    ...{ id: workspace, name: workspaceName, role: memberRoleName(role) },
  }))
  return {
    ...{ id: person.id, object: 'organization.user', email: person.email, name: person.name },
    ...{ role: personRoleName(person.role), added_at: seconds(person.createdAt), is_service_account: false },
    ...{ api_key_last_used_at: secondsOrNull(lastUse), projects: { object: 'list', data } },
  }
}
