// Writes scores as the answer of `/v1/rerank`. Pure.
import type { RankingResult } from '../../wire/model.ts'
import type { RerankResponse } from '../../wire/rerank.ts'

/** What of the request shapes the answer. */
export interface RankingFormat {
  readonly model: string
  readonly documents: readonly string[]
  readonly top: number
  readonly returnDocuments: boolean
}

/** The best documents first; equal scores keep the order of the request. */
export function encodeRanking(id: string, format: RankingFormat, result: RankingResult): RerankResponse {
  const order = result.scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score)
  return {
    id,
    object: 'list',
    model: format.model,
    results: order.slice(0, format.top).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(format.returnDocuments && { document: { text: format.documents[index] ?? '' } }),
    })),
    usage: { prompt_tokens: result.promptTokens, total_tokens: result.promptTokens },
  }
}
