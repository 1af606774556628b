// The schema of `/v1/rerank`, in the shape that Jina and Cohere share.
import { type Static, Type } from 'typebox'
import { modelField, optional } from './fields.ts'

/** The body of `POST /v1/rerank`. */
export const RerankRequest = Type.Object({
  model: modelField,
  query: Type.String({ minLength: 1 }),
  documents: Type.Array(Type.Union([Type.String(), Type.Object({ text: Type.String() })]), {
    minItems: 1,
    maxItems: 2048,
    description: 'Texts, or objects with a text.',
  }),
  top_n: optional(Type.Integer({ minimum: 1, description: 'Only the best so many; all when absent.' })),
  return_documents: optional(
    Type.Boolean({ description: 'Whether each result repeats its document; false when absent.' }),
  ),
})

/** A checked body. */
export type RerankRequest = Static<typeof RerankRequest>

/** The answer of `POST /v1/rerank`, best first. */
export const RerankResponse = Type.Object({
  id: Type.String(),
  object: Type.Literal('list'),
  model: Type.String(),
  results: Type.Array(
    Type.Object({
      index: Type.Integer({ description: 'Place of the document in the request.' }),
      relevance_score: Type.Number({
        description:
          "As the model's own head gives it, higher is more relevant, within 0 to 1 only where the head says so; without a head the cosine of the two vectors, −1 to 1.",
      }),
      document: Type.Optional(Type.Object({ text: Type.String() })),
    }),
  ),
  usage: Type.Object({
    prompt_tokens: Type.Integer(),
    total_tokens: Type.Integer(),
  }),
})

/** The answer as an object. */
export type RerankResponse = Static<typeof RerankResponse>
