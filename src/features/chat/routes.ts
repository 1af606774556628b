// The chat door: POST /v1/chat/completions.
//
// How a door is written, here and in every feature that answers from a model:
// - `register<Feature>(server, { registry })` adds routes; the TypeBox schemas of `wire/` validate the body and write the reference.
// - A route says who may: `config: { permission: 'models.use' }`, or `open: true` for anybody; `request.exchange` tells who asks, holds the clock and a signal
//   that aborts when the client is gone. Pass `exchange.signal` and `callContext(request)` on; never a bare Model, always the registry's.
// - Errors are thrown: `throw fail('invalid_value', { param: 'messages[0].content', reason: 'it is empty' })`. The server writes the body.
// - `deliverStream` and `deliverWhole` (wire/deliver.ts) send the answer: status, headers, keep-alive, padding, late failures.
// - `ignoredFields` (wire/fields.ts) names what had no effect; `samplingFields` and `readSampling` (wire/sampling.ts) are shared by all doors.

import { ChatChunk, ChatCompletion, ChatRequest } from '../../wire/chat.ts'
import { deliverStream, deliverWhole } from '../../wire/deliver.ts'
import { asker, callContext, isMistralClient, type Server } from '../../wire/exchange.ts'
import { seconds } from '../../wire/times.ts'
import type { Registry } from '../models/registry.ts'
import { applyToChat } from '../prompts/apply.ts'
import type { FillPrompt } from '../prompts/fill.ts'
import { promptReader } from '../prompts/routes.ts'
import { chunkFrames, failureFrames } from './encode.ts'
import { foldAnswer } from './fold.ts'
import { prepareChat } from './prepare.ts'

/** What the door needs. */
export interface ChatParts {
  readonly registry: Registry
  /** Fills prompts in that a request names; without it there are none. */
  readonly fillPrompt?: FillPrompt
}

/** Adds the chat route. */
export function registerChat(server: Server, { registry, fillPrompt }: ChatParts): void {
  server.post(
    '/v1/chat/completions',
    {
      config: { permission: 'models.use', streamed: ChatChunk },
      schema: {
        tags: ['chat'],
        summary: 'Answer a conversation',
        body: ChatRequest,
        response: { 200: ChatCompletion },
      },
    },
    async (request, reply) => {
      const { exchange } = request
      const model = registry.model(request.body.model, asker(request))
      const prompts = { reader: promptReader(exchange.caller), fill: fillPrompt }
      const { body, label } = await applyToChat(request.body, prompts)
      const { call, ignored } = prepareChat(body, model.card)
      const context = callContext(request, { cacheSalt: body.cache_salt, prompt: label })
      const events = model.chat({ ...call, context }, exchange.signal)
      const answer = {
        id: request.id,
        created: seconds(exchange.clock.now()),
        model: model.card.name,
        choices: call.sampling.choices ?? 1,
        includeUsage: body.stream_options?.include_usage === true,
        thinkingChunks: isMistralClient(request.headers) || body.prompt_mode === 'reasoning',
        legacyCall: body.functions !== undefined && body.functions !== null,
      }
      if (body.stream === true) {
        return deliverStream({
          request,
          reply,
          ignored,
          events,
          loading: () => model.load().loading,
          frames: (source) => chunkFrames(source, answer),
          failureFrames: (failure) => failureFrames(failure, answer),
        })
      }
      return deliverWhole({ request, reply, ignored, events, fold: (source) => foldAnswer(source, answer) })
    },
  )
}
