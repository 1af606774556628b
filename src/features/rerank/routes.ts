// The rerank door: POST /v1/rerank, and /rerank as Jina's and llama.cpp's clients write it.
import { nameIgnoredFields, tellWaitAndLimits } from '../../wire/deliver.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import { RerankRequest, RerankResponse } from '../../wire/rerank.ts'
import type { Registry } from '../models/registry.ts'
import { encodeRanking } from './encode.ts'
import { prepareRanking } from './prepare.ts'

/** Adds the rerank routes. */
export function registerRerank(server: Server, { registry }: { readonly registry: Registry }): void {
  for (const path of ['/v1/rerank', '/rerank']) {
    server.post(
      path,
      {
        config: { permission: 'models.use' },
        schema: {
          tags: ['rerank'],
          summary: 'Order documents by relevance to a query',
          description:
            'In the shape that Jina and Cohere share. A reranker scores with its own head; any other model that gives embeddings, by the cosine of the vectors of query and document.',
          body: RerankRequest,
          response: { 200: RerankResponse },
        },
      },
      async (request, reply) => {
        const { body, exchange } = request
        const model = registry.model(body.model, asker(request))
        const { query, documents, format, ignored } = prepareRanking(body, model.card)
        const result = await model.rank({ query, documents, context: callContext(request) }, exchange.signal)
        nameIgnoredFields(reply, ignored)
        tellWaitAndLimits(reply, result)
        return encodeRanking(request.id, format, result)
      },
    )
  }
}
