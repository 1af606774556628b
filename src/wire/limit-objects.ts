// Limits, tiers and budgets on the wire: our own shapes, Mistral's /v1/admin and OpenAI's /v1/organization.
import { Type } from 'typebox'
import { emailField, idField, nullable, optional, timestamp } from './fields.ts'
import { listSchema } from './paging.ts'

/** Whose limit or budget it is. */
export const scopeField = Type.Enum(['organisation', 'workspace', 'key'], { description: 'Whose it is.' })

const subject = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[\\x20-\\x7e]+$',
  description: 'Id of the workspace or key.',
})
const model = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^[\\x20-\\x7e]+$',
  description: "A model's own name, or * for all together.",
})
const count = (description: string) =>
  optional(Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991, description }))
const rate = (description: string) => optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000, description }))

/** What can be limited; null takes a limit away, absent leaves it. */
export const limitNumbers = {
  requests_per_second: rate('Requests in one second.'),
  requests_per_minute: rate('Requests in one minute.'),
  tokens_per_minute: rate('Tokens in one minute, of prompts and answers together.'),
  tokens_per_month: count('Tokens in one calendar month (UTC).'),
  parallel_requests: rate('Requests that run or wait at the same time.'),
}

/** `PUT /galerne/v1/limits`. */
export const PutLimit = Type.Object(
  {
    scope: scopeField,
    subject: Type.Optional(subject),
    model: Type.Optional(model),
    ...limitNumbers,
    line_length: rate('Requests that may wait in line per model.'),
    line_weight: optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Share of turns in line, beside others; 1 without it.' }),
    ),
  },
  { additionalProperties: false },
)

const shown = nullable(Type.Integer())

/** Limits that were set. */
export const LimitObject = Type.Object({
  object: Type.Literal('limit'),
  scope: scopeField,
  subject: Type.String(),
  model: Type.String(),
  requests_per_second: shown,
  requests_per_minute: shown,
  tokens_per_minute: shown,
  tokens_per_month: shown,
  parallel_requests: shown,
  line_length: shown,
  line_weight: shown,
})

const tierNumber = Type.Integer({ minimum: 0, maximum: 99, description: '0 is Free.' })

/** What a tier allows. */
export const TierObject = Type.Object(
  {
    tier: tierNumber,
    model: Type.Optional(model),
    spend_above: optional(
      Type.Number({
        minimum: 0,
        maximum: 1_000_000,
        description: 'Spend in all above which one rises to it; null: by hand.',
      }),
    ),
    ...limitNumbers,
  },
  { additionalProperties: false },
)

/** `PUT /galerne/v1/tiers`. */
export const PutTiers = Type.Object(
  { tiers: Type.Array(TierObject, { maxItems: 1000 }) },
  { additionalProperties: false },
)

/** `GET /galerne/v1/tiers`: the lowest first. */
export const TierList = listSchema(Type.Object({ ...TierObject.properties, currency: Type.String() }))

/** `PUT /galerne/v1/tiers/assignments`. */
export const PutAssignment = Type.Object(
  {
    scope: Type.Enum(['organisation', 'workspace']),
    subject: Type.Optional(subject),
    tier: Type.Union([tierNumber, Type.Literal('auto'), Type.Literal('free'), Type.Literal('none')], {
      description: '`auto` follows the spend, from tier 1; `none` takes all limits of tiers away.',
    }),
  },
  { additionalProperties: false },
)

/** Who is in a tier. */
export const AssignmentObject = Type.Object({
  scope: scopeField,
  subject: Type.String(),
  tier: Type.Integer(),
  automatic: Type.Boolean(),
  spent: Type.Number({ description: 'In all.' }),
  currency: Type.String(),
})

/** `GET /galerne/v1/tiers/assignments`. */
export const AssignmentList = listSchema(AssignmentObject)

/** `GET /galerne/v1/limits`. */
export const LimitList = listSchema(LimitObject)

const amount = Type.Number({
  minimum: 0,
  maximum: 9_000_000,
  description: 'In the currency of the server; at most nine digits after the point count.',
})
const period = Type.Enum(['day', 'week', 'month', 'year', 'ever'], {
  description: 'Calendar window; weeks begin on Monday.',
})
const thresholds = Type.Array(Type.Integer({ minimum: 1, maximum: 1000 }), {
  maxItems: 20,
  description: 'Percentages of the amount at which an alert is sent.',
})
const emails = Type.Array(emailField, { maxItems: 20 })

/** `POST /galerne/v1/budgets`, and with all but the first two optional `POST /galerne/v1/budgets/{id}`. */
export const PutBudget = Type.Object(
  {
    scope: scopeField,
    subject: Type.Optional(subject),
    amount,
    period: Type.Optional(period),
    time_zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name; UTC without it.' })),
    hard: Type.Optional(
      Type.Boolean({ description: 'Whether calls that might pass it are refused; true without it.' }),
    ),
    thresholds: Type.Optional(thresholds),
    webhook: optional(Type.String({ pattern: '^https?://\\S+$', maxLength: 2000 })),
    emails: Type.Optional(emails),
  },
  { additionalProperties: false },
)

/** `POST /galerne/v1/budgets/{id}/webhook-secret`. */
export const RotateWebhookSecret = Type.Object(
  {
    overlap_seconds: optional(
      Type.Integer({
        minimum: 0,
        maximum: 31_536_000,
        description: 'How long the old one signs too; a day without it.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** A budget and how it stands. */
export const BudgetObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('budget'),
  scope: scopeField,
  subject: Type.String(),
  keys: nullable(Type.Array(Type.String()), {
    description:
      'Of the budget of a key: those whose calls count, itself and the keys made in its place or under its limits.',
  }),
  amount: Type.Number(),
  currency: Type.String(),
  period,
  time_zone: Type.String(),
  hard: Type.Boolean(),
  thresholds,
  webhook: nullable(Type.String()),
  webhook_secret: Type.Optional(
    Type.String({
      description: "Signs the webhook's messages (Standard Webhooks). Only in the answer that made it.",
    }),
  ),
  emails: Type.Array(Type.String()),
  spent: Type.Number(),
  reserved: Type.Number({ description: 'Held for calls that run.' }),
  opens_at: timestamp,
  closes_at: nullable(timestamp),
  alerts: Type.Array(
    Type.Object({
      threshold: Type.Integer(),
      at: timestamp,
      state: Type.Enum(['waiting', 'sent', 'failed'], { description: '`failed`: it is not tried any more.' }),
      error: nullable(Type.String(), { description: 'Why the last attempt failed.' }),
    }),
    { description: 'Those that were raised in this window.' },
  ),
})

/** `GET /galerne/v1/budgets`: the oldest first. */
export const BudgetList = listSchema(BudgetObject)

/** `GET /v1/admin/rate-limit`, Mistral's RateLimitsOUT. */
export const MistralRateLimits = Type.Object({
  requests_per_second: Type.Integer(),
  tokens_limits_by_model: Type.Record(
    Type.String(),
    Type.Object({ tokens_per_minute: Type.Integer(), tokens_per_month: Type.Integer() }),
  ),
})

/** `POST /v1/admin/spend-limit`, Mistral's NewUsageLimitIN. */
export const NewSpendLimit = Type.Object({
  amount: Type.Integer({ minimum: 0, maximum: 9_000_000 }),
  no_monthly_limit: Type.Optional(Type.Boolean()),
})

/** Mistral's LimitsOUT. */
export const MistralSpendLimits = Type.Object({
  limits: Type.Object({
    completion: Type.Object({
      no_monthly_limit: Type.Boolean(),
      monthly_limit_reached: Type.Boolean(),
      usage: nullable(Type.Number()),
      vibe_usage: nullable(Type.Number()),
      total_usage: nullable(Type.Number()),
      usage_limit: nullable(Type.Number()),
    }),
    last_payment_failure: Type.Boolean(),
    last_payment_failure_protection: nullable(Type.Boolean()),
    currency: Type.String(),
  }),
})

/** OpenAI's limits of a project, per model. */
export const ProjectRateLimit = Type.Object({
  id: Type.String(),
  object: Type.Literal('project.rate_limit'),
  model: Type.String(),
  max_requests_per_1_minute: Type.Integer(),
  max_tokens_per_1_minute: Type.Integer(),
})

/** What of them can be set here. */
export const ProjectRateLimitUpdate = Type.Object({
  max_requests_per_1_minute: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 })),
  max_tokens_per_1_minute: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 })),
})

/** OpenAI's hard monthly limit of the organisation or of a project; amounts in cents. */
export const SpendLimitObject = Type.Object({
  object: Type.Enum(['organization.spend_limit', 'project.spend_limit']),
  currency: Type.String(),
  interval: Type.Literal('month'),
  threshold_amount: Type.Integer(),
  enforcement: Type.Object({ status: Type.Enum(['inactive', 'enforcing']) }),
})

const cents = Type.Integer({ minimum: 0, maximum: 900_000_000, description: 'In cents.' })

/** Sets it. */
export const SpendLimitUpdate = Type.Object({
  currency: Type.String(),
  interval: Type.Literal('month'),
  threshold_amount: cents,
})

const channel = Type.Object({
  type: Type.Literal('email'),
  recipients: Type.Array(emailField, { minItems: 1, maxItems: 20 }),
  subject_prefix: optional(Type.String({ maxLength: 100, pattern: '^[^\\r\\n]*$' })),
})

/** OpenAI's alert at an amount. */
export const SpendAlertObject = Type.Object({
  id: Type.String(),
  object: Type.Enum(['organization.spend_alert', 'project.spend_alert']),
  currency: Type.String(),
  interval: Type.Literal('month'),
  threshold_amount: Type.Integer(),
  notification_channel: channel,
})

/** Makes or changes one. */
export const SpendAlertUpdate = Type.Object({
  currency: Type.String(),
  interval: Type.Literal('month'),
  threshold_amount: cents,
  notification_channel: channel,
})

/** Ids in paths. */
export const idParams = Type.Object({ id: idField })
