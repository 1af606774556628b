// The last lines that a model's engine wrote, over all its processes, for people who look into one. Knows no log file.

import type { Clock } from '../base/clock.ts'

/** A line and when it was heard, in milliseconds since 1970. */
export interface RecentLine {
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly line: string
}

/** Lines that are kept; a load writes some hundred. */
const most = 500
const longest = 2_000

/** Keeps them. */
export class RecentLines {
  readonly #clock: Clock
  #lines: RecentLine[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(level: RecentLine['level'], line: string): void {
    // Half are dropped at once, so that most lines cost one push.
    if (this.#lines.length >= 2 * most) this.#lines = this.#lines.slice(-most)
    this.#lines.push({ at: this.#clock.now(), level, line: line.slice(0, longest) })
  }

  /** The last of them, the oldest first. */
  all(): readonly RecentLine[] {
    return this.#lines.slice(-most)
  }
}
