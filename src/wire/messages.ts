// The messages of a chat request: OpenAI's and Mistral's roles and content parts in one schema.
import { type Static, Type } from 'typebox'
import { optional, tagged } from './fields.ts'

const open = { additionalProperties: true } as const

const TextPart = Type.Object({ type: Type.Literal('text'), text: Type.String() }, open)
const RefusalPart = Type.Object({ type: Type.Literal('refusal'), refusal: Type.String() }, open)
const ThinkingPart = Type.Object(
  {
    type: Type.Literal('thinking'),
    thinking: Type.Union([
      Type.String(),
      Type.Array(Type.Object({ type: Type.String(), text: optional(Type.String()) }, open)),
    ]),
    closed: optional(Type.Boolean()),
    signature: optional(Type.String()),
  },
  open,
)

/** A piece of a message. What the model cannot take is refused by name. */
export const ContentPart = tagged('type', [
  TextPart,
  RefusalPart,
  ThinkingPart,
  Type.Object(
    {
      type: Type.Literal('image_url'),
      image_url: Type.Union([
        Type.String(),
        Type.Object({ url: Type.String(), detail: optional(Type.String()) }, open),
      ]),
    },
    open,
  ),
  Type.Object(
    {
      type: Type.Literal('input_audio'),
      input_audio: Type.Union([
        Type.String(),
        Type.Object({ data: Type.String(), format: optional(Type.String()) }, open),
      ]),
    },
    open,
  ),
  Type.Object({ type: Type.Literal('document_url'), document_url: Type.String() }, open),
  Type.Object({ type: Type.Literal('file') }, open),
  Type.Object({ type: Type.Literal('reference') }, open),
])

const Content = Type.Union([Type.String(), Type.Array(ContentPart, { maxItems: 10_000 })])

const FunctionCall = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256 }),
    arguments: Type.Union([Type.String(), Type.Object({}, open)], {
      description: 'JSON text of an object, or the object itself.',
    }),
  },
  open,
)

/** A call as a client sends it back in an assistant message. */
export const SentToolCall = Type.Object(
  {
    id: optional(Type.String({ maxLength: 512 })),
    type: optional(Type.Literal('function')),
    index: optional(Type.Integer({ description: 'As answers have it; the order of the list is what counts.' })),
    function: FunctionCall,
  },
  open,
)

const name = optional(Type.String())

/** One message, by its role. */
export const ChatMessage = tagged('role', [
  Type.Object({ role: Type.Enum(['system', 'developer']), content: Content, name }, open),
  Type.Object({ role: Type.Literal('user'), content: Content, name }, open),
  Type.Object(
    {
      role: Type.Literal('assistant'),
      content: optional(Content),
      tool_calls: optional(Type.Array(SentToolCall, { maxItems: 1024 })),
      function_call: optional(FunctionCall),
      refusal: optional(Type.String()),
      reasoning: optional(Type.String()),
      reasoning_content: optional(Type.String()),
      audio: optional(
        Type.Object({}, { ...open, description: 'Refused: answers are text only, so none was said here.' }),
      ),
      prefix: optional(
        Type.Boolean({ description: 'Only on the last message: the answer continues this text and includes it.' }),
      ),
      name,
    },
    open,
  ),
  Type.Object(
    { role: Type.Literal('tool'), content: optional(Content), tool_call_id: optional(Type.String()), name },
    open,
  ),
  Type.Object({ role: Type.Literal('function'), content: optional(Content), name: Type.String() }, open),
])

/** One message as a client sends it. */
export type ChatMessage = Static<typeof ChatMessage>

/** One piece of content as a client sends it. */
export type ContentPart = Static<typeof ContentPart>

/** All messages of a conversation. */
export const Messages = Type.Array(ChatMessage, { minItems: 1, maxItems: 100_000 })
