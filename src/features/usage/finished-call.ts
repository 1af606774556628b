// A call of a model when it is over: its usage row and what else a trace tells of it. Types only.
import type { CallContext, ModelCard, Sampling, Timings } from '../../wire/model.ts'
import type { UsageRow } from './row.ts'

/** Everything but what was said. */
export interface FinishedCall {
  readonly row: UsageRow
  readonly context: CallContext
  readonly card: Pick<ModelCard, 'quantisation'>
  /** Milliseconds from the call until the engine began, and how many of them the loading of the model took. */
  readonly queueMs: number
  readonly loadMs: number
  /** Why it failed, in words, where limits or the server are the cause. */
  readonly cause?: string
  /** Of a call that generates. */
  readonly sampling?: Sampling
  /** What its choices were drawn with. */
  readonly seed?: number
  /** Where the time went, where the call came to its end. */
  readonly timings?: Timings
}
