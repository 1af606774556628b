// The embeddings door: POST /v1/embeddings.
import { nameIgnoredFields, tellWaitAndLimits } from '../../wire/deliver.ts'
import { EmbeddingRequest, EmbeddingResponse } from '../../wire/embeddings.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import type { Registry } from '../models/registry.ts'
import { encodeEmbeddings } from './encode.ts'
import { prepareEmbedding } from './prepare.ts'

/** Adds the embeddings route. */
export function registerEmbeddings(server: Server, { registry }: { readonly registry: Registry }): void {
  server.post(
    '/v1/embeddings',
    {
      config: { permission: 'models.use' },
      schema: {
        tags: ['embeddings'],
        summary: 'Turn texts into vectors',
        description: 'The model must pool: an embedding model, or one started with the setting `pooling`.',
        body: EmbeddingRequest,
        response: { 200: EmbeddingResponse },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const model = registry.model(body.model, asker(request))
      const { inputs, format, ignored } = prepareEmbedding(body, model.card)
      const result = await model.embed({ inputs, context: callContext(request) }, exchange.signal)
      nameIgnoredFields(reply, ignored)
      tellWaitAndLimits(reply, result)
      return encodeEmbeddings({ id: request.id, model: model.card.name, format }, result)
    },
  )
}
