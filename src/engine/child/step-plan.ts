// Decides which tokens go into the next step. Pure: sequences and the learned pace in, parts out. Knows no engine.

import type { Pace } from './pace.ts'

/** What planning must know of a running sequence. */
export interface Runnable {
  /** Tokens to decode before its next token can be sampled; 1 while it decodes. */
  readonly pending: number
  readonly interactive: boolean
  /** Every row of its prompt gives a log-probability: its steps are its own, so that the figures do not depend on who else is there. */
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
  /** Rows of a prompt whose every row gives logits: fixed like `aloneRows`. */
  readonly outputRows: number
  /** Rows of a prompt that is alone: fixed, so that the same prompt is always split the same way and gives the same bits. */
  readonly aloneRows: number
}

/** What earlier steps left behind. */
export interface StepHistory {
  /** Steps so far. */
  readonly turn: number
  /** Steps that batch work has waited for. */
  readonly starved: number
  /** The last step was a scored prompt's own. */
  readonly scored: boolean
}

/** While somebody reads along, a step aims at this: nobody waits longer for the next token because of another's prompt. */
const sharedStepMs = 120
/**
 * From so many rows of one prompt on, attention is computed a quarter cheaper (8.7 → 6.3 ms a row measured), so prompts get them as long as
 * the step stays under the looser limit: everybody's answers are done sooner.
 */
const efficientRows = 64
const looseStepMs = 500
/** While nobody decodes yet, new arrivals wait for one step at most. */
const prefillStepMs = 400
/** Prompts move on by this many rows a step for each that waits, however slow the machine: the more wait for a first token, the longer a step may be. */
const leastPrefillRows = 8
/** The prompt with the fewest tokens left goes first; at one step in so many it is the one that waits longest. */
const oldestTurn = 4
/** Batch work may make a step this much longer in which all live answers go on by a token. */
const batchSlowdown = 1.25
/** After so many steps without a row, batch work gets one: it slows others a little rather than starve. */
const batchPatience = 16

/** Chooses the parts of the next step. `sequences`: the longest running first. */
export function planStep<S extends Runnable>(
  sequences: readonly S[],
  pace: Pace,
  limits: StepLimits,
  history: StepHistory,
): StepPart<S>[] {
  const scored = nextScored(sequences, history)
  const only = scored ?? (sequences.length === 1 ? sequences[0] : undefined)
  if (only !== undefined) return [{ sequence: only, rows: aloneRows(only, limits) }]
  const others = sequences.filter((sequence) => !sequence.allRows)
  const interactive = others.filter((sequence) => sequence.interactive)
  const batch = others.filter((sequence) => !sequence.interactive)
  // Who waits for a first token waits for no batch work: the step is what it would be without.
  const isAwaited = interactive.some(({ pending }) => pending > 1)
  if (isAwaited && batch.length > 0 && history.starved < batchPatience) {
    return planStep(interactive, pace, limits, history)
  }
  const parts = planClass(interactive, pace, limits.capacity, history)
  if (batch.length === 0) return parts
  const used = parts.reduce((sum, part) => sum + part.rows, 0)
  if (used === 0) return planClass(batch, pace, limits.capacity, history)
  const room = pace.rowsWithin(pace.predict(used) * batchSlowdown) - used
  const rows = Math.max(room, history.starved >= batchPatience ? 1 : 0)
  return [...parts, ...planClass(batch, pace, Math.min(rows, limits.capacity - used), history)]
}

/**
 * A prompt whose log-probabilities are wanted takes every second step for itself. Rows of the same prompt differ by up to 0.6 with the
 * shape of the batch they are computed in (engine notes, G2); in steps of their own, split the same way, they are the same bits always.
 */
function nextScored<S extends Runnable>(sequences: readonly S[], { scored, starved }: StepHistory): S | undefined {
  const [first] = sequences
    .filter((sequence) => sequence.allRows)
    .toSorted((one, other) => Number(other.interactive) - Number(one.interactive))
  if (first === undefined) return undefined
  const others = sequences.filter((sequence) => !sequence.allRows)
  const outranked = !first.interactive && others.some((sequence) => sequence.interactive)
  if (outranked && starved < batchPatience) return undefined
  return scored && others.length > 0 ? undefined : first
}

function aloneRows(sequence: Runnable, limits: StepLimits): number {
  const most = sequence.allRows ? Math.min(limits.outputRows, limits.aloneRows) : limits.aloneRows
  const rows = Math.min(sequence.pending, most, limits.capacity)
  // A row alone is rounded by the number of threads: no scored prompt ends with one.
  return sequence.allRows && rows > 2 && sequence.pending - rows === 1 ? rows - 1 : rows
}

/** Decoding sequences first, one row each; prompts get the rest. */
function planClass<S extends Runnable>(
  sequences: readonly S[],
  pace: Pace,
  capacity: number,
  history: StepHistory,
): StepPart<S>[] {
  const decoding = sequences.filter((sequence) => sequence.pending === 1).slice(0, Math.max(0, capacity))
  const prompts = sequences.filter((sequence) => sequence.pending > 1)
  // A prompt's first row is computed with the rows of those who decode, the others by themselves.
  const chunk = decoding.length > 0 ? efficientRows + 1 : efficientRows
  const efficient = pace.predict(chunk + decoding.length) <= looseStepMs ? chunk : 0
  const target = pace.rowsWithin(decoding.length > 0 ? sharedStepMs : prefillStepMs) - decoding.length
  const least = Math.min(chunk, leastPrefillRows * prompts.length)
  const room = Math.min(capacity - decoding.length, Math.max(target, efficient, least))
  return [...decoding.map((sequence) => ({ sequence, rows: 1 })), ...lineUp(prompts, room, chunk, history)]
}

/**
 * One prompt after the other, because a prompt in large pieces is cheaper and half of the first tokens come sooner than in equal shares.
 * What is left over goes to the next one only where it is a large piece or the prompt's end.
 */
function lineUp<S extends Runnable>(
  prompts: readonly S[],
  room: number,
  chunk: number,
  { turn }: StepHistory,
): StepPart<S>[] {
  const parts: StepPart<S>[] = []
  let left = Math.max(0, room)
  const byLength = prompts.toSorted((one, other) => one.pending - other.pending)
  const [oldest] = prompts
  const first = turn % oldestTurn === 0 && oldest !== undefined ? [oldest] : []
  for (const sequence of new Set([...first, ...byLength])) {
    const rows = Math.min(left, sequence.pending)
    if (rows <= 0 || (parts.length > 0 && rows < Math.min(chunk, sequence.pending))) continue
    left -= rows
    parts.push({ sequence, rows })
  }
  return parts
}
