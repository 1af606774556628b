// Writes vectors as the answer of `/v1/embeddings` that both vendors' SDKs read. Pure.
import type { Static } from 'typebox'
import type { EmbeddingResponse } from '../../wire/embeddings.ts'
import type { EmbeddingResult } from '../../wire/model.ts'
import type { VectorFormat } from './prepare.ts'
import { quantise, shorten, toBase64 } from './quantise.ts'

/** What of the request goes into the answer. */
export interface EmbeddingAnswer {
  readonly id: string
  readonly model: string
  readonly format: VectorFormat
}

/** Shortened first, then scaled to length 1, then in the number type asked for, then base64: each step wants the one before it. */
export function encodeEmbeddings(answer: EmbeddingAnswer, result: EmbeddingResult): Static<typeof EmbeddingResponse> {
  const { id, model, format } = answer
  return {
    id,
    object: 'list',
    data: result.vectors.map((vector, index) => {
      const numbers = quantise(shorten(vector, format.dimensions), format.numbers)
      return { object: 'embedding', index, embedding: format.base64 ? toBase64(numbers) : Array.from(numbers) }
    }),
    model,
    usage: { prompt_tokens: result.promptTokens, completion_tokens: 0, total_tokens: result.promptTokens },
  }
}
