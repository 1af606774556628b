// The schemas of `/v1/responses`: what OpenAI's and Mistral's SDKs send. The answer's shape is in features/responses.
import { type Static, Type } from 'typebox'
import { modelField, optional, tagged } from './fields.ts'
import { PromptReference } from './prompts.ts'
import { UserSchema } from './tools.ts'

const open = { additionalProperties: true } as const

const text = { text: Type.String() }

/** What an item has that was in an answer before; a conversation that is sent back has it still. */
const answered = { id: optional(Type.String()), status: optional(Type.String()) }

const reasoningPart = Type.Object({ type: optional(Type.String()), ...text })

/** A part of a message's content; `text` is what some clients write for `input_text`. */
const contentPart = tagged('type', [
  Type.Object({ type: Type.Literal('input_text'), ...text }),
  Type.Object({
    type: Type.Literal('output_text'),
    ...text,
    annotations: optional(Type.Array(Type.Unknown())),
    logprobs: optional(Type.Array(Type.Unknown())),
  }),
  Type.Object({ type: Type.Literal('text'), ...text }),
  Type.Object({ type: Type.Literal('refusal'), refusal: Type.String() }),
  Type.Object({
    type: Type.Literal('input_image'),
    image_url: optional(Type.String()),
    file_id: optional(Type.String()),
    detail: optional(Type.String()),
  }),
  Type.Object({
    type: Type.Literal('input_file'),
    file_url: optional(Type.String()),
    file_id: optional(Type.String()),
    file_data: optional(Type.String()),
    filename: optional(Type.String()),
  }),
  Type.Object({
    type: Type.Literal('input_audio'),
    input_audio: Type.Object({ data: Type.String(), format: optional(Type.String()) }),
  }),
])

/** A part of a message's content. */
export type ResponseContentPart = Static<typeof contentPart>

const content = Type.Union([Type.String(), Type.Array(contentPart, { maxItems: 10_000 })])

/** A message's content, or a function's output. */
export type ResponseContent = Static<typeof content>

/** An item of the input. `type` may be left out of a message: the route fills it in before the body is checked. */
const inputItem = tagged('type', [
  Type.Object({
    type: Type.Literal('message'),
    role: Type.Enum(['user', 'assistant', 'system', 'developer']),
    content,
    ...answered,
  }),
  Type.Object({
    type: Type.Literal('function_call'),
    call_id: Type.String({ minLength: 1 }),
    name: Type.String({ minLength: 1 }),
    arguments: Type.String({ description: 'JSON text of an object.' }),
    ...answered,
  }),
  Type.Object({
    type: Type.Literal('function_call_output'),
    call_id: Type.String({ minLength: 1 }),
    output: content,
    ...answered,
  }),
  Type.Object({
    type: Type.Literal('reasoning'),
    summary: optional(Type.Array(reasoningPart)),
    content: optional(Type.Array(reasoningPart)),
    encrypted_content: optional(Type.String()),
    ...answered,
  }),
])

/** An item of the input. */
export type ResponseInputItem = Static<typeof inputItem>

/** A tool; only functions are served, other types are refused by name. */
const tool = Type.Object(
  {
    type: Type.String(),
    name: optional(Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,64}$' })),
    description: optional(Type.String()),
    parameters: optional(UserSchema),
    strict: optional(Type.Boolean()),
  },
  open,
)

/** A tool as a client describes it. */
export type ResponseTool = Static<typeof tool>

const toolName = Type.Object({ type: Type.Literal('function'), name: Type.String({ minLength: 1 }) })

const toolChoice = Type.Union([
  Type.Enum(['none', 'auto', 'required', 'any']),
  tagged('type', [
    toolName,
    Type.Object({
      type: Type.Literal('allowed_tools'),
      mode: Type.Enum(['auto', 'required']),
      tools: Type.Array(toolName, { minItems: 1 }),
    }),
  ]),
])

const textFormat = tagged('type', [
  Type.Object({ type: Type.Literal('text') }),
  Type.Object({ type: Type.Literal('json_object') }),
  Type.Object({
    type: Type.Literal('json_schema'),
    name: Type.String({ minLength: 1, maxLength: 64 }),
    description: optional(Type.String()),
    schema: UserSchema,
    strict: optional(Type.Boolean()),
  }),
])

const effort = Type.Enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])

/** What both endpoints read: everything that becomes part of the prompt. */
const promptFields = {
  model: modelField,
  input: Type.Union([Type.String(), Type.Array(inputItem, { minItems: 1, maxItems: 100_000 })], {
    description: 'A user message, or a list of items. A message may leave out its type.',
  }),
  instructions: optional(Type.String({ description: 'A system message before the input.' })),
  tools: optional(Type.Array(tool, { maxItems: 128 })),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(Type.Boolean()),
  reasoning: optional(Type.Object({ effort: optional(effort), summary: optional(Type.String()) })),
  text: optional(Type.Object({ format: optional(textFormat), verbosity: optional(Type.String()) })),
  truncation: optional(
    Type.Enum(['disabled', 'auto'], {
      description: 'Nothing is ever cut: only disabled.',
    }),
  ),
  previous_response_id: optional(Type.String({ description: 'Refused: no response is stored.' })),
  conversation: optional(Type.Unknown({ description: 'Refused: no conversation is stored.' })),
  moderation: optional(Type.Unknown({ description: 'Refused: this server has none.' })),
}

/** The body of `POST /v1/responses`. */
export const ResponseRequest = Type.Object({
  ...promptFields,
  max_output_tokens: optional(Type.Integer({ minimum: 1 })),
  temperature: optional(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_logprobs: optional(Type.Integer({ minimum: 0, maximum: 20 })),
  include: optional(Type.Array(Type.String())),
  stream: optional(Type.Boolean()),
  store: optional(Type.Boolean({ description: 'Nothing is stored here, whatever is asked.' })),
  background: optional(Type.Boolean({ description: 'Refused when true.' })),
  prompt: optional(PromptReference),
  metadata: optional(
    Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 512 }), { maxProperties: 16 }),
  ),
  prompt_cache_key: optional(Type.String()),
  safety_identifier: optional(Type.String()),
  service_tier: optional(Type.String()),
  user: optional(Type.String()),
})

/** A checked body. */
export type ResponseRequest = Static<typeof ResponseRequest>

/** The body of `POST /v1/responses/input_tokens`. */
export const InputTokensRequest = Type.Object(promptFields)

/** A checked body. */
export type InputTokensRequest = Static<typeof InputTokensRequest>

/** The answer of `POST /v1/responses/input_tokens`. */
export const InputTokensResponse = Type.Object({
  object: Type.Literal('response.input_tokens'),
  input_tokens: Type.Integer(),
})
