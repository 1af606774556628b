// The only place that reads the clocks, so that tests can hand in their own and durations never mix the two.

/** Two clocks: `now` for dates that people and databases see, `elapsed` for durations (never jumps). */
export interface Clock {
  /** Milliseconds since 1970, an integer. */
  now(): number
  /** Milliseconds since an arbitrary start, monotonic, with fractions. */
  elapsed(): number
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
}
