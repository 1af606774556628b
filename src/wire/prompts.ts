// Prompts on the wire as Mistral's clients read and write them (`/v2/prompts`): camelCase, RFC 3339 times.
import { type Static, Type } from 'typebox'
import { optional } from './fields.ts'

const name = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$',
  maxLength: 200,
  description: 'Stable name: letters, digits, dots, dashes, slashes.',
})
const alias = Type.String({ pattern: '^[a-z]([a-z0-9_-]*[a-z0-9])?$', maxLength: 64 })
const title = optional(Type.String({ maxLength: 200 }))
const description = optional(Type.String({ maxLength: 2_000 }))
const notes = optional(Type.String({ maxLength: 2_000, description: 'What this version is about.' }))
const sharing = optional(Type.Enum(['sharing_scope_unspecified', 'private', 'workspace']))
const relation = optional(Type.Enum(['share_relation_unspecified', 'reader', 'writer']))
const aliases = optional(
  Type.Array(alias, { maxItems: 20, description: 'Labels that point to this version from now on.' }),
)

/** What a version says. */
export const PromptDefinition = Type.Object(
  {
    content: Type.String({ minLength: 1, maxLength: 200_000, description: 'A Jinja template.' }),
    variables: optional(
      Type.Array(Type.Object({ name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })) }), {
        maxItems: 100,
      }),
    ),
  },
  { additionalProperties: false },
)

/** `POST /v2/prompts`. */
export const CreatePromptRequest = Type.Object(
  {
    ...{ name, definition: PromptDefinition, title, description, notes, aliases },
    ...{ sharingScope: sharing, workspaceRelation: relation },
  },
  { additionalProperties: false },
)

/** `PATCH /v2/prompts/{id}`. */
export const UpdatePromptRequest = Type.Object(
  { title, description, sharingScope: sharing, workspaceRelation: relation },
  { additionalProperties: false },
)

/** `POST /v2/prompts/{id}/versions`. */
export const CreatePromptVersionRequest = Type.Object(
  { definition: PromptDefinition, notes, aliases },
  { additionalProperties: false },
)

/** `PATCH /v2/prompts/{id}/versions/{version}`: aliases that are named replace those it has. */
export const UpdatePromptVersionRequest = Type.Object(
  { notes, aliases: optional(Type.Object({ values: Type.Optional(Type.Array(alias, { maxItems: 20 })) })) },
  { additionalProperties: false },
)

const date = Type.String({ format: 'date-time' })
const shown = Type.Object({
  content: Type.String(),
  variables: Type.Array(Type.Object({ name: Type.String() })),
})

/** A prompt with one of its versions. */
export const PromptObject = Type.Object({
  id: Type.String(),
  name: Type.String(),
  // What is not set is left out: Mistral's TypeScript client takes no null here.
  title: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  definition: shown,
  version: Type.Integer(),
  latestVersion: Type.Integer(),
  notes: Type.Optional(Type.String()),
  aliases: Type.Array(Type.String(), { description: 'Labels of this version.' }),
  sharingScope: Type.String(),
  createdBy: Type.String(),
  createdAt: date,
  updatedAt: date,
  versionCreatedAt: date,
})

/** One version. */
export const PromptVersionObject = Type.Object({
  version: Type.Integer(),
  definition: shown,
  notes: Type.Optional(Type.String()),
  aliases: Type.Array(Type.String()),
  createdAt: date,
})

/** A page of prompts, each with its latest version. */
export const PromptPage = Type.Object({
  data: Type.Array(PromptObject),
  nextPageToken: Type.Optional(Type.String()),
})

/** Versions, the newest first. */
export const PromptVersionPage = Type.Object({
  data: Type.Array(PromptVersionObject),
  nextPageToken: Type.Optional(Type.String()),
})

/** The answer to a new version: `deduplicated` where the latest says the same already. */
export const CreatedPromptVersion = Type.Object({ version: Type.Integer(), deduplicated: Type.Boolean() })

/** A prompt named in a chat request: its text becomes the system message. OpenAI's Responses API has the same three fields. */
export const PromptReference = Type.Object(
  {
    id: Type.String({
      ...{ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' },
      description: 'Name or id of a prompt of this workspace.',
    }),
    version: optional(
      Type.Union(
        [Type.Integer({ minimum: 1 }), Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000]*$' })],
        {
          description: 'A version or an alias; without it the latest.',
        },
      ),
    ),
    variables: optional(
      Type.Record(Type.String({ maxLength: 100 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    ),
  },
  { additionalProperties: false },
)

/** In our code. */
export type PromptReference = Static<typeof PromptReference>
