// OpenAI's reports of usage and costs, /v1/organization/usage/* and /v1/organization/costs, on the wire.
import { type Static, type TSchema, Type } from 'typebox'
import { nullable, timestamp } from './fields.ts'
import { flag } from './paging.ts'

/** Seconds since 1970 in a query, which holds text alone. */
const seconds = Type.String({ pattern: '^\\d{1,11}$', description: 'Seconds since 1970.' })
const digits = Type.String({ pattern: '^\\d{1,5}$' })
const name = Type.String({ minLength: 1, maxLength: 512 })

/** A list in a query: the clients write `name[]=a&name[]=b`, curl users `name=a`. */
function list<Item extends TSchema>(field: string, item: Item) {
  const values = Type.Optional(Type.Union([item, Type.Array(item, { maxItems: 500 })]))
  return { [field]: values, [`${field}[]`]: values }
}

const groups = [
  'project_id',
  'user_id',
  'api_key_id',
  'model',
  'batch',
  'service_tier',
  'api_source',
  'line_item',
  ...(['size', 'source', 'vector_store_id', 'context_level'] as const),
] as const

/** What a report may be told apart by. */
export type ReportGroup = (typeof groups)[number]

/** The query of every report. Lists are read by `queryList`. */
export const ReportQuery = Type.Object(
  {
    start_time: seconds,
    end_time: Type.Optional(seconds),
    bucket_width: Type.Optional(Type.Enum(['1m', '1h', '1d'])),
    limit: Type.Optional(digits),
    page: Type.Optional(Type.String({ pattern: '^page_\\d{1,14}$', description: 'next_page of the answer before.' })),
    batch: Type.Optional(flag),
    ...list('group_by', Type.Enum([...groups])),
    ...list('models', name),
    ...list('project_ids', name),
    ...list('api_key_ids', name),
    ...list('user_ids', name),
    ...list('line_items', name),
    // Of reports on what this server never does.
    ...list('sources', name),
    ...list('sizes', name),
    ...list('vector_store_ids', name),
    ...list('context_levels', name),
  },
  { additionalProperties: false },
)

/** A query as it was read, without its lists. */
export interface ReportQuery {
  readonly start_time: string
  readonly end_time?: string
  readonly bucket_width?: '1m' | '1h' | '1d'
  readonly limit?: string
  readonly page?: string
  readonly batch?: Static<typeof flag>
}

/** The values of a list in a query; undefined where it is absent. */
export function queryList(query: object, field: string): readonly string[] | undefined {
  const values = [Reflect.get(query, field), Reflect.get(query, `${field}[]`)].flat() as (string | undefined)[]
  const given = values.filter((value) => value !== undefined)
  return given.length === 0 ? undefined : given
}

const optionalText = nullable(Type.String())
const who = { project_id: optionalText, user_id: optionalText, api_key_id: optionalText, model: optionalText }

/** Completions in one bucket and group. */
const CompletionsResult = Type.Object({
  object: Type.Literal('organization.usage.completions.result'),
  input_tokens: Type.Integer(),
  input_cached_tokens: Type.Integer(),
  input_uncached_tokens: Type.Integer(),
  input_text_tokens: Type.Integer(),
  input_cached_text_tokens: Type.Integer(),
  input_audio_tokens: Type.Integer(),
  input_image_tokens: Type.Integer(),
  output_tokens: Type.Integer(),
  output_text_tokens: Type.Integer(),
  output_audio_tokens: Type.Integer(),
  output_image_tokens: Type.Integer(),
  num_model_requests: Type.Integer(),
  ...who,
  batch: nullable(Type.Boolean()),
  service_tier: optionalText,
  api_source: optionalText,
})

/** Embeddings in one bucket and group. */
const EmbeddingsResult = Type.Object({
  object: Type.Literal('organization.usage.embeddings.result'),
  input_tokens: Type.Integer(),
  num_model_requests: Type.Integer(),
  ...who,
})

/** Costs in one bucket and group. */
const CostsResult = Type.Object({
  object: Type.Literal('organization.costs.result'),
  amount: Type.Object({
    value: Type.Number({ description: 'In whole units of the currency.' }),
    currency: Type.String({ description: 'ISO 4217, lower case.' }),
  }),
  line_item: optionalText,
  project_id: optionalText,
  user_id: optionalText,
  api_key_id: optionalText,
  quantity: nullable(Type.Number()),
  quantity_unit: optionalText,
  api_source: optionalText,
})

/** What a sum says in one of the reports. */
export type ReportResult =
  | Static<typeof CompletionsResult>
  | Static<typeof EmbeddingsResult>
  | Static<typeof CostsResult>

/** One span of time. */
const bucket = Type.Object({
  object: Type.Literal('bucket'),
  start_time: timestamp,
  end_time: timestamp,
  results: Type.Array(Type.Union([CompletionsResult, EmbeddingsResult, CostsResult])),
})

/** A page of buckets, those in which nothing was called too. */
export const ReportPage = Type.Object({
  object: Type.Literal('page'),
  data: Type.Array(bucket),
  has_more: Type.Boolean(),
  next_page: nullable(Type.String()),
})
