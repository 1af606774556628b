// Measures every call of a model: its usage row (tokens, times, money), one log line (never prompts), the counters behind /metrics. Wraps a Model and is one.
import type { CallContext, Model, ModelEvent } from '../../wire/model.ts'
import { type MeterTools, type Operation, openTally, type WholeAnswer } from './tally.ts'

/** Puts the meter before a model. No call begins without a place for its row: that throws `database_unavailable`. */
export function meter(model: Model, tools: MeterTools): Model {
  async function* watch(
    operation: Operation,
    call: { readonly context: CallContext },
    start: () => AsyncIterable<ModelEvent>,
  ): AsyncGenerator<ModelEvent, void> {
    const tally = openTally(model.card, operation, call, tools)
    try {
      for await (const event of start()) {
        tally.note(event)
        // Before anyone sees that the answer is complete.
        if (event.type === 'end') tally.close()
        yield event
      }
    } catch (error) {
      tally.failed(error)
      throw error
    } finally {
      tally.close()
    }
  }
  const once = async <Result extends WholeAnswer>(
    operation: Operation,
    call: { readonly context: CallContext },
    start: () => Promise<Result>,
  ): Promise<Result> => {
    const tally = openTally(model.card, operation, call, tools)
    try {
      const answer = await start()
      tally.done(answer)
      return answer
    } catch (error) {
      tally.failed(error)
      throw error
    } finally {
      tally.close()
    }
  }
  return {
    get card() {
      return model.card
    },
    load: () => model.load(),
    chat: (call, signal) => watch('chat', call, () => model.chat(call, signal)),
    complete: (call, signal) => watch('complete', call, () => model.complete(call, signal)),
    embed: (call, signal) => once('embed', call, () => model.embed(call, signal)),
    rank: (call, signal) => once('rank', call, () => model.rank(call, signal)),
    tokenize: (input, signal) => model.tokenize(input, signal),
    detokenize: (tokens, signal) => model.detokenize(tokens, signal),
    tokenizer: () => model.tokenizer(),
  }
}
