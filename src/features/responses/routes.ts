// The Responses door: POST /v1/responses and /v1/responses/input_tokens. Nothing is stored between calls.
import type { FastifyRequest } from 'fastify'
import { Failure } from '../../base/errors.ts'
import { deliverStream, deliverWhole, nameIgnoredFields } from '../../wire/deliver.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import type { ModelEvent } from '../../wire/model.ts'
import { ResponseObject, ResponseStreamEvent } from '../../wire/response-object.ts'
import { InputTokensRequest, InputTokensResponse, ResponseRequest } from '../../wire/responses.ts'
import { frame } from '../../wire/sse.ts'
import { seconds } from '../../wire/times.ts'
import type { Registry } from '../models/registry.ts'
import { applyToResponse } from '../prompts/apply.ts'
import type { FillPrompt } from '../prompts/fill.ts'
import { promptReader } from '../prompts/routes.ts'
import { ResponseEncoder } from './encode.ts'
import type { NumberedEvent } from './events.ts'
import { prepareInputTokens, prepareResponse } from './prepare.ts'
import { cutOff, foldResponse, nameMessages, renamed } from './whole.ts'

/** What the door needs. */
export interface ResponseParts {
  readonly registry: Registry
  /** Fills prompts in that a request names; without it there are none. */
  readonly fillPrompt?: FillPrompt
}

/** Adds the Responses routes. */
export function registerResponses(server: Server, { registry, fillPrompt }: ResponseParts): void {
  server.post(
    '/v1/responses',
    {
      config: { permission: 'models.use', streamed: ResponseStreamEvent },
      preValidation: async ({ body }) => nameMessages(body),
      schema: {
        tags: ['responses'],
        summary: 'Answer a conversation, stateless',
        description: 'Function tools only; nothing is stored.',
        body: ResponseRequest,
        response: { 200: ResponseObject },
      },
    },
    async (request, reply) => {
      const { exchange } = request
      const model = registry.model(request.body.model, asker(request))
      const prompts = { reader: promptReader(exchange.caller), fill: fillPrompt }
      const { body, label } = await applyToResponse(request.body, prompts)
      const { call, settings, ignored, rename } = prepareResponse(body, model.card)
      const context = callContext(request, { prompt: label })
      const events = renamed(model.chat({ ...call, context }, exchange.signal), rename)
      const now = (): number => seconds(exchange.clock.now())
      const encoder = new ResponseEncoder(settings, now())
      const delivery = { request, reply, ignored, events, loading: () => model.load().loading }
      if (body.stream === true) {
        return deliverStream({
          ...delivery,
          frames: (source) => responseFrames(source, encoder, now, request),
          failureFrames: (failure) => framesOf(encoder.fail(failure)),
        })
      }
      return deliverWhole({ ...delivery, fold: (source) => foldResponse(source, encoder, now, request.id) })
    },
  )
  server.post(
    '/v1/responses/input_tokens',
    {
      config: { permission: 'models.use' },
      preValidation: async ({ body }) => nameMessages(body),
      schema: {
        tags: ['responses'],
        summary: 'Count the tokens of an input',
        body: InputTokensRequest,
        response: { 200: InputTokensResponse },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const model = registry.model(body.model, asker(request))
      const { call, ignored, rename } = prepareInputTokens(body, model.card)
      const tokens = await model.tokenize({ type: 'chat', call }, exchange.signal).catch((error: unknown) => {
        throw error instanceof Failure ? rename(error) : error
      })
      nameIgnoredFields(reply, ignored)
      return { object: 'response.input_tokens' as const, input_tokens: tokens.length }
    },
  )
}

async function* responseFrames(
  events: AsyncIterable<ModelEvent>,
  encoder: ResponseEncoder,
  now: () => number,
  request: FastifyRequest,
): AsyncGenerator<string> {
  let last: ModelEvent | undefined
  for await (const event of events) {
    last = event
    yield framesOf(encoder.push(event, now()))
  }
  if (last?.type !== 'end') throw cutOff(request.id)
}

/** With the `event:` line, which Mistral's SDK wants. */
function framesOf(events: readonly NumberedEvent[]): string {
  return events.map((event) => frame(event, event.type)).join('')
}
