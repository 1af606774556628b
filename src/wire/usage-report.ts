// Usage on the wire, under our own path: sums for dashboards, single calls, what a workspace keeps. Money is exact: integer nano-units and text.
import { type Static, Type } from 'typebox'
import { nullable, optional } from './fields.ts'
import { flag, ListQuery, listSchema, repeated } from './paging.ts'
import { timeText } from './times.ts'

const name = Type.String({ minLength: 1, maxLength: 512 })
const groups = ['workspace', 'key', 'model', 'provider', 'operation', 'class', 'member'] as const
const callClass = Type.Enum(['interactive', 'batch'])
const shadows = Type.Optional({
  ...flag,
  description: 'Whether the copies that aliases send to shadows count; they do. No limit or budget counts them.',
})

/** `GET /galerne/v1/usage`. */
export const UsageQuery = Type.Object(
  {
    from: Type.Optional(timeText),
    to: Type.Optional(timeText),
    width: Type.Optional(Type.Enum(['minute', 'hour', 'day', 'total'], { description: 'Length of a span; day.' })),
    group_by: repeated(Type.Enum([...groups])),
    workspace: repeated(name),
    key: repeated(name),
    model: repeated(name),
    member: repeated(name),
    class: Type.Optional(callClass),
    shadows,
    format: Type.Optional(Type.Enum(['json', 'csv'])),
    ...ListQuery.properties,
  },
  { additionalProperties: false },
)

/** A query as read. */
export type UsageQuery = Static<typeof UsageQuery>

const money = {
  currency: Type.Enum(['USD', 'EUR']),
  cost_nano: Type.Integer({ description: 'Nano-units: 10⁻⁹ of the currency.' }),
  cost: Type.String({ description: 'The same in whole units, as a decimal.' }),
}

const tokens = {
  prompt_tokens: Type.Integer(),
  cached_tokens: Type.Integer({ description: 'Of the prompt.' }),
  completion_tokens: Type.Integer(),
  reasoning_tokens: Type.Integer({ description: 'Of the completion.' }),
}

/** One span and group. */
export const UsageObject = Type.Object({
  start: nullable(Type.String({ description: 'Where the span begins; null for `total`.' })),
  ...Object.fromEntries(groups.map((group) => [group, Type.Optional(nullable(Type.String()))])),
  requests: Type.Integer(),
  errors: Type.Integer(),
  estimated: Type.Integer({ description: 'Requests whose counts are what was reserved or seen.' }),
  ...tokens,
  ...money,
  average_queue_ms: nullable(Type.Integer()),
  average_first_token_ms: nullable(Type.Integer()),
  average_duration_ms: nullable(Type.Integer()),
})

/** The answer. */
export const UsageReport = Type.Object({
  object: Type.Literal('usage.report'),
  from: Type.String(),
  to: Type.String(),
  width: Type.String(),
  data: Type.Array(UsageObject),
  has_more: Type.Optional(Type.Boolean({ description: 'Of pages alone.' })),
  last_id: Type.Optional(nullable(Type.String())),
})

/** `GET /galerne/v1/usage/calls`. */
export const CallsQuery = Type.Object(
  {
    from: Type.Optional(timeText),
    to: Type.Optional(timeText),
    workspace: repeated(name),
    key: repeated(name),
    model: repeated(name),
    class: Type.Optional(callClass),
    request: Type.Optional(name),
    batch: Type.Optional(name),
    failed: Type.Optional(flag),
    shadows,
    ...ListQuery.properties,
  },
  { additionalProperties: false },
)

/** A query as read. */
export type CallsQuery = Static<typeof CallsQuery>

/** `GET /galerne/v1/usage/own-calls`. */
export const OwnCallsQuery = Type.Omit(CallsQuery, ['workspace', 'key'], { additionalProperties: false })

/** One call of a model. */
export const CallObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('usage.call'),
  request_id: Type.String(),
  at: Type.String(),
  workspace: Type.String(),
  key: Type.String(),
  member: nullable(Type.String()),
  end_user: nullable(Type.String()),
  operation: Type.Enum(['chat', 'complete', 'embed', 'rank']),
  class: callClass,
  model: Type.String(),
  provider: Type.String(),
  digest: nullable(Type.String({ description: 'sha256 of the weights.' })),
  ran_on: nullable(Type.String()),
  ...tokens,
  ...money,
  price: nullable(Type.String({ description: 'Id of the price row that it was charged by.' })),
  queue_ms: nullable(Type.Integer()),
  first_token_ms: nullable(Type.Integer()),
  duration_ms: Type.Integer(),
  status: Type.String({ description: '`ok`, `abandoned`, or the code of the error that ended it.' }),
  finish_reason: nullable(Type.String()),
  estimated: Type.Boolean(),
})

/** Calls, the newest first. */
export const CallList = listSchema(CallObject)

/** One call with what was said, where its workspace keeps that. */
export const CallDetail = Type.Object({
  ...CallObject.properties,
  content: nullable(Type.Object({ input: Type.Unknown(), output: Type.Unknown() })),
})

const days = optional(Type.Integer({ minimum: 1, maximum: 36_500, description: 'Null: for ever.' }))

const presets = Type.Array(Type.Enum(['email', 'card', 'iban', 'key']), {
  maxItems: 4,
  description: 'Rules that are ready made: addresses, card numbers, bank accounts, keys of common services.',
})
const patterns = Type.Array(
  Type.Object(
    {
      name: Type.String({ pattern: '^[A-Za-z0-9_-]{1,40}$', description: 'What takes its place: [redacted:name].' }),
      pattern: Type.String({ minLength: 1, maxLength: 500, description: 'RE2, without look-around.' }),
    },
    { additionalProperties: false },
  ),
  { maxItems: 20 },
)

/** What a workspace keeps of its calls. */
export const UsageSettingsBody = Type.Object(
  {
    keep_content: Type.Optional(Type.Boolean()),
    content_by_request: Type.Optional(
      Type.Boolean({ description: 'Whether a request may ask for it by the header galerne-trace-content: on.' }),
    ),
    row_days: days,
    content_days: days,
    trace_days: days,
    redaction: Type.Optional(
      Type.Object(
        { presets: Type.Optional(presets), patterns: Type.Optional(patterns) },
        { additionalProperties: false, description: 'What is blacked out of content before it is stored.' },
      ),
    ),
  },
  { additionalProperties: false },
)

/** The same as it stands. */
export const UsageSettingsObject = Type.Object({
  object: Type.Literal('usage.settings'),
  workspace: Type.String(),
  keep_content: Type.Boolean(),
  content_by_request: Type.Boolean(),
  row_days: nullable(Type.Integer()),
  content_days: nullable(Type.Integer()),
  trace_days: nullable(Type.Integer()),
  redaction: Type.Object({ presets, patterns }),
})

/** Which estimates are ended. */
export const ReconcileRequest = Type.Object(
  {
    release: Type.Optional(
      Type.Boolean({ description: 'Charge nothing for estimates older than an hour whose cost nobody knows.' }),
    ),
  },
  { additionalProperties: false },
)

/** What became of the estimates. */
export const ReconcileReport = Type.Object({
  object: Type.Literal('usage.reconciled'),
  reconciled: Type.Integer({ description: 'Their true cost took the place of the estimate.' }),
  released: Type.Integer({ description: 'Charged with nothing now.' }),
  left: Type.Integer({ description: 'Still charged as reserved.' }),
})
