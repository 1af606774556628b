// Chat completions on the wire: the request in both vendors' vocabularies, the answer and its chunks in the shape that both families of clients read.
import { type Static, Type } from 'typebox'
import { ErrorObject } from './failure.ts'
import { modelField, nullable, optional, timestamp } from './fields.ts'
import { Messages } from './messages.ts'
import { PromptReference } from './prompts.ts'
import { samplingFields } from './sampling.ts'
import { FunctionDefinition, ResponseFormat, ToolChoice, Tools } from './tools.ts'
import { UsageObject } from './usage.ts'

const open = { additionalProperties: true } as const

/** `POST /v1/chat/completions`. Fields it does not know are taken and named in `galerne-ignored-fields`. */
export const ChatRequest = Type.Object(
  {
    model: modelField,
    messages: Messages,
    ...samplingFields,
    max_completion_tokens: optional(
      Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: "OpenAI's name of max_tokens." }),
    ),
    stream: optional(Type.Boolean({ description: 'Answer as server-sent events.' })),
    stream_options: optional(Type.Object({ include_usage: optional(Type.Boolean()) }, open)),
    tools: optional(Tools),
    tool_choice: optional(ToolChoice),
    parallel_tool_calls: optional(Type.Boolean()),
    functions: optional(Type.Array(FunctionDefinition, { maxItems: 128, description: 'Deprecated: use tools.' })),
    function_call: optional(
      Type.Union([Type.Enum(['auto', 'none']), Type.Object({ name: Type.String() }, open)], {
        description: 'Deprecated: use tool_choice.',
      }),
    ),
    prompt: optional(PromptReference),
    response_format: optional(ResponseFormat),
    logprobs: optional(Type.Boolean()),
    top_logprobs: optional(Type.Integer({ minimum: 0, maximum: 20 })),
    prompt_logprobs: optional(Type.Union([Type.Boolean(), Type.Integer()])),
    top_prompt_logprobs: optional(Type.Integer()),
    reasoning_effort: optional(Type.Enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])),
    prompt_mode: optional(Type.Enum(['reasoning'])),
    safe_prompt: optional(Type.Boolean({ description: "Puts Mistral's safety prompt before the conversation." })),
    guardrails: optional(Type.Array(Type.Unknown(), { description: 'Refused: this server has none.' })),
    moderation: optional(Type.Object({}, { ...open, description: 'Refused: this server has none.' })),
    prediction: optional(Type.Object({ type: Type.Literal('content') }, open)),
    prompt_cache_key: optional(Type.String({ description: 'A hint. Prefixes are shared inside a workspace anyway.' })),
    cache_salt: optional(
      Type.String({
        maxLength: 512,
        description: "vLLM's field: prefixes are shared only among calls with the same salt.",
      }),
    ),
    metadata: optional(Type.Object({}, open)),
    modalities: optional(Type.Array(Type.String())),
    audio: optional(Type.Object({}, open)),
    service_tier: optional(Type.String()),
    store: optional(Type.Boolean()),
    user: optional(Type.String()),
    safety_identifier: optional(Type.String()),
    verbosity: optional(Type.String()),
    web_search_options: optional(Type.Object({}, open)),
  },
  open,
)

/** A chat request that passed its schema. */
export type ChatRequest = Static<typeof ChatRequest>

/** A call of a function in an answer; streams send it whole, in one delta (api-surface §1). */
export const AnswerToolCall = Type.Object({
  index: Type.Integer(),
  id: Type.String({ description: 'Nine letters and digits.' }),
  type: Type.Literal('function'),
  function: Type.Object({ name: Type.String(), arguments: Type.String({ description: 'JSON text of an object.' }) }),
})
const LegacyCall = Type.Object({ name: Type.String(), arguments: Type.String() })

const LogprobEntry = Type.Object({
  token: Type.String(),
  token_id: Type.Integer(),
  logprob: Type.Number(),
  bytes: Type.Array(Type.Integer()),
})

/** Log-probabilities of an answer's tokens. */
export const ChatLogprobs = Type.Object({
  content: Type.Array(Type.Object({ ...LogprobEntry.properties, top_logprobs: Type.Array(LogprobEntry) })),
  refusal: Type.Null(),
})

const Thinking = Type.Object({
  type: Type.Literal('thinking'),
  thinking: Type.Array(Type.Object({ type: Type.Literal('text'), text: Type.String() })),
  closed: Type.Optional(Type.Boolean()),
})
const AnswerContent = Type.Union([
  Type.String(),
  Type.Array(Type.Union([Thinking, Type.Object({ type: Type.Literal('text'), text: Type.String() })]), {
    description: 'With thinking chunks: only for clients of Mistral, or on request.',
  }),
])

const AnswerMessage = Type.Object({
  role: Type.Literal('assistant'),
  content: nullable(AnswerContent),
  refusal: Type.Null(),
  reasoning_content: Type.Optional(Type.String()),
  reasoning: Type.Optional(Type.String()),
  tool_calls: nullable(Type.Array(AnswerToolCall)),
  function_call: Type.Optional(LegacyCall),
})

const head = {
  id: Type.String(),
  created: timestamp,
  model: Type.String(),
  system_fingerprint: Type.String({ description: 'Model and engine build that answered.' }),
}

/** The answer in one piece. */
export const ChatCompletion = Type.Object({
  ...head,
  object: Type.Literal('chat.completion'),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      message: AnswerMessage,
      logprobs: nullable(ChatLogprobs),
      finish_reason: Type.Enum(['stop', 'length', 'model_length', 'tool_calls', 'function_call']),
    }),
  ),
  usage: UsageObject,
})
/** The answer in one piece. */
export type ChatCompletion = Static<typeof ChatCompletion>

/** One event of a streamed answer. */
export const ChatChunk = Type.Object({
  ...head,
  object: Type.Literal('chat.completion.chunk'),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      delta: Type.Object({
        role: Type.Optional(Type.Literal('assistant')),
        content: Type.Optional(nullable(AnswerContent)),
        reasoning_content: Type.Optional(Type.String()),
        reasoning: Type.Optional(Type.String()),
        tool_calls: Type.Optional(Type.Array(AnswerToolCall)),
        function_call: Type.Optional(LegacyCall),
      }),
      logprobs: nullable(ChatLogprobs),
      finish_reason: nullable(Type.Enum(['stop', 'length', 'tool_calls', 'function_call', 'error'])),
    }),
  ),
  usage: Type.Optional(nullable(UsageObject)),
  error: Type.Optional(ErrorObject),
})
/** One event of a streamed answer. */
export type ChatChunk = Static<typeof ChatChunk>
