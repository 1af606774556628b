// llama.cpp's fill-in-the-middle door, for editors that speak to its server: POST /infill.
import { fail } from '../../base/errors.ts'
import { deliverStream, deliverWhole } from '../../wire/deliver.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import { InfillRequest, InfillResponse } from '../../wire/fim.ts'
import type { ModelEvent } from '../../wire/model.ts'
import type { Registry } from '../models/registry.ts'
import { foldInfill, type InfillAnswer, infillFailureFrames, infillFrames } from './encode-infill.ts'
import { prepareInfill } from './prepare-infill.ts'

/** Adds the infill route. `model` may be left out where there is only one. */
export function registerInfill(server: Server, { registry }: { readonly registry: Registry }): void {
  server.post(
    '/infill',
    {
      config: { permission: 'models.use', streamed: InfillResponse },
      schema: {
        tags: ['completions'],
        summary: "Fill the gap between two texts, in llama.cpp's shape",
        body: InfillRequest,
        response: { 200: InfillResponse },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const model = registry.modelOrOnly(body.model, asker(request))
      const { call, ignored } = prepareInfill(body, model.card)
      const events = model.complete({ ...call, context: callContext(request) }, exchange.signal)
      const fields = body.response_fields ?? undefined
      const answer: InfillAnswer = {
        model: model.card.name,
        hasStops: call.sampling.stop !== undefined,
        returnTokens: body.return_tokens === true,
        ...(fields !== undefined && { fields }),
      }
      const delivery = { request, reply, ignored, events, loading: () => model.load().loading }
      if (body.stream === true) {
        const frames = (source: AsyncIterable<ModelEvent>) => infillFrames(source, answer)
        return deliverStream({ ...delivery, frames, failureFrames: infillFailureFrames })
      }
      const fold = async (source: AsyncIterable<ModelEvent>): Promise<object> => {
        const whole = await foldInfill(source, answer)
        // Events without an end were cut off: never a short answer.
        if (whole === undefined) throw fail('internal_error', { requestId: request.id })
        return whole
      }
      return deliverWhole({ ...delivery, fold })
    },
  )
}
