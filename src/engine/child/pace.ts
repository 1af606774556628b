// Learns how long a step takes from the rows in it, to say how many rows fit a time. Knows neither requests nor streams.

/** Steps of up to this many rows are also remembered one by one: near 1 the line is a poor guess, and speculation lives there. */
const smallRows = 32
/** Weight of earlier steps in a small step's own memory. */
const smallMemory = 0.85

/** Weight of what was learned before, each step: about the last 30 steps count. */
const memory = 0.967

/**
 * Step time as `base + perRow × rows`, fitted by least squares over recent steps. On a CPU rows cost nearly all (1/4/8/16 rows measured
 * 14/48/77/134 ms on one thread), on a GPU the base does: both are lines, so nothing else needs to know which it is.
 */
export class Pace {
  // A weak guess until steps were measured: 10 ms + 5 ms a row.
  #weight = 0.02
  #rows = 0.65
  #rowsSquared = 40.97
  #time = 3.45
  #product = 211.4
  #base = 10
  #perRow = 5
  readonly #small: (number | undefined)[] = []

  /** A step of `rows` rows took `ms`. */
  observe(rows: number, ms: number): void {
    if (rows <= smallRows) {
      const known = this.#small[rows]
      this.#small[rows] = known === undefined ? ms : known * smallMemory + ms * (1 - smallMemory)
    }
    this.#weight = this.#weight * memory + 1
    this.#rows = this.#rows * memory + rows
    this.#rowsSquared = this.#rowsSquared * memory + rows * rows
    this.#time = this.#time * memory + ms
    this.#product = this.#product * memory + rows * ms
    const meanRows = this.#rows / this.#weight
    const meanTime = this.#time / this.#weight
    const spread = this.#rowsSquared / this.#weight - meanRows * meanRows
    if (spread > 1) {
      const slope = (this.#product / this.#weight - meanRows * meanTime) / spread
      this.#perRow = Math.min(Math.max(slope, meanTime * 1e-4), meanTime / meanRows)
    } else {
      // All steps alike: only their sum is known, so the slope is kept as far as it fits.
      this.#perRow = Math.min(this.#perRow, meanTime / meanRows)
    }
    this.#base = Math.max(0, meanTime - this.#perRow * meanRows)
  }

  /** Milliseconds that a step of `rows` is expected to take. */
  predict(rows: number): number {
    return this.#small[rows] ?? this.#base + this.#perRow * rows
  }

  /** Rows that fit into `ms`; 0 when not even one does. */
  rowsWithin(ms: number): number {
    return Math.max(0, Math.floor((ms - this.#base) / this.#perRow))
  }

  /** Milliseconds that one more row costs. */
  get perRow(): number {
    return this.#perRow
  }
}
