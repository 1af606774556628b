// Whose turn the next step is. The engine applies adapters to a whole batch, so steps alternate between groups of requests with the same ones.
// Pure: knows no engine.

/** A change of adapters costs a new graph, about a third of a step (engine notes, §5): a group keeps its turn for so many steps, … */
const stepsPerTurn = 4
/** … or for this long, where its steps are long ones with prompts in them. */
const turnMs = 100

/** What a turn depends on. */
export interface TurnTaker {
  readonly adapterKey: string
  readonly interactive: boolean
}

/** Turns of the groups in one scheduler. */
export class AdapterTurns {
  #current = ''
  #steps = 0
  #since = 0
  #turn = 0
  /** When each group had its last turn. */
  readonly #served = new Map<string, number>()

  /** Those of the group whose turn it is, in their order. `now` in milliseconds. */
  next<Taker extends TurnTaker>(ready: readonly Taker[], now: number): readonly Taker[] {
    const keys = new Set(ready.map(({ adapterKey }) => adapterKey))
    const [only = ''] = keys
    if (keys.size <= 1) {
      this.#begin(only, now, this.#current !== only)
      return ready
    }
    const isOver = this.#steps >= stepsPerTurn || now - this.#since >= turnMs || this.#isBatch(ready, this.#current)
    if (isOver || !keys.has(this.#current)) this.#begin(this.#longestAgo(keys), now, true)
    this.#steps += 1
    return ready.filter(({ adapterKey }) => adapterKey === this.#current)
  }

  /** Batch work gives way after one step. */
  #isBatch(ready: readonly TurnTaker[], key: string): boolean {
    return this.#steps > 0 && ready.every(({ adapterKey, interactive }) => adapterKey !== key || !interactive)
  }

  #longestAgo(keys: ReadonlySet<string>): string {
    for (const key of this.#served.keys()) if (!keys.has(key)) this.#served.delete(key)
    const [first = ''] = [...keys].sort((one, other) => (this.#served.get(one) ?? -1) - (this.#served.get(other) ?? -1))
    return first
  }

  #begin(key: string, now: number, isNew: boolean): void {
    this.#current = key
    this.#turn += 1
    this.#served.set(key, this.#turn)
    if (!isNew) return
    this.#steps = 0
    this.#since = now
  }
}
