// The one place where calls wait for a model. Wraps a Model and is one; the order of the line is `places.ts`'s.
import type { Clock } from '../../base/clock.ts'
import { Failure, fail } from '../../base/errors.ts'
import type { CallContext, ChatCall, CompletionCall, Model, ModelCard, ModelEvent } from '../../wire/model.ts'
import { chatLength, documentsLength, inputsLength, promptLength, usualAnswer } from '../usage/estimate.ts'
import { createPlaces, type LineRules, type Places, type Work } from './places.ts'

/** A model behind its line, and how long the line is. */
export interface WaitingLine extends Pick<Places, 'waiting' | 'admitted'> {
  readonly model: Model
}

/** What a line is made of. */
export interface LineOptions {
  readonly clock: Clock
  /** Calls of each class that may wait. */
  readonly queueLength: number
  /** What the operator set for whoever asks. */
  readonly rules?: (context: CallContext) => LineRules
}

/** Puts a line before a model. At most `queueLength` calls of a class wait; more are refused with `queue_full`. */
export function line(bare: Model, options: LineOptions): WaitingLine {
  const places = createPlaces(bare, options)
  const workOf = (context: CallContext, cost: number, streams: number, signal: AbortSignal): Work => {
    const rules = options.rules?.(context)
    return { context, streams, cost, signal, ...(rules !== undefined && { rules }) }
  }
  async function* generate(work: Work, start: () => AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const place = await places.enter(work)
    try {
      for await (const event of start()) {
        yield event.type === 'started' ? { ...event, queueMs: event.queueMs + place.waitedMs } : event
      }
    } catch (error) {
      throw withWait(error, place.waitedMs)
    } finally {
      place.leave()
    }
  }
  const once = async <Result extends { readonly queueMs?: number }>(
    work: Work,
    start: () => Promise<Result>,
  ): Promise<Result> => {
    const place = await places.enter(work)
    try {
      const result = await start()
      return { ...result, queueMs: (result.queueMs ?? 0) + place.waitedMs }
    } catch (error) {
      throw withWait(error, place.waitedMs)
    } finally {
      place.leave()
    }
  }
  const answering = (call: ChatCall | CompletionCall, promptTokens: number, signal: AbortSignal) =>
    workOf(call.context, costOf(call, promptTokens, bare.card), call.sampling.choices ?? 1, signal)

  const model: Model = {
    get card() {
      return bare.card
    },
    load: () => bare.load(),
    chat: (call, signal) => generate(answering(call, chatLength(call), signal), () => bare.chat(call, signal)),
    complete: (call, signal) =>
      generate(answering(call, promptLength(call), signal), () => bare.complete(call, signal)),
    embed: (call, signal) => once(workOf(call.context, inputsLength(call), 1, signal), () => bare.embed(call, signal)),
    rank: (call, signal) => once(workOf(call.context, documentsLength(call), 1, signal), () => bare.rank(call, signal)),
    // Counting tokens takes no stream, so it does not wait.
    tokenize: (input, signal) => bare.tokenize(input, signal),
    detokenize: (tokens, signal) => bare.detokenize(tokens, signal),
    tokenizer: () => bare.tokenizer(),
  }
  return { model, waiting: places.waiting, admitted: places.admitted }
}

/** Tokens of work. No answer is longer than a stream, whatever `max_tokens` says: a caller's number must not be believed. */
function costOf(
  { sampling }: ChatCall | CompletionCall,
  promptTokens: number,
  { contextLength }: Pick<ModelCard, 'contextLength'>,
): number {
  const answer = Math.min(sampling.maxTokens ?? usualAnswer, contextLength)
  return Math.min(promptTokens, contextLength) + answer * (sampling.choices ?? 1)
}

/** The failure with how long the call waited, for the headers of its answer. */
function withWait(error: unknown, waitedMs: number): unknown {
  if (!(error instanceof Failure)) return error
  return fail(error.code, { ...error.fields, queueMs: waitedMs }, error.cause)
}
