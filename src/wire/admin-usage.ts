// Mistral's report of a month, GET /v1/admin/usage, on the wire.
import { type Static, Type } from 'typebox'
import { nullable } from './fields.ts'

/** The query. Without month and year: the present month. */
export const MonthQuery = Type.Object(
  {
    month: Type.Optional(Type.String({ pattern: '^(0?[1-9]|1[0-2])$' })),
    year: Type.Optional(Type.String({ pattern: '^20\\d\\d$' })),
    workspace_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    api_zone: Type.Optional(Type.Enum(['global', 'us', 'eu'], { description: 'Everything runs in "global" here.' })),
  },
  { additionalProperties: false },
)

/** Tokens of one model on one day. */
const MonthEntry = Type.Object({
  usage_type: Type.String(),
  event_type: Type.Literal('api_tokens'),
  billing_metric: Type.String({ description: "The model's own name." }),
  billing_display_name: Type.String(),
  billing_group: Type.Enum(['input', 'cached', 'output']),
  timestamp: Type.String({ description: 'The day, YYYY-MM-DD.' }),
  value: Type.Integer(),
  value_paid: Type.Integer(),
})

/** Tokens of one model on one day, as read. */
export type MonthEntry = Static<typeof MonthEntry>

const byModel = Type.Object({ models: Type.Record(Type.String(), Type.Record(Type.String(), Type.Array(MonthEntry))) })

/** The answer. What this server does not do is there and empty. */
export const MonthUsage = Type.Object({
  completion: byModel,
  ocr: byModel,
  connectors: byModel,
  libraries_api: Type.Object({ pages: byModel, tokens: byModel, audio_seconds: byModel }),
  fine_tuning: Type.Object({
    training: Type.Record(Type.String(), Type.Record(Type.String(), Type.Array(MonthEntry))),
    storage: Type.Record(Type.String(), Type.Integer()),
  }),
  audio: byModel,
  audio_characters: byModel,
  chat: byModel,
  vibe_usage: Type.Number(),
  vibe_code: Type.Object({
    completion: byModel,
    ocr: byModel,
    connectors: byModel,
    audio: byModel,
    audio_characters: byModel,
  }),
  date: Type.String(),
  previous_month: Type.String(),
  next_month: nullable(Type.String()),
  start_date: Type.String(),
  end_date: Type.String(),
  currency: Type.String(),
  currency_symbol: Type.String(),
  prices: Type.Array(
    Type.Object({
      event_type: Type.Literal('api_tokens'),
      billing_metric: Type.String(),
      billing_group: Type.Enum(['input', 'cached', 'output']),
      api_zone: Type.Literal('global'),
      service_tier: Type.Literal('standard'),
      price: Type.String({ description: 'Of one token, in whole units of the currency, as a decimal.' }),
    }),
  ),
})
