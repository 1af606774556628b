// The schemas of `/v1/completions`: OpenAI's legacy text completion with the extras of vLLM and llama.cpp.
import { type Static, Type } from 'typebox'
import { modelField, nullable, optional, timestamp } from './fields.ts'
import { PromptReference } from './prompts.ts'
import { samplingFields } from './sampling.ts'
import { ResponseFormat } from './tools.ts'
import { UsageObject } from './usage.ts'

const open = { additionalProperties: true } as const

/** Prompts of one request; each runs as a call of its own. Checked after the schema: one prompt of ids may be longer. */
export const maxPrompts = 2048

const tokens = Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 })

/** `POST /v1/completions`. */
export const CompletionRequest = Type.Object(
  {
    model: modelField,
    prompt: Type.Union(
      [
        Type.String(),
        Type.Array(Type.String(), { minItems: 1 }),
        tokens,
        Type.Array(tokens, { minItems: 1 }),
        PromptReference,
      ],
      {
        description: `One prompt or up to ${maxPrompts}, as text or as token ids, which are taken as they are; or a stored prompt by name.`,
      },
    ),
    suffix: optional(
      Type.String({ description: 'Text after the gap; the model must know how to fill in the middle.' }),
    ),
    ...samplingFields,
    best_of: optional(
      Type.Integer({
        minimum: 1,
        maximum: 128,
        description: 'Answers to generate; the n likeliest per token are sent.',
      }),
    ),
    parse_special: optional(
      Type.Boolean({
        description:
          "llama.cpp's name: control tokens that a prompt spells are those tokens, for prompts that were made of a template. Without it they are text.",
      }),
    ),
    echo: optional(Type.Boolean({ description: 'The prompt before the answer, with its log-probabilities if asked.' })),
    logprobs: optional(Type.Integer({ minimum: 0, maximum: 5, description: 'Alternatives to name for each token.' })),
    stream: optional(Type.Boolean()),
    stream_options: optional(Type.Object({ include_usage: optional(Type.Boolean()) }, open)),
    response_format: optional(ResponseFormat),
    cache_salt: optional(
      Type.String({
        maxLength: 512,
        description: "vLLM's field: prefixes are shared only among calls with the same salt.",
      }),
    ),
    prompt_cache_key: optional(Type.String({ description: 'A hint. Prefixes are shared inside a workspace anyway.' })),
    user: optional(Type.String()),
    metadata: optional(Type.Object({}, open)),
  },
  open,
)

/** A checked body. */
export type CompletionRequest = Static<typeof CompletionRequest>

/** Log-probabilities in OpenAI's legacy shape: four parallel lists. */
export const LegacyLogprobs = Type.Object({
  tokens: Type.Array(Type.String()),
  token_logprobs: Type.Array(nullable(Type.Number()), { description: 'null for the first token of a prompt.' }),
  top_logprobs: Type.Array(nullable(Type.Record(Type.String(), Type.Number()))),
  text_offset: Type.Array(Type.Integer(), {
    description: "Where each token begins in the choice's text, in characters (code points).",
  }),
})

/** Log-probabilities in the legacy shape. */
export type LegacyLogprobs = Static<typeof LegacyLogprobs>

const CompletionChoice = Type.Object({
  index: Type.Integer({ description: 'Prompt by prompt, n choices each.' }),
  text: Type.String(),
  logprobs: nullable(LegacyLogprobs),
  finish_reason: nullable(Type.Enum(['stop', 'length'])),
})

/** One choice, whole or a piece of a stream. */
export type CompletionChoice = Static<typeof CompletionChoice>

/** The answer, and every event of a streamed one. */
export const Completion = Type.Object({
  id: Type.String(),
  object: Type.Literal('text_completion'),
  created: timestamp,
  model: Type.String(),
  system_fingerprint: Type.String({ description: 'Model and engine build that answered.' }),
  choices: Type.Array(CompletionChoice),
  usage: Type.Optional(nullable(UsageObject)),
})

/** The answer, and every event of a streamed one. */
export type Completion = Static<typeof Completion>
