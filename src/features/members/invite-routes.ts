// OpenAI's /v1/organization/invites. The answer to making one holds the secret of its link, once. Knows no table.
import { type Static, Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import {
  deletedObject,
  InviteCreate,
  InviteCreated,
  InviteDeleted,
  InviteObject,
  memberRoleName,
  personRoleName,
  readMemberRole,
  readPersonRole,
} from '../../wire/organization.ts'
import { listSchema, pageOf, pagingFields, readPaging } from '../../wire/paging.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { createInvite, deleteInvite, type Invite, inviteById, listInvites } from './invite.ts'
import type { MailInvite } from './invite-mail.ts'
import { mustGrantPerson } from './openai-routes.ts'

const tags = ['organization']
const path = '/v1/organization/invites'
const params = Type.Object({ invite_id: Type.String({ maxLength: 200 }) })

/** What the routes work with. */
export interface InviteRoutes {
  readonly acts: Acts
  /** Absent: whoever invites hands the link on. */
  readonly mail?: MailInvite
}

/** Adds the four routes. */
export function registerInvites(server: Server, { acts, mail }: InviteRoutes): void {
  const { query } = acts.database
  server.get(
    path,
    {
      config: { permission: 'users.read' },
      schema: {
        tags,
        summary: 'List the invitations',
        querystring: Type.Object(pagingFields),
        response: { 200: listSchema(InviteObject) },
      },
    },
    async ({ query: asked, exchange: { clock } }) => {
      const shown = (await listInvites(query)).map((invite) => inviteObject(invite, clock.now()))
      return pageOf(shown, readPaging(asked, { usual: 20, most: 100 }))
    },
  )
  server.post(
    path,
    {
      config: { permission: 'users.write' },
      schema: {
        tags,
        summary: 'Invite a person',
        description:
          'The link is mailed to them where `smtp-url` and `public-url` are set; else hand it on. A second invitation to one address takes the place of the first.',
        body: InviteCreate,
        response: { 200: InviteCreated },
      },
    },
    async (request) => {
      const { email, role: word, projects } = request.body
      const role = readPersonRole(word)
      mustGrantPerson(request.exchange.caller, role)
      const workspaces = (projects ?? []).map((project, index) => ({
        ...{ id: project.id, role: readMemberRole(project.role, `projects[${index}].role`) },
      }))
      const { invite, secret } = await createInvite(acts, actorOf(request), { email, role, workspaces })
      const mailed = (await mail?.(invite, secret)) ?? false
      return { ...inviteObject(invite, acts.clock.now()), secret, mailed }
    },
  )
  server.get(
    `${path}/:invite_id`,
    {
      config: { permission: 'users.read' },
      schema: { tags, summary: 'One invitation', params, response: { 200: InviteObject } },
    },
    async ({ params: { invite_id }, exchange: { clock } }) =>
      inviteObject(await inviteById(query, invite_id), clock.now()),
  )
  server.delete(
    `${path}/:invite_id`,
    {
      config: { permission: 'users.write' },
      schema: { tags, summary: 'Take an invitation back', params, response: { 200: InviteDeleted } },
    },
    async (request) => {
      await deleteInvite(acts, actorOf(request), request.params.invite_id)
      return deletedObject('organization.invite.deleted', request.params.invite_id)
    },
  )
}

function inviteObject(invite: Invite, now: number): Static<typeof InviteObject> {
  const open = invite.expiresAt > now ? 'pending' : 'expired'
  return {
    ...{ id: invite.id, object: 'organization.invite', email: invite.email, role: personRoleName(invite.role) },
    status: invite.acceptedAt === null ? open : 'accepted',
    projects: invite.workspaces.map(({ id, role }) => ({ id, role: memberRoleName(role) })),
    ...{ created_at: seconds(invite.createdAt), expires_at: seconds(invite.expiresAt) },
    accepted_at: secondsOrNull(invite.acceptedAt),
  }
}
