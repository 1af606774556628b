// Chooses which loaded models make room for another one: by priority, by what reloading them costs against how often they are used, and by
// size. Pure.

/** A loaded model, as far as the choice looks at it. */
export interface Resident {
  readonly name: string
  readonly bytes: number
  /** Stays whatever comes. */
  readonly pinned: boolean
  /** Higher stays longer. */
  readonly priority: number
  /** Requests are at work in it. */
  readonly busy: boolean
  /** What loading it again takes, in milliseconds. */
  readonly reloadMs: number
  /** Uses an hour, lately. */
  readonly usesPerHour: number
  /** Milliseconds that it may still stay, so that two models in demand do not only load each other away. */
  readonly stayMs: number
}

/** Who goes; or how long to wait before choosing again; or that no wait will help. */
export type Choice =
  | { readonly type: 'evict'; readonly names: readonly string[] }
  | { readonly type: 'wait'; readonly milliseconds: number }
  | { readonly type: 'impossible' }

/** A model of higher priority that is at work ends by itself: when, nobody knows. */
const lookAgainMs = 250

/** Chooses so that `bytes` become free for a model of `priority`. */
export function chooseVictims(residents: readonly Resident[], bytes: number, priority: number): Choice {
  const movable = residents.filter((resident) => !resident.pinned)
  if (sum(movable) < bytes) return { type: 'impossible' }
  // One that matters more is not sent away from its work.
  const candidates = movable.filter((resident) => resident.priority <= priority || !resident.busy)
  if (sum(candidates) < bytes) return { type: 'wait', milliseconds: lookAgainMs }
  const ordered = candidates.toSorted(
    (one, other) =>
      Math.sign(one.stayMs) - Math.sign(other.stayMs) ||
      one.priority - other.priority ||
      worth(one) - worth(other) ||
      one.bytes - other.bytes,
  )
  const chosen = spared(enough(ordered, bytes), bytes)
  const stay = Math.max(...chosen.map(({ stayMs }) => stayMs))
  if (stay > 0) return { type: 'wait', milliseconds: stay }
  return { type: 'evict', names: chosen.map(({ name }) => name) }
}

/** Milliseconds of reloading that keeping a byte saves in an hour; a model nobody used is worth its next use. */
function worth({ reloadMs, usesPerHour, bytes, busy }: Resident): number {
  return (reloadMs * Math.max(usesPerHour, busy ? 1 : 0.01)) / Math.max(1, bytes)
}

function enough(ordered: readonly Resident[], bytes: number): readonly Resident[] {
  const chosen: Resident[] = []
  for (const resident of ordered) {
    if (sum(chosen) >= bytes) break
    chosen.push(resident)
  }
  return chosen
}

/** Without those that the later ones make needless, the most worth first. */
function spared(chosen: readonly Resident[], bytes: number): readonly Resident[] {
  let kept = chosen
  for (const resident of [...chosen].reverse()) {
    const without = kept.filter((one) => one !== resident)
    if (without.length > 0 && sum(without) >= bytes) kept = without
  }
  return kept
}

function sum(residents: readonly Resident[]): number {
  return residents.reduce((total, { bytes }) => total + bytes, 0)
}
