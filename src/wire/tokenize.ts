// Counting and reading tokens on the wire, in the shapes of vLLM's endpoints.
import { type Static, Type } from 'typebox'
import { modelField, nullable, optional } from './fields.ts'
import { Messages } from './messages.ts'
import { Tools } from './tools.ts'

const open = { additionalProperties: true } as const
const model = optional(modelField)

/** `POST /tokenize`: a text, or a conversation as the model's template renders it. */
export const TokenizeRequest = Type.Object(
  {
    model,
    prompt: optional(Type.String()),
    messages: optional(Messages),
    tools: optional(Tools),
    add_special_tokens: optional(
      Type.Boolean({
        description: 'Begin a text as the model expects it; true when absent. A template does so itself.',
      }),
    ),
    parse_special: optional(
      Type.Boolean({
        description: "llama.cpp's name: read the control tokens that a text spells. A conversation's text stays text.",
      }),
    ),
    add_generation_prompt: optional(Type.Boolean()),
    continue_final_message: optional(Type.Boolean({ description: 'Leave the last message, an assistant one, open.' })),
    return_token_strs: optional(Type.Boolean()),
  },
  open,
)
/** A tokenize request that passed its schema. */
export type TokenizeRequest = Static<typeof TokenizeRequest>

/** The tokens and how many fit. */
export const TokenizeAnswer = Type.Object({
  count: Type.Integer(),
  max_model_len: Type.Integer(),
  tokens: Type.Array(Type.Integer()),
  token_strs: nullable(Type.Array(Type.String())),
})

/** `POST /detokenize`. */
export const DetokenizeRequest = Type.Object(
  { model, tokens: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 4_194_304 }) },
  open,
)
/** The text of the tokens, special ones written out. */
export const DetokenizeAnswer = Type.Object({ prompt: Type.String() })

/** `GET /tokenizer_info`. */
export const TokenizerInfoAnswer = Type.Object({
  tokenizer_class: Type.String(),
  model: Type.String(),
  vocab_size: Type.Integer(),
  model_max_length: Type.Integer(),
  bos_token_id: nullable(Type.Integer()),
  eos_token_id: nullable(Type.Integer()),
  bos_token: nullable(Type.String()),
  eos_token: nullable(Type.String()),
  add_bos_token: Type.Boolean(),
  chat_template: nullable(Type.String()),
})
