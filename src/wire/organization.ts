// OpenAI's administration on the wire: projects, their people, keys and service accounts, the organisation's people, invitations, admin
// keys. Our workspaces are its projects. Knows how both sides name roles, and no table.

import { type Static, Type } from 'typebox'
import { fail } from '../base/errors.ts'
import { emailField, nullable, optional, timestamp } from './fields.ts'
import type { Role } from './permissions.ts'
import { seconds, secondsOrNull } from './times.ts'

const id = Type.String()
const text = (maxLength = 255) => Type.String({ minLength: 1, maxLength })
const lifetime = optional(
  Type.Integer({ minimum: 1, maximum: 3_153_600_000, description: 'Absent: it does not expire.' }),
)
const deleted = <const Name extends string>(object: Name) =>
  Type.Object({ id, object: Type.Literal(object), deleted: Type.Literal(true) })

/** A project: our workspace. */
export const Project = Type.Object({
  id,
  object: Type.Literal('organization.project'),
  name: Type.String(),
  created_at: timestamp,
  archived_at: nullable(timestamp),
  status: Type.Enum(['active', 'archived']),
})
export const ProjectCreate = Type.Object({ name: text() })
export const ProjectUpdate = Type.Object({ name: optional(text()) })

const roleName = Type.String({
  minLength: 1,
  maxLength: 20,
  description: "Our roles and OpenAI's: `reader` is a member, and a project's `owner` is its admin.",
})

/** A person in a project. */
export const ProjectUser = Type.Object({
  id,
  object: Type.Literal('organization.project.user'),
  email: Type.String(),
  name: Type.String(),
  role: roleName,
  added_at: timestamp,
})
export const ProjectUserCreate = Type.Object({ role: roleName, user_id: optional(text()), email: optional(text(320)) })
export const ProjectUserUpdate = Type.Object({ role: roleName })
export const ProjectUserDeleted = deleted('organization.project.user.deleted')

const owner = Type.Object({
  type: Type.Enum(['user', 'service_account']),
  user: Type.Optional(
    Type.Object({ id, email: Type.String(), name: Type.String(), role: Type.String(), created_at: timestamp }),
  ),
  service_account: Type.Optional(Type.Object({ id, name: Type.String(), role: Type.String(), created_at: timestamp })),
})

/** A key of a project. A key that is nobody's shows itself as its own service account. */
export const ProjectKey = Type.Object({
  id,
  object: Type.Literal('organization.project.api_key'),
  name: Type.String(),
  redacted_value: Type.String(),
  created_at: timestamp,
  last_used_at: nullable(timestamp),
  expires_at: nullable(timestamp),
  owner,
  owner_project_access: Type.Enum(['active', 'inactive']),
})
export const ProjectKeyUpdate = Type.Object({ expires_in_seconds: lifetime })
export const ProjectKeyDeleted = deleted('organization.project.api_key.deleted')

/** A service account. */
export const ServiceAccountObject = Type.Object({
  id,
  object: Type.Literal('organization.project.service_account'),
  name: Type.String(),
  role: roleName,
  created_at: timestamp,
})
const accountKey = Type.Object({
  id,
  object: Type.Literal('organization.project.service_account.api_key'),
  name: Type.String(),
  value: Type.String(),
  created_at: timestamp,
  expires_at: nullable(timestamp),
})
export const ServiceAccountKey = accountKey
export const ServiceAccountKeyCreate = Type.Object({ name: optional(text()), expires_in_seconds: lifetime })
export const ServiceAccountCreated = Type.Object({ ...ServiceAccountObject.properties, api_key: nullable(accountKey) })
export const ServiceAccountCreate = Type.Object({
  name: text(),
  create_service_account_only: optional(Type.Boolean()),
  expires_in_seconds: lifetime,
})
export const ServiceAccountUpdate = Type.Object({ name: optional(text()), role: optional(roleName) })
export const ServiceAccountDeleted = deleted('organization.project.service_account.deleted')

/** A person of the organisation. */
export const OrganizationUser = Type.Object({
  id,
  object: Type.Literal('organization.user'),
  email: Type.String(),
  name: Type.String(),
  role: roleName,
  added_at: timestamp,
  is_service_account: Type.Boolean(),
  api_key_last_used_at: nullable(timestamp),
  projects: Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(Type.Object({ id, name: Type.String(), role: roleName })),
  }),
})
export const OrganizationUserUpdate = Type.Object({ role: roleName })
export const OrganizationUserDeleted = deleted('organization.user.deleted')

const invitedProject = Type.Object({ id: text(), role: roleName })

/** An invitation. */
export const InviteObject = Type.Object({
  id,
  object: Type.Literal('organization.invite'),
  email: Type.String(),
  role: roleName,
  status: Type.Enum(['pending', 'accepted', 'expired']),
  projects: Type.Array(invitedProject),
  created_at: timestamp,
  expires_at: timestamp,
  accepted_at: nullable(timestamp),
})
export const InviteCreated = Type.Object({
  ...InviteObject.properties,
  secret: Type.String({ description: 'To hand on to the person: /invitation/<secret>. Shown once.' }),
  mailed: Type.Boolean({ description: 'Whether the link was mailed to them.' }),
})
export const InviteCreate = Type.Object({
  email: emailField,
  role: roleName,
  projects: optional(Type.Array(invitedProject, { maxItems: 200 })),
})
export const InviteDeleted = deleted('organization.invite.deleted')

/** A key that administers the organisation. */
export const AdminKey = Type.Object({
  id,
  object: Type.Literal('organization.admin_api_key'),
  name: Type.String(),
  redacted_value: Type.String(),
  created_at: timestamp,
  last_used_at: nullable(timestamp),
  expires_at: nullable(timestamp),
  owner: Type.Object({
    id,
    type: Type.String(),
    object: Type.String(),
    name: Type.String(),
    role: Type.String(),
    created_at: timestamp,
  }),
})
export const AdminKeyCreated = Type.Object({ ...AdminKey.properties, value: Type.String() })
export const AdminKeyCreate = Type.Object({ name: text(), expires_in_seconds: lifetime })
export const AdminKeyDeleted = deleted('organization.admin_api_key.deleted')

/** What is left of something that was deleted, as OpenAI answers it. */
export function deletedObject<const Name extends string>(object: Name, gone: string) {
  return { id: gone, object, deleted: true as const }
}

/** A secret of which only the end may be shown. */
export const redacted = (hint: string): string => `gal_…${hint}`

type PersonRole = Exclude<Role, 'viewer'>
type MemberRole = Exclude<Role, 'owner'>

/** The role in the organisation that OpenAI's word means. Throws `invalid_value`. */
export function readPersonRole(word: string, param = 'role'): PersonRole {
  const role = word === 'reader' ? 'member' : word
  if (role === 'owner' || role === 'admin' || role === 'billing' || role === 'member') return role
  throw fail('invalid_value', { param, reason: 'it must be "owner", "admin", "billing", or "reader" (a member)' })
}

/** The role in a workspace that OpenAI's word means. Throws `invalid_value`. */
export function readMemberRole(word: string, param = 'role'): MemberRole {
  const role = word === 'owner' ? 'admin' : word
  if (role === 'admin' || role === 'billing' || role === 'member' || role === 'viewer') return role
  throw fail('invalid_value', { param, reason: 'it must be "owner" (an admin), "billing", "member" or "viewer"' })
}

/** OpenAI's word for a role in the organisation. */
export const personRoleName = (role: PersonRole): string => (role === 'member' ? 'reader' : role)

/** OpenAI's word for a role in a workspace. */
export const memberRoleName = (role: Role): string => (role === 'admin' ? 'owner' : role)

/** What `projectObject` reads. Times are milliseconds since 1970. */
export interface ProjectFacts {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly archivedAt: number | null
}

/** A workspace as OpenAI shows a project. */
export function projectObject({ id, name, createdAt, archivedAt }: ProjectFacts): Static<typeof Project> {
  return {
    ...{ id, object: 'organization.project', name, created_at: seconds(createdAt) },
    ...{ archived_at: secondsOrNull(archivedAt), status: archivedAt === null ? 'active' : 'archived' },
  }
}
