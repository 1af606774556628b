// Prices, exchange rates and repricing on the wire, under our own path. Amounts per million tokens are decimals as price lists write them.
import { type Static, Type } from 'typebox'
import { nullable, optional } from './fields.ts'
import { listSchema } from './paging.ts'
import { timeText } from './times.ts'

const name = Type.String({ minLength: 1, maxLength: 512 })
const amount = Type.Number({
  minimum: 0,
  maximum: 1_000_000,
  description: 'Per million tokens, in whole units of the currency.',
})
const currency = Type.Enum(['USD', 'EUR'])

/** `POST /galerne/v1/prices`. */
export const SetPriceRequest = Type.Object(
  {
    model: name,
    provider: optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'The vendor; absent: the model runs here.' }),
    ),
    currency: Type.Optional(currency),
    from: optional(timeText),
    input: amount,
    cached: optional(Type.Number({ minimum: 0, maximum: 1_000_000, description: 'Cached input; the same as input.' })),
    output: amount,
    tiers: Type.Optional(
      Type.Array(
        Type.Object(
          { above: Type.Integer({ minimum: 1 }), input: amount, cached: optional(amount), output: amount },
          { additionalProperties: false },
        ),
        { maxItems: 10, description: 'Prompts longer than `above` tokens are charged whole at these.' },
      ),
    ),
    source: optional(Type.String({ minLength: 1, maxLength: 500 })),
  },
  { additionalProperties: false },
)

/** The body as read. */
export type SetPriceRequest = Static<typeof SetPriceRequest>

/** `POST /galerne/v1/prices/from-machine`. */
export const MachinePriceRequest = Type.Object(
  {
    model: name,
    currency: Type.Optional(currency),
    from: optional(timeText),
    hardware_per_hour: Type.Number({
      minimum: 0,
      maximum: 100_000,
      description: 'What the machine costs an hour: rent, or price over life.',
    }),
    watts: Type.Number({ minimum: 0, maximum: 1_000_000, description: 'What it draws under load.' }),
    electricity_per_kwh: Type.Number({ minimum: 0, maximum: 1000 }),
    input_tokens_per_second: optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e9, description: 'Absent: measured.' }),
    ),
    output_tokens_per_second: optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e9, description: 'Absent: measured.' }),
    ),
    plan: Type.Optional(Type.Boolean({ description: 'Computes the price and does not set it.' })),
  },
  { additionalProperties: false },
)

/** The body as read. */
export type MachinePriceRequest = Static<typeof MachinePriceRequest>

/** One price row. */
export const PriceObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('price'),
  provider: Type.String(),
  model: Type.String(),
  currency,
  from: nullable(Type.String()),
  input: Type.String({ description: 'Per million tokens, a decimal.' }),
  cached: Type.String(),
  output: Type.String(),
  tiers: Type.Array(
    Type.Object({ above: Type.Integer(), input: Type.String(), cached: Type.String(), output: Type.String() }),
  ),
  source: Type.String(),
  sourced_on: Type.String(),
})

/** `GET /galerne/v1/prices`: those that the operator set, the oldest first. */
export const PriceList = listSchema(PriceObject)

/** `GET /galerne/v1/prices/in-force`. */
export const PriceInForceList = listSchema(
  Type.Object({
    model: Type.String(),
    provider: Type.String(),
    price: nullable(PriceObject, { description: 'Null: it costs nothing.' }),
  }),
)

/** `POST /galerne/v1/exchange-rates`. */
export const SetRateRequest = Type.Object(
  {
    from: timeText,
    eur_per_usd: Type.Number({ minimum: 0.01, maximum: 100, description: 'At most six digits after the point.' }),
    source: Type.String({ minLength: 1, maxLength: 500 }),
  },
  { additionalProperties: false },
)

/** One rate. */
export const RateObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('exchange_rate'),
  from: Type.String(),
  eur_per_usd: Type.String(),
  source: Type.String(),
})

/** Rates, the oldest first. */
export const RateList = listSchema(RateObject)

/** `POST /galerne/v1/reprice`. */
export const RepriceRequest = Type.Object(
  {
    from: optional(timeText),
    to: optional(timeText),
    model: optional(name),
    plan: Type.Optional(Type.Boolean({ description: 'Says what would change and changes nothing.' })),
  },
  { additionalProperties: false },
)

/** What changed, or would. */
export const RepriceReport = Type.Object({
  object: Type.Literal('reprice'),
  plan: Type.Boolean(),
  from: nullable(Type.String()),
  to: Type.String(),
  data: Type.Array(
    Type.Object({
      model: Type.String(),
      currency,
      calls: Type.Integer(),
      changed: Type.Integer(),
      before: Type.String(),
      after: Type.String(),
      difference: Type.String(),
    }),
  ),
})
