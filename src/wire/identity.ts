// Who somebody is, on the wire: Mistral's /v1/whoami and /v1/users/me with what a key's holder wants to see of it beside. Knows no table.

import { Type } from 'typebox'
import { nullable, timestamp } from './fields.ts'
import { roles } from './permissions.ts'

const named = Type.Object({ id: Type.String(), name: Type.String() })

/** The key that was used. */
const usedKey = Type.Object({
  id: Type.String(),
  name: nullable(Type.String()),
  role: Type.Enum([...roles]),
  reach: Type.Enum(['workspace', 'organisation']),
  models: nullable(Type.Array(Type.String())),
  endpoints: nullable(Type.Array(Type.String())),
  ip_ranges: nullable(Type.Array(Type.String())),
  created_at: timestamp,
  expires_at: nullable(timestamp),
  last_used_at: nullable(timestamp),
})

/** `GET /v1/users/me`. */
export const UserIdentity = Type.Object({
  id: Type.String(),
  email: nullable(Type.String()),
  first_name: nullable(Type.String()),
  last_name: nullable(Type.String()),
  workspace: nullable(named),
  organization: nullable(named),
  api_key: nullable(Type.Object({ id: Type.String(), name: nullable(Type.String()) })),
})

/** `GET /v1/users/me/organizations`. */
export const UserOrganizations = Type.Object({ organizations: Type.Array(named) })

/** `GET /v1/users/me/workspaces`. */
export const UserWorkspaces = Type.Object({
  workspaces: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), organization_id: Type.String() })),
})

const principal = Type.Union([
  Type.Object({
    principal_type: Type.Literal('user'),
    id: Type.String(),
    email: nullable(Type.String()),
    first_name: nullable(Type.String()),
    last_name: nullable(Type.String()),
  }),
  Type.Object({
    principal_type: Type.Literal('service_account'),
    service_account_id: Type.String(),
    name: nullable(Type.String()),
  }),
])

/** `GET /v1/whoami`: Mistral's fields, then ours. */
export const Whoami = Type.Object({
  principal,
  organization: Type.Object({
    ...named.properties,
    org_tier: nullable(Type.String()),
    internal: Type.Boolean(),
    kind: Type.String(),
  }),
  workspace: named,
  api_key: nullable(usedKey),
  permissions: Type.Array(Type.String(), { description: 'What the caller may do in this workspace.' }),
  limits: Type.Object({}, { additionalProperties: true, description: 'The limits that hold for this key.' }),
  spend: Type.Object(
    {},
    { additionalProperties: true, description: 'What was spent, and what is left of the budgets.' },
  ),
  last_errors: Type.Array(Type.Object({}, { additionalProperties: true }), {
    description: "The key's last requests that failed or were refused.",
  }),
})
