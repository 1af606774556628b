// Chooses one token from a row of logits by the rules of one choice. Knows no grammar: it is handed the mask of what a grammar allows.

import { fail } from '../../base/errors.ts'
import type { Sampling } from '../../wire/model.ts'
import { drawToken } from './draw.ts'
import { freshSeed, type RandomSource, randomSource } from './random.ts'

/** One bit a token, 32 tokens a word, lowest bit first: what a grammar allows next. */
export type TokenMask = Uint32Array

/** What the sampler must know of the model. */
export interface SamplerVocabulary {
  readonly size: number
  /** Tokens that end an answer; forbidden before `minTokens`. */
  readonly endTokens: ReadonlySet<number>
}

/** The sampler of one choice. It never writes into the row it is handed; one scratch row serves them all. */
export class Sampler {
  readonly #sampling: Sampling
  readonly #vocabulary: SamplerVocabulary
  readonly #random: RandomSource
  readonly #bias: readonly (readonly [token: number, bias: number])[]
  /** How often each token was generated: for the two additive penalties. */
  readonly #generated = new Map<number, number>()
  /** Tokens of prompt and answer: for the repetition penalty. */
  readonly #seen = new Set<number>()
  #count = 0

  /** `choice` is added to the seed, so that the choices of one call differ and repeat. */
  constructor(sampling: Sampling, choice: number, prompt: readonly number[], vocabulary: SamplerVocabulary) {
    this.#sampling = sampling
    this.#vocabulary = vocabulary
    this.#random = randomSource((sampling.seed ?? freshSeed()) + choice)
    this.#bias = Object.entries(sampling.logitBias ?? {}).map(([token, bias]) => [Number(token), bias])
    if (this.#repetition !== 1) for (const token of prompt) this.#seen.add(token)
  }

  /** The next token. With `mask`, only among the tokens it allows. Throws `engine_output_invalid` when every logit is NaN. */
  sample(row: Float32Array, mask?: TokenMask): number {
    const token = this.#choose(this.#needsCopy || mask !== undefined ? this.#adjusted(row, mask, this.#early) : row)
    if (token >= 0) return token
    // A grammar that is complete allows the end alone: it goes before `minTokens`.
    const end = mask !== undefined && this.#early ? this.#choose(this.#adjusted(row, mask, false)) : -1
    if (end < 0) throw fail('engine_output_invalid')
    return end
  }

  #choose(logits: Float32Array): number {
    const temperature = this.#sampling.temperature ?? 1
    return temperature <= 0 ? largest(logits) : drawToken(logits, temperature, this.#sampling, this.#random)
  }

  /** Takes note of a token that became part of the answer. */
  accept(token: number): void {
    this.#count += 1
    if (this.#sampling.frequencyPenalty || this.#sampling.presencePenalty) {
      this.#generated.set(token, (this.#generated.get(token) ?? 0) + 1)
    }
    if (this.#repetition !== 1) this.#seen.add(token)
  }

  get #repetition(): number {
    return this.#sampling.repetitionPenalty ?? 1
  }

  get #early(): boolean {
    return this.#count < (this.#sampling.minTokens ?? 0)
  }

  get #needsCopy(): boolean {
    return this.#early || this.#bias.length > 0 || this.#generated.size > 0 || this.#seen.size > 0
  }

  /** Bias, then penalties, then what is forbidden: in this order as vLLM applies them. */
  #adjusted(row: Float32Array, mask: TokenMask | undefined, endForbidden: boolean): Float32Array {
    const logits = scratchOf(row.length)
    logits.set(row)
    for (const [token, bias] of this.#bias) {
      if (token < logits.length) logits[token] = (logits[token] ?? 0) + bias
    }
    for (const token of this.#seen) {
      const logit = logits[token] ?? 0
      logits[token] = logit > 0 ? logit / this.#repetition : logit * this.#repetition
    }
    const { frequencyPenalty = 0, presencePenalty = 0 } = this.#sampling
    for (const [token, count] of this.#generated) {
      logits[token] = (logits[token] ?? 0) - count * frequencyPenalty - presencePenalty
    }
    if (endForbidden) {
      for (const token of this.#vocabulary.endTokens) logits[token] = -Infinity
    }
    if (mask !== undefined) forbid(logits, mask)
    return logits
  }
}

let scratch = new Float32Array(0)

function scratchOf(length: number): Float32Array {
  if (scratch.length !== length) scratch = new Float32Array(length)
  return scratch
}

/** The token with the largest logit; the lowest id among equals; -1 when all are NaN or forbidden. */
export function largest(logits: Float32Array): number {
  let best = -1
  let most = -Infinity
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number // Inside the bounds; `??` would cost a third more in this loop of the whole vocabulary.
    if (logit > most) {
      most = logit
      best = token
    }
  }
  return best
}

function forbid(logits: Float32Array, mask: TokenMask): void {
  for (let word = 0; word * 32 < logits.length; word += 1) {
    const bits = mask[word] ?? 0
    if (bits === -1 >>> 0) continue
    const first = word * 32
    if (bits === 0) {
      logits.fill(-Infinity, first, first + 32)
      continue
    }
    const end = Math.min(32, logits.length - first)
    for (let bit = 0; bit < end; bit += 1) {
      if (((bits >>> bit) & 1) === 0) logits[first + bit] = -Infinity
    }
  }
}
