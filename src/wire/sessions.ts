// Signing in to the console, on the wire, under our own path. Knows no table.

import { Type } from 'typebox'
import { nullable, optional, timestamp } from './fields.ts'
import { roles } from './permissions.ts'

const email = Type.String({ minLength: 3, maxLength: 320 })
const password = Type.String({ minLength: 1, maxLength: 1024 })

/** `GET /galerne/v1/sign-in`: how one may sign in here. */
export const SignInWays = Type.Object({
  password: Type.Boolean(),
  oidc: nullable(Type.Object({ start: Type.String({ description: 'The address to go to.' }), issuer: Type.String() })),
})

/** `POST /galerne/v1/session`. */
export const SignIn = Type.Object({ email, password }, { additionalProperties: false })

/** `POST /galerne/v1/session/key`. */
export const KeySignIn = Type.Object(
  { key: Type.String({ minLength: 1, maxLength: 512, pattern: '^[!-~]+$' }) },
  { additionalProperties: false },
)

/** Who is signed in, and what the page needs to act for them. */
export const SessionObject = Type.Object({
  object: Type.Literal('session'),
  user: nullable(
    Type.Object({
      id: Type.String(),
      email: Type.String(),
      name: Type.String(),
      role: Type.Enum([...roles]),
      has_password: Type.Boolean(),
    }),
    { description: 'Null where a key is signed in and no person.' },
  ),
  workspace: Type.String({
    description: 'The workspace of this request: the header galerne-workspace chooses another.',
  }),
  workspaces: Type.Array(
    Type.Object({ id: Type.String(), name: Type.String(), permissions: Type.Array(Type.String()) }),
    { description: 'Every workspace that one may see, with what one may do there.' },
  ),
  csrf_token: Type.String({ description: 'To send as galerne-csrf with every POST, PUT, PATCH and DELETE.' }),
  expires_at: nullable(timestamp),
})

/** What a sign-in answers; the cookie comes beside it. */
export const SignedInObject = Type.Object({ object: Type.Literal('session'), expires_at: timestamp })

/** `PUT /galerne/v1/session/password`. */
export const PasswordChange = Type.Object({ current: optional(password), password }, { additionalProperties: false })

/** `POST /galerne/v1/invitations/open`. */
export const InvitationOpen = Type.Object(
  { secret: Type.String({ minLength: 1, maxLength: 200 }) },
  { additionalProperties: false },
)
export const InvitationObject = Type.Object({
  object: Type.Literal('invitation'),
  email: Type.String(),
  role: Type.Enum([...roles]),
  workspaces: Type.Array(Type.Object({ id: Type.String(), role: Type.Enum([...roles]) })),
  expires_at: timestamp,
})

/** `POST /galerne/v1/invitations/accept`. */
export const InvitationAccept = Type.Object(
  {
    secret: Type.String({ minLength: 1, maxLength: 200 }),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    password,
  },
  { additionalProperties: false },
)
