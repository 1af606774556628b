// A call of a model when it is over: its usage row and what else a trace tells of it. Types only.
import type { CallContext, Sampling, Timings } from '../../wire/model.ts'
import type { UsageRow } from './row.ts'

/** Everything but what was said. */
export interface FinishedCall {
  readonly row: UsageRow
  readonly context: CallContext
  /** Of a call that generates. */
  readonly sampling?: Sampling
  /** Where the time went, where the call came to its end. */
  readonly timings?: Timings
}
