// Turns a checked `/v1/rerank` body into a call of a model. Pure.
import { fail } from '../../base/errors.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { ModelCard } from '../../wire/model.ts'
import { RerankRequest } from '../../wire/rerank.ts'
import type { RankingFormat } from './encode.ts'

/** A request as a call. */
export interface PreparedRanking {
  readonly query: string
  readonly documents: readonly string[]
  readonly format: RankingFormat
  readonly ignored: readonly string[]
}

/** Throws `unsupported_value` where the model cannot rank. */
export function prepareRanking(body: RerankRequest, card: ModelCard): PreparedRanking {
  if (!card.capabilities.ranking && !card.capabilities.embeddings) {
    const reason = `"${card.name}" is no reranker and gives no embeddings; start it with "pooling" set to mean, cls or last to compare by those`
    throw fail('unsupported_value', { param: 'model', reason })
  }
  const documents = body.documents.map((document) => (typeof document === 'string' ? document : document.text))
  return {
    query: body.query,
    documents,
    format: {
      model: card.name,
      documents,
      top: body.top_n ?? documents.length,
      returnDocuments: body.return_documents === true,
    },
    ignored: ignoredFields(RerankRequest, body, []),
  }
}
