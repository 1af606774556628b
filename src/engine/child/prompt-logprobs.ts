// Collects the log-probabilities of a prompt's own tokens while it is decoded in pieces. Knows no batch.

import type { ModelEvent } from '../../wire/model.ts'
import { chosenLogprob, showToken, type TokenPieces } from './logprobs.ts'

type PromptToken = Extract<ModelEvent, { type: 'prompt-logprobs' }>['tokens'][number]

/** One prompt's collection. Row i tells how likely token i + 1 was, so the first token has none. */
export class PromptLogprobs {
  readonly #prompt: readonly number[]
  readonly #alternatives: number
  readonly #vocabulary: TokenPieces
  readonly #tokens: PromptToken[]

  constructor(prompt: readonly number[], alternatives: number, vocabulary: TokenPieces) {
    this.#prompt = prompt
    this.#alternatives = alternatives
    this.#vocabulary = vocabulary
    this.#tokens = prompt.slice(0, 1).map((first) => ({ ...showToken(first, vocabulary), logprob: null, top: [] }))
  }

  /** Takes the row after the token at `position`. The row after the last token belongs to the answer and is left out. */
  read(position: number, row: Float32Array, normalizer: () => number): void {
    const next = this.#prompt[position + 1]
    // A prompt decoded anew (a displaced line) brings rows that were read before.
    if (next === undefined || position + 1 !== this.#tokens.length) return
    this.#tokens.push(chosenLogprob(row, normalizer(), next, this.#alternatives, this.#vocabulary))
  }

  /** All of them, one entry a prompt token. */
  finish(): readonly PromptToken[] {
    return this.#tokens
  }
}
