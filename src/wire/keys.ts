// API keys on the wire, under our own path. Shows everything of a key but its secret, which only its creation answers.
import { type Static, Type } from 'typebox'
import { givenTime, nullable, optional, timestamp } from './fields.ts'
import { listSchema } from './paging.ts'
import { type Role, roles } from './permissions.ts'
import { seconds } from './times.ts'

const role = Type.Enum([...roles], { description: 'What the key may do; docs/reference/permissions.md has the table.' })
const reach = Type.Enum(['workspace', 'organisation'], {
  description: 'Whether the role counts in its workspace alone or in the whole organisation.',
})
const restriction = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { minItems: 1, maxItems: 200, description })
const models = restriction('Names of the only models that the key may use.')
const endpoints = restriction('The only paths that the key may call: /v1/chat/completions, or /v1/* for all below.')
const ipRanges = restriction('The only addresses and networks (10.0.0.0/8) that the key may be used from.')

/** `POST /galerne/v1/keys`. */
export const CreateKeyRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'For people, to tell keys apart.' }),
    role: Type.Optional(role),
    reach: Type.Optional(reach),
    workspace: optional(Type.String({ description: "The workspace it belongs to; the caller's without it." })),
    user_id: optional(Type.String({ description: 'The person it is for: it never does more than they may.' })),
    service_account_id: optional(Type.String({ description: 'The service account it is for.' })),
    models: optional(models),
    endpoints: optional(endpoints),
    ip_ranges: optional(ipRanges),
    expires_at: optional(givenTime),
    secret: optional(
      Type.String({
        minLength: 32,
        maxLength: 512,
        pattern: '^[!-~]+$',
        description: 'A value of your own. Without it the server makes one of 256 random bits.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** `POST /galerne/v1/keys/{id}/rotate`. */
export const RotateKeyRequest = Type.Object(
  {
    overlap_seconds: optional(
      Type.Integer({ minimum: 0, maximum: 31_536_000, description: 'How long the old key goes on; a day without it.' }),
    ),
  },
  { additionalProperties: false },
)

/** One key. */
export const KeyObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('key'),
  name: Type.String(),
  workspace: Type.String(),
  role,
  reach,
  user_id: nullable(Type.String()),
  service_account_id: nullable(Type.String()),
  models: nullable(models),
  endpoints: nullable(endpoints),
  ip_ranges: nullable(ipRanges),
  hint: Type.String({ description: "The secret's last four characters." }),
  created_at: timestamp,
  expires_at: nullable(timestamp),
  revoked_at: nullable(timestamp),
  last_used_at: nullable(timestamp),
  replaced_by: nullable(Type.String({ description: 'The key that was made to take its place.' })),
  payer: nullable(Type.String(), {
    description:
      'The key whose limits, budgets and spend it counts under: the one that it replaced, or one with limits that made it. Null: its own.',
  }),
})

/** A new key: the only answer that ever holds the secret. */
export const CreatedKeyObject = Type.Object({ ...KeyObject.properties, secret: Type.String() })

/** Keys of the workspace, the newest first. */
export const KeyList = listSchema(KeyObject)

/** What may be shown of a key. Times are milliseconds since 1970. */
export interface KeyCard {
  readonly id: string
  readonly workspace: string
  readonly name: string
  readonly role: Role
  /** Whether the role counts in the key's workspace or in the whole organisation. */
  readonly reach: 'workspace' | 'organisation'
  /** The person or the service account that it was made for. */
  readonly user: string | null
  readonly serviceAccount: string | null
  /** The only models, paths and networks that it may use; null: all. */
  readonly models: readonly string[] | null
  readonly endpoints: readonly string[] | null
  readonly ipRanges: readonly string[] | null
  /** The secret's last four characters. */
  readonly hint: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
  /** The key that was made to take its place. */
  readonly replacedBy: string | null
  /** The key whose limits, budgets and spend it counts under; null: its own. */
  readonly payer: string | null
}

/** A key as the API shows it. */
export function keyObject(key: KeyCard): Static<typeof KeyObject> {
  return {
    id: key.id,
    object: 'key',
    name: key.name,
    workspace: key.workspace,
    role: key.role,
    reach: key.reach,
    user_id: key.user,
    service_account_id: key.serviceAccount,
    models: copy(key.models),
    endpoints: copy(key.endpoints),
    ip_ranges: copy(key.ipRanges),
    hint: key.hint,
    created_at: seconds(key.createdAt),
    expires_at: key.expiresAt === null ? null : seconds(key.expiresAt),
    revoked_at: key.revokedAt === null ? null : seconds(key.revokedAt),
    last_used_at: key.lastUsedAt === null ? null : seconds(key.lastUsedAt),
    replaced_by: key.replacedBy,
    payer: key.payer,
  }
}

const copy = (list: readonly string[] | null) => (list === null ? null : [...list])
