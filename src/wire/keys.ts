// API keys on the wire, under our own path. Shows everything of a key but its secret, which only its creation answers.
import { type Static, Type } from 'typebox'
import { nullable, optional, timestamp } from './fields.ts'

const scope = Type.Union([Type.Literal('admin'), Type.Literal('use')], {
  description: '`use` calls models; `admin` also changes the server.',
})

/** `POST /galerne/v1/keys`. */
export const CreateKeyRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'For people, to tell keys apart.' }),
    scope: Type.Optional(scope),
    expires_at: optional(timestamp),
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

/** One key. */
export const KeyObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('key'),
  name: Type.String(),
  workspace: Type.String(),
  scope,
  hint: Type.String({ description: "The secret's last four characters." }),
  created_at: timestamp,
  expires_at: nullable(timestamp),
  revoked_at: nullable(timestamp),
  last_used_at: nullable(timestamp),
})

/** A new key: the only answer that ever holds the secret. */
export const CreatedKeyObject = Type.Object({ ...KeyObject.properties, secret: Type.String() })

/** All keys of the workspace, the newest first. */
export const KeyList = Type.Object({ object: Type.Literal('list'), data: Type.Array(KeyObject) })

/** What `keyObject` reads. Times are milliseconds since 1970. */
export interface KeyFacts {
  readonly id: string
  readonly name: string
  readonly workspace: string
  readonly scope: 'admin' | 'use'
  readonly hint: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** A key as the API shows it. */
export function keyObject(key: KeyFacts): Static<typeof KeyObject> {
  return {
    id: key.id,
    object: 'key',
    name: key.name,
    workspace: key.workspace,
    scope: key.scope,
    hint: key.hint,
    created_at: seconds(key.createdAt),
    expires_at: key.expiresAt === null ? null : seconds(key.expiresAt),
    revoked_at: key.revokedAt === null ? null : seconds(key.revokedAt),
    last_used_at: key.lastUsedAt === null ? null : seconds(key.lastUsedAt),
  }
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)
