// Batches in OpenAI's shape and in Mistral's: one thing, two views.
import { type Static, Type } from 'typebox'
import { idField, nullable, optional, searchText, timestamp } from './fields.ts'
import { flag, listSchema, pagingFields, repeated } from './paging.ts'

// What a database of either kind stores and finds again.
const metadataText = Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$' })

const Metadata = Type.Record(Type.String({ pattern: '^[^\\u0000]{1,64}$' }), metadataText, {
  maxProperties: 16,
  additionalProperties: false,
  description: 'Up to 16 texts under names of up to 64 characters; lists can be narrowed by them.',
})

/** What OpenAI's clients say of a new batch. */
export const CreateBatch = Type.Object({
  input_file_id: idField,
  endpoint: Type.String({ maxLength: 100 }),
  completion_window: Type.String({ maxLength: 10, description: '24h with OpenAI; here 1h to 168h.' }),
  metadata: optional(Metadata),
  output_expires_after: optional(
    Type.Object({ anchor: Type.Literal('created_at'), seconds: Type.Integer({ minimum: 3600, maximum: 2_592_000 }) }),
  ),
})

const BatchFaultObject = Type.Object({
  code: Type.String(),
  message: Type.String(),
  param: nullable(Type.String()),
  line: nullable(Type.Integer()),
})

/** A batch in OpenAI's shape. */
export const BatchObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('batch'),
    endpoint: Type.String(),
    model: nullable(Type.String()),
    errors: nullable(Type.Object({ object: Type.Literal('list'), data: Type.Array(BatchFaultObject) })),
    input_file_id: Type.String(),
    completion_window: Type.String(),
    status: Type.Enum([
      'validating',
      'failed',
      'in_progress',
      'finalizing',
      'completed',
      'expired',
      'cancelling',
      'cancelled',
    ]),
    output_file_id: nullable(Type.String()),
    error_file_id: nullable(Type.String()),
    created_at: timestamp,
    in_progress_at: nullable(timestamp),
    expires_at: timestamp,
    finalizing_at: nullable(timestamp),
    completed_at: nullable(timestamp),
    failed_at: nullable(timestamp),
    expired_at: nullable(timestamp),
    cancelling_at: nullable(timestamp),
    cancelled_at: nullable(timestamp),
    request_counts: Type.Object({ total: Type.Integer(), completed: Type.Integer(), failed: Type.Integer() }),
    usage: Type.Object({
      input_tokens: Type.Integer(),
      input_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
      output_tokens: Type.Integer(),
      output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
      total_tokens: Type.Integer(),
    }),
    cost: nullable(
      Type.Object(
        { nano_units: Type.Integer(), currency: Type.String() },
        { description: 'Ours: what its lines have cost so far, in 10⁻⁹ of the currency; null until one was counted.' },
      ),
    ),
    metadata: nullable(Metadata),
  },
  { $id: 'Batch' },
)

/** A page of batches. */
export const BatchList = listSchema(BatchObject)

/** What OpenAI's list may be asked for. */
export const BatchQuery = Type.Object({ after: pagingFields.after, limit: pagingFields.limit })

/** What Mistral's clients say of a new job: files, or the requests themselves. */
export const CreateBatchJob = Type.Object({
  input_files: optional(Type.Array(idField, { maxItems: 100 })),
  requests: optional(
    Type.Array(
      Type.Object({
        custom_id: optional(searchText(512)),
        body: Type.Object({}, { additionalProperties: true }),
      }),
      { maxItems: 10_000 },
    ),
  ),
  endpoint: Type.String({ maxLength: 100 }),
  model: optional(Type.String({ minLength: 1, maxLength: 512 })),
  agent_id: optional(Type.String({ maxLength: 200 })),
  metadata: optional(Metadata),
  timeout_hours: optional(Type.Integer({ minimum: 1, maximum: 168 })),
})

/** Mistral's words for how a job stands. */
export const jobStatuses = [
  'QUEUED',
  'RUNNING',
  'SUCCESS',
  'FAILED',
  'TIMEOUT_EXCEEDED',
  'CANCELLATION_REQUESTED',
  'CANCELLED',
] as const

/** One of them. */
export type JobStatus = (typeof jobStatuses)[number]

/** A batch in Mistral's shape. */
export const BatchJob = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('batch'),
    input_files: Type.Array(Type.String()),
    metadata: nullable(Metadata),
    endpoint: Type.String(),
    model: nullable(Type.String()),
    agent_id: Type.Null(),
    output_file: nullable(Type.String()),
    error_file: nullable(Type.String()),
    errors: Type.Array(Type.Object({ message: Type.String(), count: Type.Integer() })),
    outputs: nullable(Type.Array(Type.Object({}, { additionalProperties: true }))),
    status: Type.Enum([...jobStatuses]),
    created_at: timestamp,
    total_requests: Type.Integer(),
    completed_requests: Type.Integer(),
    succeeded_requests: Type.Integer(),
    failed_requests: Type.Integer(),
    started_at: nullable(timestamp),
    completed_at: nullable(timestamp),
  },
  { $id: 'BatchJob' },
)

/** A page of jobs. */
export const BatchJobList = listSchema(BatchJob)

/** What Mistral's list may be asked for. Every other name is one of the metadata. */
export const BatchJobQuery = Type.Object(
  {
    page: pagingFields.page,
    page_size: pagingFields.page_size,
    model: Type.Optional(searchText(512)),
    agent_id: Type.Optional(Type.String({ maxLength: 200 })),
    created_after: Type.Optional(Type.String({ maxLength: 40, description: 'A date and time, as in RFC 3339.' })),
    created_by_me: Type.Optional(flag),
    status: repeated(Type.Enum([...jobStatuses])),
    order_by: Type.Optional(Type.Enum(['created', '-created'])),
  },
  { additionalProperties: searchText(512) },
)

/** The query of Mistral's list. */
export type BatchJobQuery = Static<typeof BatchJobQuery>

/** Whether Mistral's answer holds the results too. */
export const InlineQuery = Type.Object({ inline: Type.Optional(flag) })

/** What remains of a deleted job. */
export const DeletedBatchJob = Type.Object({
  id: Type.String(),
  object: Type.Literal('batch'),
  deleted: Type.Literal(true),
})
