// Mistral's administration on the wire, /v1/admin/*: people, invitations, workspaces, roles, keys. Knows how both sides name roles, no table.

import { type Static, Type } from 'typebox'
import { fail } from '../base/errors.ts'
import { emailField, nullable, optional } from './fields.ts'
import type { Role } from './permissions.ts'

const id = Type.String({ maxLength: 200 })
const moment = Type.String({ description: 'ISO 8601.' })
const name = Type.String({ minLength: 1, maxLength: 255 })

/** A role as a request gives it: by name, or by Mistral's letter. */
const givenRole = {
  role_name: optional(Type.String({ maxLength: 40 })),
  role_names: optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 10 })),
  role: optional(Type.String({ maxLength: 40, description: 'A admin, B billing, M member, or one of our names.' })),
  roles: optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 10 })),
}

const memberWorkspace = Type.Object({
  uuid: id,
  name: Type.String(),
  is_default: Type.Boolean(),
  raw_role: Type.String(),
  raw_roles: Type.Array(Type.String()),
  role_name: Type.String({ description: 'Our name of the role.' }),
})

/** A person of the organisation. */
export const AdminUser = Type.Object({
  uuid: id,
  oid_id: nullable(Type.String()),
  name: nullable(Type.String()),
  first_name: nullable(Type.String()),
  last_name: nullable(Type.String()),
  email: nullable(Type.String()),
  raw_role: Type.String(),
  raw_roles: Type.Array(Type.String()),
  role_name: Type.String({ description: 'Our name of the role.' }),
  workspaces: Type.Array(memberWorkspace),
  subscriptions: Type.Array(Type.Object({})),
  created_at: moment,
})
const adminInvite = Type.Object({
  uuid: id,
  email: Type.String(),
  raw_role: Type.String(),
  raw_roles: Type.Array(Type.String()),
  expired: Type.Boolean(),
  created_at: moment,
  workspace_uuids: Type.Array(id),
})
export const AdminUsers = Type.Object({
  members: Type.Array(AdminUser),
  invites: Type.Array(adminInvite),
  total: Type.Integer(),
  page: Type.Integer(),
  page_size: Type.Integer(),
})
export const AdminUsersCreate = Type.Array(
  Type.Object({ ...givenRole, email: emailField, first_name: name, last_name: name }),
  {
    minItems: 1,
    maxItems: 200,
  },
)
export const AdminUsersCreated = Type.Object({
  invalid_emails: Type.Array(Type.String()),
  email_to_user_id: Type.Record(Type.String(), Type.String()),
})
export const AdminUserUpdate = Type.Object(givenRole)
export const AdminInviteCreate = Type.Object({
  ...givenRole,
  email: emailField,
  workspace_uuids: optional(Type.Array(id, { maxItems: 200 })),
})
export const AdminInviteCreated = Type.Object({
  invalid_emails: Type.Array(Type.String()),
  already_members: Type.Array(Type.String()),
  invited_members_count: Type.Integer(),
  invite_uuid: nullable(id),
  secret: nullable(Type.String({ description: 'To hand on to the person: /invitation/<secret>. Shown once.' })),
  mailed: Type.Boolean({ description: 'Whether the link was mailed to them.' }),
})
export const AdminInvites = Type.Array(
  Type.Object({ invite_uuid: id, email: Type.String(), role: Type.String(), roles: Type.Array(Type.String()) }),
)
export const AdminMessage = Type.Object({ message: Type.String() })
const roleOut = Type.Object({
  name: Type.String(),
  uuid: id,
  description: Type.String(),
  is_custom_role: Type.Boolean(),
})
export const AdminRoles = Type.Object({ workspace_roles: Type.Array(roleOut), organization_roles: Type.Array(roleOut) })

const spendLimit = Type.Object({
  value: nullable(Type.Number()),
  currency: nullable(Type.String()),
  no_monthly_limit: nullable(Type.Boolean()),
})
/** A workspace. */
export const AdminWorkspace = Type.Object({
  uuid: id,
  name: Type.String(),
  description: nullable(Type.String()),
  icon: nullable(Type.String()),
  members_count: Type.Integer(),
  spend_limit: nullable(spendLimit),
  is_default: Type.Boolean(),
})
/** A workspace that was just made, with the role in it of who made it. */
export const AdminWorkspaceMade = Type.Object({
  ...AdminWorkspace.properties,
  raw_role: Type.String(),
  raw_roles: Type.Array(Type.String()),
})
export const AdminWorkspaces = Type.Object({
  object: Type.Literal('list'),
  items: Type.Array(AdminWorkspace),
  total: Type.Integer(),
  page: Type.Integer(),
  page_size: Type.Integer(),
})
export const AdminWorkspaceCreate = Type.Object({
  name,
  description: Type.Optional(Type.String({ maxLength: 255 })),
  icon: Type.Optional(Type.String({ maxLength: 16 })),
  add_all_org_members: Type.Optional(Type.Boolean()),
  admin_user_id: optional(id),
})
export const AdminWorkspaceUpdate = Type.Object({
  name: optional(name),
  description: optional(Type.String({ maxLength: 255 })),
  icon: optional(Type.String({ maxLength: 16 })),
})
export const AdminMembers = Type.Object({
  members: Type.Array(Type.Object({ ...givenRole, user_uuid: id }), { maxItems: 200 }),
})
export const AdminMembersRemove = Type.Object({
  members: Type.Array(Type.Object({ user_uuid: id }), { maxItems: 200 }),
})

const action = nullable(
  Type.Object({ status: Type.Enum(['available', 'unavailable']), reason: Type.Optional(nullable(Type.String())) }),
)
/** A key. `key` is in clear only where it was just made. */
export const AdminApiKey = Type.Object({
  key_id: id,
  key: nullable(Type.String()),
  name: nullable(Type.String()),
  hidden_key: Type.String(),
  created_at: moment,
  expiration_date: nullable(Type.String()),
  actions: Type.Object({ rotate: action, delete: action }),
  workspace_id: nullable(id),
  workspace_name: nullable(Type.String()),
  created_by: nullable(Type.String()),
  product: nullable(Type.String()),
  last_used: nullable(Type.String()),
  can_delete: Type.Boolean(),
})
export const AdminApiKeys = Type.Object({ keys: Type.Array(AdminApiKey) })
export const AdminApiKeyCreate = Type.Object({
  name: optional(Type.String({ maxLength: 255 })),
  expiration: optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'The last day, in UTC.' })),
  workspace_uuid: id,
  user_id: optional(id),
})
export const AdminApiKeyDeleted = Type.Object({ detail: Type.String() })

/** ISO 8601 of milliseconds since 1970. */
export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** The day of milliseconds since 1970, in UTC. */
export const day = (milliseconds: number | null): string | null =>
  milliseconds === null ? null : iso(milliseconds).slice(0, 10)

/** Mistral's letter for a role. */
export function roleLetter(role: Role): string {
  if (role === 'owner' || role === 'admin') return 'A'
  return role === 'billing' ? 'B' : 'M'
}

interface GivenRole {
  readonly role_name?: string | null | undefined
  readonly role_names?: readonly string[] | null | undefined
  readonly role?: string | null | undefined
  readonly roles?: readonly string[] | null | undefined
}

const personRoles: Readonly<Record<string, Exclude<Role, 'viewer'>>> = {
  ...{ A: 'admin', organization_admin: 'admin', admin: 'admin', owner: 'owner' },
  ...{ B: 'billing', billing_manager: 'billing', billing: 'billing', M: 'member', member: 'member' },
}

const memberRoles: Readonly<Record<string, Exclude<Role, 'owner'>>> = {
  ...{ A: 'admin', workspace_admin: 'admin', admin: 'admin', B: 'billing', billing: 'billing' },
  ...{
    M: 'member',
    member: 'member',
    user: 'member',
    dev: 'member',
    contributor: 'member',
    workspace_contributor: 'member',
  },
  ...{ dev_contributor: 'member', observability_viewer: 'viewer', viewer: 'viewer' },
}

/** The role in the organisation that a request gives; `member` where it gives none. Throws `invalid_value`. */
export const readGivenPersonRole = (given: GivenRole) => readGiven(given, personRoles)

/** The role in a workspace that a request gives; `member` where it gives none. Throws `invalid_value`. */
export const readGivenMemberRole = (given: GivenRole) => readGiven(given, memberRoles)

function readGiven<Known extends Role>(given: GivenRole, known: Readonly<Record<string, Known>>): Known | 'member' {
  const words = [given.role_name, given.role, ...(given.role_names ?? []), ...(given.roles ?? [])]
  const wanted = new Set(words.filter((word) => typeof word === 'string').map((word) => known[word] ?? null))
  const [role = 'member', ...more] = wanted
  if (role !== null && more.length === 0) return role
  const reason = role === null ? `it must be one of ${Object.keys(known).join(', ')}` : 'a person has one role here'
  throw fail('invalid_value', { param: given.role_name || given.role_names ? 'role_name' : 'role', reason })
}

/** What `adminWorkspace` reads. */
export interface AdminWorkspaceFacts {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly members: number
}

/** A workspace as Mistral shows it. */
export function adminWorkspace(workspace: AdminWorkspaceFacts): Static<typeof AdminWorkspace> {
  const { id: uuid, name: called, description, members } = workspace
  return {
    ...{ uuid, name: called, description, icon: null, members_count: members, spend_limit: null },
    is_default: uuid === 'default',
  }
}
