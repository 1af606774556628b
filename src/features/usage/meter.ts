// Measures every call of a model: its usage row (tokens, times, money), one log line (never prompts), the counters behind /metrics. Wraps a Model and is one.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { CallContext, Model, ModelEvent } from '../../wire/model.ts'
import type { Prices } from '../prices/book.ts'
import type { CallCounts } from './counts.ts'
import type { FinishedCall } from './finished-call.ts'
import type { UsageContent, UsageRow } from './row.ts'
import { type Operation, openTally, type WholeAnswer } from './tally.ts'
import type { UsageWriter } from './writer.ts'

/** Where rows go and what they cost. */
export interface Metering {
  readonly writer: UsageWriter
  readonly prices: Prices
  /** Whether what is said is kept, where the request asked so or not; throws `invalid_value` where it may not ask. */
  keepsContent(workspace: string, asked: boolean | undefined): boolean
  /** Takes content that its workspace wants blacked out first; false, and nothing taken, where it is kept as it is. */
  readonly takeContent?: (row: UsageRow, content: UsageContent) => boolean
}

/** What a meter needs. Without `usage` a call is counted and logged and leaves no row; the product always has it. */
export interface MeterTools {
  readonly clock: Clock
  readonly log: Log
  readonly counts: CallCounts
  readonly usage?: Metering
  /** Told of every call that is over; must not throw or wait. */
  readonly trace?: (call: FinishedCall) => void
}

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
