// Tells how each call of a model went, when it is over. Wraps a Model and is one; changes nothing of what passes.
import type { Clock } from '../../base/clock.ts'
import { Failure } from '../../base/errors.ts'
import type { ChatCall, CompletionCall, EmbeddingCall, Model, ModelEvent, RankingCall } from '../../wire/model.ts'

/** A call as it was made, so that it can be made again. */
export type MadeCall =
  | { readonly operation: 'chat'; readonly call: ChatCall }
  | { readonly operation: 'complete'; readonly call: CompletionCall }
  | { readonly operation: 'embed'; readonly call: EmbeddingCall }
  | { readonly operation: 'rank'; readonly call: RankingCall }

/** How it went: `fault` is the model's or its machine's, `refused` the caller's. */
export type Outcome = 'ok' | 'fault' | 'refused' | 'abandoned'

/** A call that is over. */
export interface ObservedCall {
  readonly made: MadeCall
  readonly outcome: Outcome
  /** It was refused because the model's context is too short for it. */
  readonly tooLong: boolean
  /** Milliseconds from the call to its first output; null where none came, or where there is none before the end. */
  readonly firstTokenMs: number | null
}

/** Puts the observer before a model; `over` must not throw or wait. */
export function observe(model: Model, clock: Clock, over: (call: ObservedCall) => void): Model {
  async function* watch(made: MadeCall, start: () => AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const since = clock.elapsed()
    let firstTokenMs: number | null = null
    let outcome: Outcome = 'abandoned'
    let tooLong = false
    try {
      for await (const event of start()) {
        if (event.type === 'end') outcome = 'ok'
        else if (event.type !== 'started' && event.type !== 'prompt-logprobs') firstTokenMs ??= clock.elapsed() - since
        yield event
      }
    } catch (error) {
      outcome = outcomeOf(error)
      tooLong = isTooLong(error)
      throw error
    } finally {
      over({ made, outcome, tooLong, firstTokenMs })
    }
  }
  const once = async <Result>(made: MadeCall, start: () => Promise<Result>): Promise<Result> => {
    let outcome: Outcome = 'ok'
    let tooLong = false
    try {
      return await start()
    } catch (error) {
      outcome = outcomeOf(error)
      tooLong = isTooLong(error)
      throw error
    } finally {
      over({ made, outcome, tooLong, firstTokenMs: null })
    }
  }
  return {
    get card() {
      return model.card
    },
    load: () => model.load(),
    chat: (call, signal) => watch({ operation: 'chat', call }, () => model.chat(call, signal)),
    complete: (call, signal) => watch({ operation: 'complete', call }, () => model.complete(call, signal)),
    embed: (call, signal) => once({ operation: 'embed', call }, () => model.embed(call, signal)),
    rank: (call, signal) => once({ operation: 'rank', call }, () => model.rank(call, signal)),
    tokenize: (input, signal) => model.tokenize(input, signal),
    detokenize: (tokens, signal) => model.detokenize(tokens, signal),
    tokenizer: () => model.tokenizer(),
  }
}

/** These say nothing of the version that was called: the server, its database or the client was in the way. */
const others: ReadonlySet<string> = new Set(['server_stopping', 'database_unavailable', 'client_closed'])

const isTooLong = (error: unknown) => error instanceof Failure && error.code === 'context_length_exceeded'

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Failure)) return error instanceof DOMException ? 'abandoned' : 'fault'
  if (error.code === 'client_closed') return 'abandoned'
  return error.status >= 500 && !others.has(error.code) ? 'fault' : 'refused'
}
