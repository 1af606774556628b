// Tools, how freely they may be called, and what form an answer must have: shared by chat, responses and tokenize.
import { type Static, Type } from 'typebox'
import { optional } from './fields.ts'
import type { JsonSchema } from './model.ts'

const open = { additionalProperties: true } as const

/** A JSON Schema of the caller. Its own validity is checked when it is compiled, under limits. */
export const UserSchema = Type.Unsafe<JsonSchema>({
  type: ['object', 'boolean'],
  description: 'A JSON Schema.',
})

// The names that OpenAI takes, with Mistral's dots.
const functionName = Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,64}$' })

/** A function of the deprecated `functions`, or inside a tool. */
export const FunctionDefinition = Type.Object(
  {
    name: functionName,
    description: optional(Type.String()),
    parameters: optional(UserSchema),
    strict: optional(Type.Boolean()),
  },
  open,
)

/** A tool; only functions are served, other types are refused by name. */
export const ToolDefinition = Type.Object(
  { type: optional(Type.String()), function: optional(FunctionDefinition) },
  open,
)

/** `tools`, at most 128 as both vendors say. */
export const Tools = Type.Array(ToolDefinition, { maxItems: 128 })

const NamedFunction = Type.Object(
  { type: optional(Type.Literal('function')), function: Type.Object({ name: Type.String() }, open) },
  open,
)

/** One object for all forms: a form that is not served is then refused by its name, and not for what another form has. */
const ChosenTools = Type.Object(
  {
    type: optional(Type.String({ description: 'function when absent, or allowed_tools.' })),
    function: optional(Type.Object({ name: Type.String() }, open)),
    allowed_tools: optional(
      Type.Object(
        { mode: Type.Enum(['auto', 'required']), tools: Type.Array(NamedFunction, { minItems: 1, maxItems: 128 }) },
        open,
      ),
    ),
  },
  open,
)

/** How freely tools may be called. `any` is Mistral's `required`. */
export const ToolChoice = Type.Union([Type.Enum(['auto', 'none', 'any', 'required']), ChosenTools])

/** One function as a client describes it. */
export type FunctionDefinition = Static<typeof FunctionDefinition>
/** One tool as a client describes it. */
export type ToolDefinition = Static<typeof ToolDefinition>
/** The choice as a client sends it. */
export type ToolChoice = Static<typeof ToolChoice>

/** The form of the answer, enforced while it is generated. */
export const ResponseFormat = Type.Object(
  {
    type: Type.Enum(['text', 'json_object', 'json_schema']),
    json_schema: optional(
      Type.Object(
        {
          name: optional(Type.String({ maxLength: 256 })),
          description: optional(Type.String()),
          schema: optional(UserSchema),
          strict: optional(Type.Boolean()),
        },
        open,
      ),
    ),
  },
  open,
)
/** The form as a client sends it. */
export type ResponseFormat = Static<typeof ResponseFormat>
