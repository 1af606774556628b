// The schema of `/v1/embeddings`: OpenAI's and Mistral's fields, one answer for both.
import { type Static, Type } from 'typebox'
import { modelField, optional } from './fields.ts'

/** Token ids, as the model's own tokenizer counts them. */
const tokens = Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 })

/** OpenAI's limit, which its SDKs split by. Checked after the schema: a list of ids for one text may be longer. */
export const maxInputs = 2048

/** The body of `POST /v1/embeddings`. */
export const EmbeddingRequest = Type.Object({
  model: modelField,
  input: Type.Union(
    [Type.String(), Type.Array(Type.String(), { minItems: 1 }), tokens, Type.Array(tokens, { minItems: 1 })],
    { description: `One text or up to ${maxInputs}; token ids instead of texts work too.` },
  ),
  encoding_format: optional(
    Type.Enum(['float', 'base64'], {
      description: 'base64 is the bytes of the numbers, little-endian; both OpenAI SDKs ask for it by themselves.',
    }),
  ),
  dimensions: optional(
    Type.Integer({ minimum: 1, description: "OpenAI's name: the first numbers, scaled to length 1." }),
  ),
  output_dimension: optional(Type.Integer({ minimum: 1, description: "Mistral's name of dimensions." })),
  output_dtype: optional(
    Type.Enum(['float', 'int8', 'uint8', 'binary', 'ubinary'], {
      description: 'int8 and uint8 are one byte a number; binary and ubinary one bit a number, eight to a byte.',
    }),
  ),
  user: optional(Type.String()),
  metadata: optional(Type.Record(Type.String(), Type.Unknown())),
})

/** A checked body. */
export type EmbeddingRequest = Static<typeof EmbeddingRequest>

/** The answer of `POST /v1/embeddings`, read by both vendors' SDKs. */
export const EmbeddingResponse = Type.Object({
  id: Type.String(),
  object: Type.Literal('list'),
  data: Type.Array(
    Type.Object({
      object: Type.Literal('embedding'),
      index: Type.Integer(),
      embedding: Type.Union([Type.Array(Type.Number()), Type.String()]),
    }),
  ),
  model: Type.String(),
  usage: Type.Object({
    prompt_tokens: Type.Integer(),
    completion_tokens: Type.Integer(),
    total_tokens: Type.Integer(),
  }),
})
