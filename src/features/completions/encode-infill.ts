// Writes a completion in llama.cpp's own shape (tools/server/README.md, "Response format"), for `/infill`.
import type { Failure } from '../../base/errors.ts'
import { errorObject } from '../../wire/failure.ts'
import type { ChosenLogprob, FinishReason, ModelEvent, Timings, TokenLogprob, Usage } from '../../wire/model.ts'
import { frame } from '../../wire/sse.ts'

/** What of the request goes into the answer. */
export interface InfillAnswer {
  readonly model: string
  /** Whether strings could end the answer; the contract does not tell them from the model's own end. */
  readonly hasStops: boolean
  readonly returnTokens: boolean
  /** Only these fields, where a slash goes into an object; absent: all. */
  readonly fields?: readonly string[]
}

interface Folded {
  text: string
  tokens: ChosenLogprob[]
  reason: FinishReason
  usage: Usage | undefined
  timings: Timings | undefined
}

/** The whole answer; `undefined` when the events ended before their end. */
export async function foldInfill(events: AsyncIterable<ModelEvent>, answer: InfillAnswer): Promise<object | undefined> {
  const folded = nothing()
  for await (const event of events) add(folded, event)
  return folded.usage === undefined ? undefined : select(finalObject(folded, folded.text, answer), answer.fields)
}

/**
 * Pieces with `stop: false`, then one with `stop: true` and the numbers. llama.cpp sends no `[DONE]` here: a stream without
 * its last piece was cut off.
 */
export async function* infillFrames(events: AsyncIterable<ModelEvent>, answer: InfillAnswer): AsyncGenerator<string> {
  const folded = nothing()
  for await (const event of events) {
    add(folded, event)
    if (event.type === 'text-delta') {
      const tokens = answer.returnTokens ? (event.logprobs ?? []).map(({ tokenId }) => tokenId) : []
      const probabilities =
        event.logprobs === undefined ? {} : { completion_probabilities: event.logprobs.map(probability) }
      yield frame({ index: 0, content: event.text, tokens, stop: false, ...probabilities })
    }
    if (event.type === 'end') yield frame(select(finalObject(folded, '', answer), answer.fields))
  }
}

/** The end of a stream that failed after it began: llama.cpp's clients look for `error`. */
export function infillFailureFrames(failure: Failure): string {
  return frame({ error: errorObject(failure) })
}

function nothing(): Folded {
  return { text: '', tokens: [], reason: 'stop', usage: undefined, timings: undefined }
}

function add(folded: Folded, event: ModelEvent): void {
  if (event.type === 'text-delta') {
    folded.text += event.text
    folded.tokens.push(...(event.logprobs ?? []))
  } else if (event.type === 'finish') folded.reason = event.reason
  else if (event.type === 'end') {
    folded.usage = event.usage
    folded.timings = event.timings
  }
}

function finalObject(folded: Folded, content: string, answer: InfillAnswer): Record<string, unknown> {
  const usage = folded.usage ?? { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 }
  const limited = folded.reason === 'length' || folded.reason === 'context'
  return {
    index: 0,
    content,
    tokens: answer.returnTokens ? folded.tokens.map(({ tokenId }) => tokenId) : [],
    stop: true,
    model: answer.model,
    tokens_predicted: usage.completionTokens,
    tokens_evaluated: usage.promptTokens,
    tokens_cached: usage.cachedTokens,
    truncated: folded.reason === 'context',
    // With stop strings either may have ended it: left out rather than guessed.
    ...(limited ? { stop_type: 'limit' } : !answer.hasStops && { stop_type: 'eos' }),
    has_new_line: folded.text.includes('\n'),
    ...(folded.tokens.length > 0 && { completion_probabilities: folded.tokens.map(probability) }),
    timings: timingsObject(usage, folded.timings),
  }
}

function timingsObject(usage: Usage, timings: Timings | undefined): object {
  const evaluated = usage.promptTokens - usage.cachedTokens
  return {
    cache_n: usage.cachedTokens,
    prompt_n: evaluated,
    prompt_ms: timings?.prefillMs ?? 0,
    ...speed('prompt', evaluated, timings?.prefillMs ?? 0),
    predicted_n: usage.completionTokens,
    predicted_ms: timings?.decodeMs ?? 0,
    ...speed('predicted', usage.completionTokens, timings?.decodeMs ?? 0),
  }
}

function speed(name: string, tokens: number, milliseconds: number): object {
  return {
    [`${name}_per_token_ms`]: tokens === 0 ? 0 : milliseconds / tokens,
    [`${name}_per_second`]: milliseconds === 0 ? 0 : (tokens / milliseconds) * 1000,
  }
}

function probability({ top, ...token }: ChosenLogprob): object {
  return { ...entry(token), top_logprobs: top.map(entry) }
}

function entry({ tokenId, token, bytes, logprob }: TokenLogprob): object {
  return { id: tokenId, token, bytes, logprob }
}

/** `response_fields`: each path is the name of its value in the answer; what is not there is left out. */
function select(body: Record<string, unknown>, fields: readonly string[] | undefined): object {
  if (fields === undefined) return body
  const found = fields.map((path) => [path, path.split('/').reduce<unknown>(property, body)] as const)
  return Object.fromEntries(found.filter(([, value]) => value !== undefined))
}

function property(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
  return isObject ? (value as Record<string, unknown>)[name] : undefined
}
