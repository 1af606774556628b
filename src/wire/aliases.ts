// Aliases of models, their canaries and shadows, their history, and what was measured of weights, on the wire under our own path.
import { type Static, Type } from 'typebox'
import { nullable, optional, timestamp } from './fields.ts'
import { listSchema } from './paging.ts'

const modelName = Type.String({
  minLength: 1,
  maxLength: 512,
  description: 'A model that is served, or one version of it: name@sha256:….',
})
const percent = Type.Number({ minimum: 0, maximum: 100, description: 'Of the calls.' })
const sha256 = Type.String({ pattern: '^(sha256:)?[0-9a-f]{64}$' })
const positive = (description: string) => Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, description })
const rate = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const stickiness = ['key', 'session', 'user', 'random'] as const

const closed = { additionalProperties: false } as const

/** When a canary is rolled back by itself. */
const WantedRollback = Type.Object(
  {
    error_rate: Type.Optional(rate('Part of its calls that may fail by its own fault; 0.05 without it.')),
    minimum_calls: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Calls before its figures count; 20 without it.' }),
    ),
    window_seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86_400, description: 'Calls older than this do not count; 300 without it.' }),
    ),
    first_token_ratio: optional(
      Type.Number({
        minimum: 1,
        maximum: 1000,
        description: "How many times the target's its first-token p95 may be; null or absent: not looked at.",
      }),
    ),
  },
  closed,
)

/** What must have been measured of a canary's weights. */
const WantedGate = Type.Object(
  {
    max_perplexity: optional(positive('The most that its perplexity may be.')),
    max_perplexity_ratio: optional(positive("The most that it may be, in times the target's on the same text.")),
    min_accuracy: optional(rate('The least that its accuracy on a task set must be.')),
  },
  closed,
)

const WantedCanary = Type.Object(
  {
    target: modelName,
    percent,
    sticky: Type.Optional(
      Type.Enum(stickiness, {
        description:
          '`key`: a key stays with one version; `session` and `user`: so does a conversation or an end user, where the client names one; `random`: every call is drawn anew. `key` without it.',
      }),
    ),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'The same seed gives the same draws.' }),
    ),
    rollback: Type.Optional(WantedRollback),
    gate: optional(WantedGate),
    webhook: optional(
      Type.String({ maxLength: 2000, pattern: '^https?://', description: 'A roll-back is posted there, signed.' }),
    ),
  },
  closed,
)

const WantedShadow = Type.Object({ target: modelName, percent: Type.Optional(percent) }, closed)

/** `PUT /galerne/v1/aliases/{name}`. */
export const SetAliasRequest = Type.Object(
  {
    target: modelName,
    canary: optional(WantedCanary),
    shadow: optional(WantedShadow),
    reason: optional(Type.String({ maxLength: 1000, description: 'For the history.' })),
    revision: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Changes it only while it has this revision; 0: only where there is none.',
      }),
    ),
  },
  closed,
)

/** The body as read. */
export type SetAliasRequest = Static<typeof SetAliasRequest>

/** `POST /galerne/v1/aliases/{name}/rollback`. */
export const RollbackRequest = Type.Object(
  {
    to: optional(
      Type.String({ maxLength: 100, description: 'Id of a change: as it was after it. Absent: before the last.' }),
    ),
    reason: optional(Type.String({ maxLength: 1000 })),
  },
  closed,
)

const CanaryObject = Type.Object({
  target: Type.String(),
  percent: Type.Number(),
  sticky: Type.Enum(stickiness),
  seed: Type.Integer(),
  rollback: Type.Object({
    error_rate: Type.Number(),
    minimum_calls: Type.Integer(),
    window_seconds: Type.Integer(),
    first_token_ratio: nullable(Type.Number()),
  }),
  gate: nullable(
    Type.Object({
      max_perplexity: nullable(Type.Number()),
      max_perplexity_ratio: nullable(Type.Number()),
      min_accuracy: nullable(Type.Number()),
    }),
  ),
  webhook: nullable(Type.String()),
  webhook_secret: Type.Optional(
    Type.String({
      description: "Signs the webhook's messages (Standard Webhooks). Only in the answer that made it.",
    }),
  ),
})

const state = {
  target: Type.String(),
  canary: nullable(CanaryObject),
  shadow: nullable(Type.Object({ target: Type.String(), percent: Type.Number() })),
}

/** An alias. */
export const AliasObject = Type.Object({
  object: Type.Literal('alias'),
  name: Type.String(),
  ...state,
  digest: nullable(Type.String(), { description: 'Of what its target leads to now, sha256:….' }),
  canary_digest: nullable(Type.String()),
  revision: Type.Integer({ description: 'One higher with each change.' }),
  updated_at: timestamp,
})

/** An alias. */
export type AliasShown = Static<typeof AliasObject>

/** The aliases that were set, by name. */
export const AliasList = listSchema(AliasObject)

/** One change of an alias. */
export const AliasChangeObject = Type.Object({
  object: Type.Literal('alias.change'),
  id: Type.String(),
  alias: Type.String(),
  at: timestamp,
  actor: Type.Object({ kind: Type.Enum(['key', 'session', 'system']), id: Type.String() }),
  action: Type.Enum(['set', 'removed', 'rolled-back']),
  reason: nullable(Type.String()),
  before: nullable(Type.Object(state)),
  after: nullable(Type.Object(state)),
})

/** One change of an alias. */
export type AliasChangeShown = Static<typeof AliasChangeObject>

/** The changes of an alias, the newest first. */
export const AliasHistory = listSchema(AliasChangeObject)

/** `POST /galerne/v1/model-quality`. */
export const AddQualityRequest = Type.Object(
  {
    model: Type.Optional(modelName),
    digest: Type.Optional(sha256),
    perplexity: optional(positive('On the text.')),
    accuracy: optional(rate('On a task set.')),
    text_sha256: optional(sha256),
    note: optional(Type.String({ maxLength: 1000, description: 'Where the figures are from.' })),
  },
  { ...closed, description: 'Of the weights with that digest, or of those that a model has.' },
)

/** One measurement of weights. */
export const QualityObject = Type.Object({
  object: Type.Literal('model.quality'),
  id: Type.String(),
  digest: Type.String(),
  perplexity: nullable(Type.Number()),
  accuracy: nullable(Type.Number()),
  text_sha256: nullable(Type.String()),
  note: nullable(Type.String()),
  at: timestamp,
})

/** One measurement of weights. */
export type QualityShown = Static<typeof QualityObject>

/** What was measured, the newest first. */
export const QualityList = listSchema(QualityObject)
