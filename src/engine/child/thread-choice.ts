// Learns with how many threads a step is computed fastest while others use the same cores. Pure: step times in, a number of threads out.

/** Step times of one number of threads: milliseconds a row, by the power of two of the rows. */
type Times = (number | undefined)[]

/** Weight of earlier steps in a time. */
const memory = 0.8
/** Comparable steps that a trial takes; one that is this much slower ends it. */
const trialSteps = 3
const hopeless = 2
/** Fewer threads must be this much faster, because they may change the rounding of a lone sequence; going back must gain less. */
const gainOfFewer = 0.75
const gainOfMore = 0.9
/** A trial that changed nothing doubles the time to the next one. */
const soonestMs = 2_000
const latestMs = 60_000
/** So many steps in a row that took so many times what they can take: the machine has got busy. */
const suspicious = 3
const slow = 2.5

/**
 * ggml's threads wait for one another by spinning: where another process takes one of their cores, 2 threads fell from about 100 tokens a second
 * to 5, and 1 thread still gives half. So one thread fewer is tried now and then, and kept where it is faster; more are tried again later.
 * Trials happen in steps of several rows only: the rounding of a lone row over 512 cells depends on the threads (engine notes, G2), and
 * an answer that is alone on a quiet machine must be the same each time.
 */
export class ThreadChoice {
  #most: number
  #current: number
  #candidate: number | undefined
  #ratios: number[] = []
  #times: Times = []
  /** The least ever seen, with all threads. */
  readonly #least: Times = []
  #waitMs = soonestMs
  #nextTrialAt = soonestMs
  #slowSteps = 0
  #upNext = false

  /** `most`: threads that the plan gave. */
  constructor(most: number) {
    this.#most = most
    this.#current = most
  }

  /** Other engines leave so many: all of these are used again, and what is fastest is learned anew. */
  limit(most: number, now: number): void {
    if (most === this.#most) return
    this.#most = most
    this.#current = most
    this.#candidate = undefined
    this.#ratios = []
    this.#times = []
    this.#least.length = 0
    this.#upNext = false
    this.#wait(soonestMs, now)
  }

  /** Threads for a step of `rows` rows that begins at `now` (milliseconds of a monotonic clock). */
  threadsFor(rows: number, now: number): number {
    if (rows < 2 || this.#most === 1) return this.#current
    const known = this.#times[bucket(rows)] !== undefined
    if (this.#candidate === undefined && known && now >= this.#nextTrialAt) this.#candidate = this.#other()
    return this.#candidate ?? this.#current
  }

  /** A step with `threads` threads took `ms` and ended at `now`. */
  observe(threads: number, rows: number, ms: number, now: number): void {
    const perRow = ms / rows
    const place = bucket(rows)
    const known = this.#times[place]
    if (threads === this.#candidate) {
      if (known !== undefined) this.#judge(perRow / known, now)
      return
    }
    this.#times[place] = known === undefined ? perRow : known * memory + perRow * (1 - memory)
    if (this.#current < this.#most) return
    this.#least[place] = Math.min(this.#least[place] ?? perRow, perRow)
    this.#slowSteps = perRow > slow * (this.#least[place] ?? 0) ? this.#slowSteps + 1 : 0
    if (this.#slowSteps === suspicious) this.#wait(0, now)
  }

  #judge(ratio: number, now: number): void {
    this.#ratios.push(ratio)
    const given = this.#candidate ?? this.#current
    const enough = this.#ratios.length >= trialSteps
    if (!enough && ratio < hopeless) return
    const mean = this.#ratios.reduce((sum, one) => sum + one, 0) / this.#ratios.length
    this.#ratios = []
    this.#candidate = undefined
    if (mean < (given < this.#current ? gainOfFewer : gainOfMore)) {
      this.#upNext = given > this.#current
      this.#current = given
      this.#times = []
      this.#wait(soonestMs, now)
    } else {
      this.#upNext = !this.#upNext
      this.#wait(Math.min(latestMs, this.#waitMs * 2), now)
    }
  }

  #wait(ms: number, now: number): void {
    this.#waitMs = Math.max(soonestMs, ms)
    this.#nextTrialAt = now + ms
    this.#slowSteps = 0
  }

  /** The neighbour to try: one away among few threads, a quarter away among many. */
  #other(): number {
    const step = Math.max(1, Math.floor(this.#current / 4))
    const up = Math.min(this.#most, this.#current + step)
    const down = Math.max(1, this.#current - step)
    if (down === this.#current) return up
    return this.#upNext && up > this.#current ? up : down
  }
}

function bucket(rows: number): number {
  return 32 - Math.clz32(rows)
}
