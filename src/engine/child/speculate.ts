// Guesses the next tokens by finding the last few earlier in the same text, and stops guessing where that does not pay. Knows no engine.

import type { Pace } from './pace.ts'

/** Lengths of the ending that must be found again, longest first. */
const endings = [4, 3] as const
/** Tokens looked back over at most, so that a step's search stays under 0.1 ms. */
const window = 4096
/** Guesses a step at most: 7 was best of 3, 7 and 15 on a CPU (1.45×). */
const most = 7
/** Part of the memory of earlier acceptance that each guess keeps. */
const memory = 0.8
/** Where guessing does not pay, a guess in so many chances looks whether times have changed: sooner after a right one, ever later after wrong ones. */
const soonest = 2
const latest = 64
/** A guess must promise at least this gain: prediction is never exact. */
const leastGain = 1.1

/** One choice's speculation: what was guessed right so far decides whether to go on. */
export class Speculation {
  /** Share of guessed tokens that were right, smoothed. */
  #rate = 0.6
  #sinceGuess = 0
  #patience = 8

  /** Tokens to try after the last of `tokens`; empty where nothing is found or it would not pay. */
  guess(tokens: readonly number[], pace: Pace, room: number): readonly number[] {
    const limit = Math.min(most, room)
    if (limit < 1) return []
    const found = continuation(tokens, limit)
    if (found.length === 0) return found
    this.#sinceGuess += 1
    const cost = (pace.predict(1 + found.length) / pace.predict(1)) * leastGain
    // Where even right guesses would not pay, there is nothing to find out.
    if (1 + found.length < cost) return []
    if (this.#expected(found.length) < cost && this.#sinceGuess < this.#patience) return []
    this.#sinceGuess = 0
    return found
  }

  /** Of `guessed` tokens the first `accepted` were right. */
  learn(guessed: number, accepted: number): void {
    // The first wrong token ends the run, so only what was judged counts.
    const judged = Math.min(guessed, accepted + 1)
    this.#patience = accepted === guessed ? soonest : Math.min(latest, this.#patience * 2)
    this.#rate = this.#rate * memory + (accepted / judged) * (1 - memory)
  }

  /** Tokens that a step with so many guesses is expected to give. */
  #expected(length: number): number {
    let expected = 1
    for (let place = 1; place <= length; place += 1) expected += this.#rate ** place
    return expected
  }
}

/** What followed the latest earlier occurrence of the text's ending; where that runs into the end itself, the text goes round in a circle. */
function continuation(tokens: readonly number[], limit: number): readonly number[] {
  const end = tokens.length
  for (const length of endings) {
    for (let at = end - length - 1; at >= Math.max(0, end - window); at -= 1) {
      let equal = 0
      while (equal < length && tokens[at + equal] === tokens[end - length + equal]) equal += 1
      if (equal < length) continue
      const period = end - (at + length)
      return Array.from({ length: limit }, (_, index) => tokens[at + length + (index % period)] ?? 0)
    }
  }
  return []
}
