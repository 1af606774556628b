// What a line of a batch may ask for: per endpoint the same schema, call and answer as the live request, in one piece and in the class batch.
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { ChatRequest } from '../../wire/chat.ts'
import { CompletionRequest } from '../../wire/completions.ts'
import { EmbeddingRequest } from '../../wire/embeddings.ts'
import { FimRequest } from '../../wire/fim.ts'
import type { CallContext, CompletionPrompt, Model } from '../../wire/model.ts'
import { ResponseRequest } from '../../wire/responses.ts'
import { seconds } from '../../wire/times.ts'
import { bodyCheck } from '../../wire/validate.ts'
import type { Answer } from '../chat/answer.ts'
import { foldAnswer } from '../chat/fold.ts'
import { prepareChat } from '../chat/prepare.ts'
import { foldCompletion } from '../completions/encode.ts'
import { prepareFim } from '../completions/fim.ts'
import { mergeCalls } from '../completions/merge.ts'
import { prepareCompletion } from '../completions/prepare.ts'
import { encodeEmbeddings } from '../embeddings/encode.ts'
import { prepareEmbedding } from '../embeddings/prepare.ts'
import { type Applied, applyToChat, applyToCompletion, applyToResponse, type PromptSource } from '../prompts/apply.ts'
import { ResponseEncoder } from '../responses/encode.ts'
import { prepareResponse } from '../responses/prepare.ts'
import { foldResponse, nameMessages, renamed } from '../responses/whole.ts'

/** One line on its way through an endpoint. */
export interface LineCall {
  readonly body: unknown
  readonly model: Model
  readonly context: CallContext
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Whose prompts a line may name. */
  readonly prompts: PromptSource
  /** Reasoning as chunks of the content, which only Mistral's clients read. */
  readonly thinkingChunks: boolean
}

/** Answers a line; throws what the live request would be refused with. */
export type AnswerLine = (call: LineCall) => Promise<object>

const checks = {
  chat: bodyCheck(ChatRequest),
  completion: bodyCheck(CompletionRequest),
  fim: bodyCheck(FimRequest),
  embedding: bodyCheck(EmbeddingRequest),
  response: bodyCheck(ResponseRequest),
}

const answers = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/fim/completions': answerFim,
  '/v1/embeddings': answerEmbedding,
  '/v1/responses': answerResponse,
} as const satisfies Record<string, AnswerLine>

/** Endpoints that a batch may be for. */
export const batchEndpoints = Object.keys(answers) as readonly (keyof typeof answers)[]

/** How lines for an endpoint are answered; throws a 400 for one that batches do not serve. */
export function answerFor(endpoint: string): AnswerLine {
  const known = batchEndpoints.find((name) => name === endpoint)
  if (known !== undefined) return answers[known]
  const reason = `batches are made for ${batchEndpoints.join(', ')}`
  throw fail('unsupported_value', { param: 'endpoint', reason })
}

async function answerChat(line: LineCall): Promise<object> {
  const { model, signal, clock, prompts, thinkingChunks } = line
  const { body: request, label } = await applyToChat(whole(checks.chat(line.body)), prompts)
  const context = labelled(line.context, label)
  const { call } = prepareChat(request, model.card)
  return foldAnswer(model.chat({ ...call, context }, signal), {
    ...head(model, context, clock),
    choices: call.sampling.choices ?? 1,
    thinkingChunks: thinkingChunks || request.prompt_mode === 'reasoning',
    legacyCall: request.functions !== undefined && request.functions !== null,
  })
}

async function answerFim({ body, model, context, signal, clock }: LineCall): Promise<object> {
  const { call } = prepareFim(whole(checks.fim(body)), model.card)
  const answer = { ...head(model, context, clock), choices: call.sampling.choices ?? 1 }
  return foldAnswer(model.complete({ ...call, context }, signal), answer)
}

async function answerCompletion(line: LineCall): Promise<object> {
  const { model, signal, clock } = line
  const { body, label } = await applyToCompletion(whole(checks.completion(line.body)), line.prompts)
  const context = labelled(line.context, label)
  const { calls, shape } = prepareCompletion(body, model.card)
  const echoed = shape.echo ? calls.map(({ prompt }) => prompt) : []
  const texts = await Promise.all(echoed.map((prompt) => promptText(prompt, model, signal)))
  const contextOf = (index: number) =>
    context.callId === undefined ? context : { ...context, callId: `${context.callId}_${index}` }
  const starts = calls.map(
    (call, index) => (stop: AbortSignal) => model.complete({ ...call, context: contextOf(index) }, stop),
  )
  // One prompt after another: the streams are filled by other lines.
  return foldCompletion(mergeCalls(starts, 1, signal), {
    ...head(model, context, clock),
    shape,
    calls: calls.length,
    prompts: texts,
  })
}

async function answerEmbedding({ body, model, context, signal }: LineCall): Promise<object> {
  const { inputs, format } = prepareEmbedding(checks.embedding(body), model.card)
  const result = await model.embed({ inputs, context }, signal)
  return encodeEmbeddings({ id: context.requestId, model: model.card.name, format }, result)
}

async function answerResponse(line: LineCall): Promise<object> {
  const { model, signal, clock } = line
  nameMessages(line.body)
  const { body, label } = await applyToResponse(whole(checks.response(line.body)), line.prompts)
  const context = labelled(line.context, label)
  const { call, settings, rename } = prepareResponse(body, model.card)
  const now = () => seconds(clock.now())
  const events = renamed(model.chat({ ...call, context }, signal), rename)
  return foldResponse(events, new ResponseEncoder(settings, now()), now, context.requestId)
}

/** The trace of a line tells which version of a prompt it was made of. */
function labelled(context: CallContext, prompt: Applied<unknown>['label']): CallContext {
  return prompt === undefined ? context : { ...context, labels: { ...context.labels, prompt } }
}

/** The answer goes into a file: there is nobody to stream to. */
function whole<Body extends { readonly stream?: boolean | null }>(body: Body): Body {
  if (body.stream !== true) return body
  throw fail('unsupported_value', { param: 'stream', reason: 'the answers of a batch come in one piece; leave it out' })
}

function head(model: Model, { requestId }: CallContext, clock: Clock): Answer {
  return {
    id: requestId,
    created: seconds(clock.now()),
    model: model.card.name,
    choices: 1,
    includeUsage: false,
    thinkingChunks: false,
    legacyCall: false,
  }
}

/** The prompt as `echo` repeats it. */
async function promptText(prompt: CompletionPrompt, model: Model, signal: AbortSignal): Promise<string> {
  if (prompt.type === 'tokens') return model.detokenize(prompt.tokens, signal)
  return prompt.type === 'text' ? prompt.text : ''
}
