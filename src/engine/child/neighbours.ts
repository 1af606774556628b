// Which streams should run side by side: the library computes rows of neighbouring streams together and everybody else's apart. Pure: ids in, ids out.

/** A running stream that should go on in a free one. */
export interface Move {
  readonly from: number
  readonly to: number
}

/** Groups of neighbours among these stream ids: each costs a pass of its own over the weights. */
export function groupsOf(ids: Iterable<number>): number {
  const sorted = [...ids].sort((one, other) => one - other)
  return sorted.filter((id, place) => id - 1 !== sorted[place - 1]).length
}

/** The move of one of `movable` to one of `free` that leaves the fewest groups among `taken`; undefined when none leaves fewer than there are. */
export function joiningMove(
  taken: readonly number[],
  movable: readonly number[],
  free: readonly number[],
): Move | undefined {
  let best: Move | undefined
  let fewest = groupsOf(taken)
  if (fewest < 2) return undefined
  for (const from of movable) {
    const others = taken.filter((id) => id !== from)
    for (const to of free) {
      const groups = groupsOf([...others, to])
      if (groups >= fewest) continue
      fewest = groups
      best = { from, to }
    }
  }
  return best
}
