// Finds stop strings in text that arrives in pieces, holding back only what may become one. Knows no tokens.

/** What may be shown after one more piece. */
export interface Released {
  readonly text: string
  /** A stop string was found: the answer ends before it. */
  readonly stopped: boolean
}

/** Watches one choice's text for its stop strings, wherever the pieces split them. */
export class StopStrings {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  /** Characters that are held back now. */
  get held(): number {
    return this.#held.length
  }

  push(text: string): Released {
    if (this.#stops.length === 0) return { text, stopped: false }
    const whole = this.#held + text
    const found = this.#first(whole)
    if (found >= 0) {
      this.#held = ''
      return { text: whole.slice(0, found), stopped: true }
    }
    const keep = this.#longestBeginning(whole)
    this.#held = whole.slice(whole.length - keep)
    return { text: whole.slice(0, whole.length - keep), stopped: false }
  }

  /** Gives back what is held: nothing more can complete it. */
  flush(): string {
    const text = this.#held
    this.#held = ''
    return text
  }

  #first(text: string): number {
    let first = -1
    for (const stop of this.#stops) {
      const at = text.indexOf(stop)
      if (at >= 0 && (first < 0 || at < first)) first = at
    }
    return first
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #longestBeginning(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
