// Decides which tokens go into the next step. Pure: sequences and the learned pace in, parts out. Knows no engine.

import type { Pace } from './pace.ts'

/** What planning must know of a running sequence. */
export interface Runnable {
  /** Tokens to decode before its next token can be sampled; 1 while it decodes. */
  readonly pending: number
  readonly interactive: boolean
  /** Every row of its prompt gives logits, so a step takes fewer of them. */
  readonly allRows: boolean
}

/** A sequence's share of the step: its next `rows` pending tokens. */
export interface StepPart<S extends Runnable> {
  readonly sequence: S
  readonly rows: number
}

/** Limits of one step. */
export interface StepLimits {
  /** Rows one decode may take. */
  readonly capacity: number
  /** Prompt rows with logits one decode may give beside the decoding rows. */
  readonly outputRows: number
  /** Rows of a prompt that is alone: fixed, so that the same prompt is always split the same way and gives the same bits. */
  readonly aloneRows: number
}

/** While somebody reads along, a step aims at this: nobody waits longer for the next token because of another's prompt. */
const sharedStepMs = 120
/**
 * From this many rows on a micro-batch costs a quarter less a row (7.4 → 5.6 ms measured), so prompts get them as long as the step stays
 * under the looser limit: everybody's answers are done sooner.
 */
const efficientRows = 64
const looseStepMs = 500
/** While nobody decodes yet, new arrivals wait for one step at most. */
const prefillStepMs = 400
/** Each prompt moves on by this many rows a step, however slow the machine: the more wait for a first token, the longer a step may be. */
const leastPrefillRows = 8
/** Batch work may make an interactive step this much longer. */
const batchSlowdown = 1.25
/** After so many steps without a row, batch work gets one: it slows others a little rather than starve. */
const batchPatience = 16

/** Chooses the parts of the next step. `starved`: steps that batch work has waited for. */
export function planStep<S extends Runnable>(
  sequences: readonly S[],
  pace: Pace,
  limits: StepLimits,
  starved: number,
): StepPart<S>[] {
  const [only] = sequences
  if (sequences.length === 1 && only !== undefined) return [{ sequence: only, rows: aloneRows(only, limits) }]
  const interactive = sequences.filter((sequence) => sequence.interactive)
  const batch = sequences.filter((sequence) => !sequence.interactive)
  const parts = planClass(interactive, pace, limits, undefined)
  if (batch.length === 0) return parts
  const used = parts.reduce((sum, part) => sum + part.rows, 0)
  const outputs = parts.reduce((sum, part) => sum + (part.sequence.allRows ? part.rows : 0), 0)
  const rest = { ...limits, capacity: limits.capacity - used, outputRows: Math.max(0, limits.outputRows - outputs) }
  if (used === 0) return planClass(batch, pace, rest, undefined)
  const room = pace.rowsWithin(pace.predict(used) * batchSlowdown) - used
  const rows = Math.max(room, starved >= batchPatience ? 1 : 0)
  return [...parts, ...planClass(batch, pace, rest, rows)]
}

function aloneRows(sequence: Runnable, limits: StepLimits): number {
  const most = sequence.allRows ? Math.min(limits.outputRows, limits.aloneRows) : limits.aloneRows
  return Math.min(sequence.pending, most, limits.capacity)
}

/** Decoding sequences first, one row each; prompts share the rest. `most` caps all rows together. */
function planClass<S extends Runnable>(
  sequences: readonly S[],
  pace: Pace,
  limits: StepLimits,
  most: number | undefined,
): StepPart<S>[] {
  const capacity = Math.min(limits.capacity, most ?? limits.capacity)
  const decoding = sequences.filter((sequence) => sequence.pending === 1).slice(0, Math.max(0, capacity))
  const prefilling = sequences.filter((sequence) => sequence.pending > 1)
  const efficient = pace.predict(efficientRows) <= looseStepMs ? efficientRows : 0
  const target = Math.max(efficient, pace.rowsWithin(decoding.length > 0 ? sharedStepMs : prefillStepMs))
  const least = Math.min(efficientRows, leastPrefillRows * prefilling.length)
  const room = Math.min(capacity - decoding.length, Math.max(target - decoding.length, least))
  return [...decoding.map((sequence) => ({ sequence, rows: 1 })), ...share(prefilling, room, limits.outputRows)]
}

/** Equal shares; what a short prompt does not need goes to the others. */
function share<S extends Runnable>(sequences: readonly S[], room: number, outputRows: number): StepPart<S>[] {
  const parts: StepPart<S>[] = []
  let left = Math.max(0, room)
  let outputsLeft = outputRows
  const shortestFirst = sequences.toSorted((one, other) => one.pending - other.pending)
  for (const [index, sequence] of shortestFirst.entries()) {
    const fair = Math.ceil(left / (shortestFirst.length - index))
    const rows = Math.min(fair, sequence.pending, sequence.allRows ? outputsLeft : fair)
    if (rows <= 0) continue
    left -= rows
    if (sequence.allRows) outputsLeft -= rows
    parts.push({ sequence, rows })
  }
  return parts
}
