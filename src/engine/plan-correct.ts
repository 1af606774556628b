// Compares a plan with what its model took when it was loaded, and corrects the next plan of the same model. Pure.

import type { ModelHeader } from './header-types.ts'
import type { EngineMemory } from './messages.ts'
import type { MemoryNeed } from './plan-memory.ts'
import type { Correction } from './plan-shape.ts'

/** Keeps what was learned, beyond the process. */
export interface CorrectionBook {
  find(model: string): Correction | undefined
  keep(model: string, correction: Correction): void
}

/** A model by what decides its memory: its file may move, and another quantisation is another model. */
export function correctionKey({ architecture, metadata, tensorBytes }: ModelHeader): string {
  const read = (key: string) => String(metadata.get(`${architecture}.${key}`) ?? '')
  return [architecture, read('block_count'), read('embedding_length'), tensorBytes].join('-')
}

/** Sizes come from a log with two digits after the mebibytes: smaller differences say nothing. */
const noise = 0.02 * 2 ** 20
/** What the plan should have said. Absent where nothing is to be corrected. */
export function correctionOf(planned: MemoryNeed, taken: EngineMemory): Correction {
  const ratio = (before: number, now: number) => (before <= 0 || Math.abs(now - before) <= noise ? 1 : now / before)
  // Less than nothing where weights are on a GPU, or the system has taken their pages back.
  const rest = taken.resident - taken.weights - taken.repacked - taken.kv - taken.state
  return {
    kv: ratio(planned.kv, taken.kv),
    state: ratio(planned.state, taken.state),
    compute: ratio(planned.compute, taken.compute),
    // A process that has answered nothing yet is smaller than it will be: grammars, formats and answers come later.
    overheadBytes: Math.max(planned.overhead, rest),
  }
}

/** Both sides in MiB, for the log. */
export function compared(planned: MemoryNeed, taken: EngineMemory): Readonly<Record<string, number>> {
  const mebibytes = (bytes: number) => Number((bytes / 2 ** 20).toFixed(2))
  const overhead = correctionOf(planned, taken).overheadBytes
  return {
    plannedWeights: mebibytes(planned.weights),
    weights: mebibytes(taken.weights),
    repacked: mebibytes(taken.repacked),
    plannedKv: mebibytes(planned.kv + planned.state),
    kv: mebibytes(taken.kv + taken.state),
    plannedCompute: mebibytes(planned.compute),
    compute: mebibytes(taken.compute),
    plannedOverhead: mebibytes(planned.overhead),
    overhead: mebibytes(overhead),
    resident: mebibytes(taken.resident),
  }
}
