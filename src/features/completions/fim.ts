// The fill-in-the-middle door of Mistral's API: POST /v1/fim/completions, answered as a chat completion.
import { ChatChunk, ChatCompletion } from '../../wire/chat.ts'
import { deliverStream, deliverWhole } from '../../wire/deliver.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import { FimRequest } from '../../wire/fim.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { CompletionCall, ModelCard } from '../../wire/model.ts'
import { readSampling } from '../../wire/sampling.ts'
import { seconds } from '../../wire/times.ts'
import type { Answer } from '../chat/answer.ts'
import { chunkFrames, failureFrames } from '../chat/encode.ts'
import { foldAnswer } from '../chat/fold.ts'
import type { Registry } from '../models/registry.ts'
import { requireFillInTheMiddle } from './capability.ts'

/** Adds the fill-in-the-middle route. */
export function registerFim(server: Server, { registry }: { readonly registry: Registry }): void {
  server.post(
    '/v1/fim/completions',
    {
      config: { permission: 'models.use', streamed: ChatChunk },
      schema: {
        tags: ['completions'],
        summary: 'Fill the gap between two texts',
        description: 'Answers as a chat completion.',
        body: FimRequest,
        response: { 200: ChatCompletion },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const model = registry.model(body.model, asker(request))
      const { call, ignored } = prepareFim(body, model.card)
      const answer: Answer = {
        id: request.id,
        created: seconds(exchange.clock.now()),
        model: model.card.name,
        choices: call.sampling.choices ?? 1,
        includeUsage: body.stream_options?.include_usage === true,
        thinkingChunks: false,
        legacyCall: false,
      }
      const events = model.complete({ ...call, context: callContext(request) }, exchange.signal)
      const delivery = { request, reply, ignored, events, loading: () => model.load().loading }
      if (body.stream === true) {
        return deliverStream({
          ...delivery,
          frames: (source) => chunkFrames(source, answer),
          failureFrames: (failure) => failureFrames(failure, answer),
        })
      }
      return deliverWhole({ ...delivery, fold: (source) => foldAnswer(source, answer) })
    },
  )
}

/** A request as a call. Throws `unsupported_value` where the model cannot fill in the middle. */
export function prepareFim(
  body: FimRequest,
  card: ModelCard,
): { readonly call: Omit<CompletionCall, 'context'>; readonly ignored: readonly string[] } {
  requireFillInTheMiddle(card, 'model')
  return {
    call: {
      prompt: { type: 'fill-in-the-middle', prefix: body.prompt, suffix: body.suffix ?? '', files: [] },
      sampling: readSampling(body, { vocabularySize: card.vocabularySize }),
      output: { type: 'text' },
    },
    ignored: ignoredFields(FimRequest, body, ['prompt_cache_key', ...(body.stream === true ? [] : ['stream_options'])]),
  }
}
