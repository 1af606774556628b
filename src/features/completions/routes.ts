// The text completion doors: POST /v1/completions here, fill-in-the-middle beside it.
import { Completion, CompletionRequest } from '../../wire/completions.ts'
import { deliverStream, deliverWhole } from '../../wire/deliver.ts'
import { asker, callContext, type Server } from '../../wire/exchange.ts'
import type { CompletionPrompt, Model } from '../../wire/model.ts'
import { seconds } from '../../wire/times.ts'
import type { Registry } from '../models/registry.ts'
import { applyToCompletion } from '../prompts/apply.ts'
import type { FillPrompt } from '../prompts/fill.ts'
import { promptReader } from '../prompts/routes.ts'
import { completionFailureFrames, completionFrames, foldCompletion } from './encode.ts'
import { registerFim } from './fim.ts'
import { registerInfill } from './infill.ts'
import { mergeCalls } from './merge.ts'
import { prepareCompletion } from './prepare.ts'

/** What the doors need. */
export interface CompletionParts {
  readonly registry: Registry
  /** Fills prompts in that a request names; without it there are none. */
  readonly fillPrompt?: FillPrompt
}

/** Adds all routes that continue a text. */
export function registerCompletions(server: Server, { registry, fillPrompt }: CompletionParts): void {
  registerFim(server, { registry })
  registerInfill(server, { registry })
  server.post(
    '/v1/completions',
    {
      config: { permission: 'models.use', streamed: Completion },
      schema: {
        tags: ['completions'],
        summary: 'Continue one or several prompts',
        body: CompletionRequest,
        response: { 200: Completion },
      },
    },
    async (request, reply) => {
      const { exchange } = request
      const model = registry.model(request.body.model, asker(request))
      const prompts = { reader: promptReader(exchange.caller), fill: fillPrompt }
      const { body, label } = await applyToCompletion(request.body, prompts)
      const { calls, shape, ignored } = prepareCompletion(body, model.card)
      const context = callContext(request, { cacheSalt: body.cache_salt, prompt: label })
      const echoed = shape.echo ? calls.map(({ prompt }) => prompt) : []
      const answer = {
        id: request.id,
        created: seconds(exchange.clock.now()),
        model: model.card.name,
        shape,
        includeUsage: body.stream_options?.include_usage === true,
        calls: calls.length,
        prompts: await Promise.all(echoed.map((prompt) => promptText(prompt, model, exchange.signal))),
      }
      const starts = calls.map((call) => (signal: AbortSignal) => model.complete({ ...call, context }, signal))
      const events = mergeCalls(starts, model.load().streams, exchange.signal)
      const delivery = { request, reply, ignored, events, loading: () => model.load().loading }
      if (body.stream === true) {
        return deliverStream({
          ...delivery,
          frames: (source) => completionFrames(source, answer),
          failureFrames: (failure) => completionFailureFrames(failure, answer),
        })
      }
      return deliverWhole({ ...delivery, fold: (source) => foldCompletion(source, answer) })
    },
  )
}

/** The prompt as `echo` repeats it. */
async function promptText(prompt: CompletionPrompt, model: Model, signal: AbortSignal): Promise<string> {
  if (prompt.type === 'tokens') return model.detokenize(prompt.tokens, signal)
  return prompt.type === 'text' ? prompt.text : ''
}
