// Who may do what: the one table from roles to permissions, and the one question asked of it. Pure; knows no route and no database.

/** The roles, the widest first. Held in one workspace, or in the whole organisation. */
export const roles = ['owner', 'admin', 'billing', 'member', 'viewer'] as const

/** A role. */
export type Role = (typeof roles)[number]

const seeing = ['self.read', 'models.read', 'server.read', 'workspaces.read', 'members.read', 'limits.read'] as const
const paying = [...[...seeing, 'usage.read', 'budgets.write'], ...['spending.read', 'spending.write']] as const
const working = [
  ...[...seeing, 'usage.read', 'models.use', 'keys.own'],
  ...['files.read', 'files.write', 'batches.read', 'batches.write'],
  ...['traces.read', 'traces.write', 'prompts.read', 'prompts.write', 'shares.read', 'shares.write'],
] as const
const leading = [
  ...working,
  ...['keys.read', 'keys.write', 'workspaces.write', 'members.write', 'limits.write', 'budgets.write'],
  ...['workspaces.create', 'users.read', 'users.write', 'audit.read', 'prices.write', 'server.write'],
  ...['spending.read', 'spending.write'],
] as const
const owning = [...leading, 'owners.write'] as const

/** What may be done. `noun.verb`; the verbs are read, write (make, change, remove) and what else a noun knows. */
export type Permission = (typeof owning)[number]

/** Every role's permissions. A new permission is named here once and in the routes that want it. */
export const permissionsOf: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  owner: new Set(owning),
  admin: new Set(leading),
  billing: new Set([...paying, 'prices.write']),
  member: new Set(working),
  viewer: new Set([...seeing, 'usage.read', 'prompts.read', 'traces.read', 'shares.read']),
}

/** Permissions over the whole organisation: a role in one workspace never gives them. */
const organisationWide: ReadonlySet<Permission> = new Set<Permission>([
  ...(['workspaces.create', 'users.read', 'users.write', 'owners.write'] as const),
  ...(['audit.read', 'prices.write', 'server.write', 'spending.read', 'spending.write'] as const),
])

/** A role and where it counts. */
export interface Grant {
  readonly role: Role
  /** Absent: in every workspace, and for the organisation. */
  readonly workspace?: string
}

/** What a caller holds. */
export interface Grants {
  readonly grants: readonly Grant[]
  /** What the person or service account behind a key holds, where there is one: a key may never do more than its holder. */
  readonly holder?: readonly Grant[]
}

/** Whether the caller may do this in that workspace; permissions over the organisation do not look at the workspace. */
export function may(caller: Grants, permission: Permission, workspace: string): boolean {
  // Everybody may ask who they are.
  if (permission === 'self.read') return true
  const reaches = (grant: Grant) =>
    grant.workspace === undefined || (grant.workspace === workspace && !organisationWide.has(permission))
  const given = (grants: readonly Grant[]) =>
    grants.some((grant) => permissionsOf[grant.role].has(permission) && reaches(grant))
  return given(caller.grants) && (caller.holder === undefined || given(caller.holder))
}

/** Whether the caller may give this role, there or (without a workspace) in the organisation: nobody hands out more than they have. */
export function mayGrant(caller: Grants, role: Role, workspace: string | undefined): boolean {
  return [...permissionsOf[role]].every((permission) =>
    workspace === undefined
      ? // No workspace has this name, so only what counts everywhere counts here.
        may(caller, permission, '')
      : organisationWide.has(permission) || may(caller, permission, workspace),
  )
}
