// The answer of `/v1/responses` in schemas: the Response object and its items, as OpenAI's and Mistral's SDKs read them.
import { type Static, Type } from 'typebox'
import { nullable, timestamp } from './fields.ts'

const alternative = {
  token: Type.String(),
  logprob: Type.Number(),
  bytes: Type.Array(Type.Integer()),
}

/** A token's log-probability inside `output_text`. */
export const ResponseLogprob = Type.Object({ ...alternative, top_logprobs: Type.Array(Type.Object(alternative)) })
/** A token's log-probability inside `output_text`. */
export type ResponseLogprob = Static<typeof ResponseLogprob>

/** The text part of a message. */
export const OutputText = Type.Object({
  type: Type.Literal('output_text'),
  text: Type.String(),
  annotations: Type.Array(Type.Never(), { maxItems: 0, description: 'No tool of this server cites.' }),
  logprobs: Type.Array(ResponseLogprob),
})
/** The text part of a message. */
export type OutputText = Static<typeof OutputText>

/** The text part of a reasoning item. */
export const ReasoningText = Type.Object({ type: Type.Literal('reasoning_text'), text: Type.String() })
/** The text part of a reasoning item. */
export type ReasoningText = Static<typeof ReasoningText>

const status = Type.Enum(['in_progress', 'completed', 'incomplete'])

/** What the assistant says. */
export const MessageItem = Type.Object({
  id: Type.String(),
  type: Type.Literal('message'),
  status,
  role: Type.Literal('assistant'),
  content: Type.Array(OutputText),
})
/** What the assistant says. */
export type MessageItem = Static<typeof MessageItem>

/** What the assistant thought. Mistral's SDKs know no summary events, so the text itself is given and `summary` stays empty. */
export const ReasoningItem = Type.Object({
  id: Type.String(),
  type: Type.Literal('reasoning'),
  status,
  summary: Type.Array(Type.Never(), { maxItems: 0 }),
  content: Type.Array(ReasoningText),
})
/** What the assistant thought. */
export type ReasoningItem = Static<typeof ReasoningItem>

/** A function that the client is asked to call. */
export const FunctionCallItem = Type.Object({
  id: Type.String(),
  type: Type.Literal('function_call'),
  status,
  call_id: Type.String({ description: 'Nine letters and digits.' }),
  name: Type.String(),
  arguments: Type.String({ description: 'JSON text of an object; where the answer was cut, what came of it.' }),
})
/** A function that the client is asked to call. */
export type FunctionCallItem = Static<typeof FunctionCallItem>

/** One entry of `output`. */
export type OutputItem = MessageItem | ReasoningItem | FunctionCallItem

const usage = Type.Object({
  input_tokens: Type.Integer(),
  input_tokens_details: Type.Object({ cached_tokens: Type.Integer(), cache_write_tokens: Type.Integer() }),
  output_tokens: Type.Integer(),
  output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
  total_tokens: Type.Integer(),
})

/** The Response object: what happened, and the settings it happened under. */
export const ResponseObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('response'),
  created_at: timestamp,
  completed_at: nullable(timestamp),
  status: Type.Enum(['in_progress', 'completed', 'incomplete', 'failed']),
  background: Type.Literal(false),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  incomplete_details: nullable(Type.Object({ reason: Type.Literal('max_output_tokens') })),
  instructions: nullable(Type.String()),
  max_output_tokens: nullable(Type.Integer()),
  max_tool_calls: Type.Null(),
  metadata: Type.Record(Type.String(), Type.String()),
  model: Type.String(),
  output: Type.Array(Type.Union([MessageItem, ReasoningItem, FunctionCallItem])),
  parallel_tool_calls: Type.Boolean(),
  previous_response_id: Type.Null(),
  prompt_cache_key: nullable(Type.String()),
  reasoning: Type.Object({ effort: nullable(Type.String()), summary: Type.Null() }),
  safety_identifier: nullable(Type.String()),
  service_tier: Type.Literal('default'),
  store: Type.Literal(false),
  temperature: nullable(Type.Number()),
  text: Type.Object({ format: Type.Unknown({ description: 'As the request has it.' }) }),
  tool_choice: Type.Unknown({ description: 'As the request has it.' }),
  tools: Type.Array(Type.Unknown()),
  top_logprobs: Type.Integer(),
  top_p: nullable(Type.Number()),
  truncation: Type.Literal('disabled'),
  usage: Type.Optional(usage),
  user: Type.Optional(Type.String()),
})
/** The Response object. */
export type ResponseObject = Static<typeof ResponseObject>

/** One event of a streamed answer. Each type has fields of its own, as OpenAI documents them. */
export const ResponseStreamEvent = Type.Object(
  {
    type: Type.Enum([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
      'response.incomplete',
      'response.failed',
      'error',
    ]),
    sequence_number: Type.Integer({ description: 'One above the last, from 0.' }),
    response: Type.Optional(ResponseObject),
  },
  { additionalProperties: true },
)
