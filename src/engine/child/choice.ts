// One answer in the making: its tokens, its rules, and what each row of logits adds to it. Knows neither the batch nor other choices.

import type { ChosenLogprob, FinishReason, ModelEvent } from '../../wire/model.ts'
import { Answer } from './answer.ts'
import type { Matcher } from './guidance-matcher.ts'
import { chosenLogprob } from './logprobs.ts'
import type { Preparation, WholeAnswer } from './prepare.ts'
import { Sampler } from './sampler.ts'
import type { Stream } from './streams.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A row of logits and its log-sum-exp, which is computed only where log-probabilities are wanted. */
export interface LogitsRow {
  readonly logits: Float32Array
  normalizer(): number
}

/** Sampling of a repeated attempt: greedy would repeat what failed. */
const leastRetryTemperature = 0.7

/** The tokens of a choice are prompt and answer; what its stream does not hold of them is still to be decoded. */
export class Choice {
  readonly index: number
  readonly preparation: Preparation
  /** The prompt, then the answer. */
  readonly tokens: number[]
  /** The stream it holds while it runs. */
  stream: Stream | undefined
  /** Prompt tokens that were found in the cache, once it ran. */
  cached = 0
  accepted = 0
  finished: FinishReason | undefined
  attempt = 0
  readonly #vocabulary: Vocabulary
  readonly #contextLength: number
  #sampler: Sampler
  #matcher: Matcher | undefined
  #answer: Answer
  #generated = 0

  constructor(preparation: Preparation, index: number, vocabulary: Vocabulary, contextLength: number) {
    this.preparation = preparation
    this.index = index
    this.tokens = preparation.prompt.slice()
    this.#vocabulary = vocabulary
    this.#contextLength = contextLength
    this.#sampler = this.#makeSampler()
    this.#matcher = preparation.grammar?.matcher()
    this.#answer = this.#makeAnswer()
  }

  /** Tokens of the answer; the token that ended it is not one. */
  get generated(): number {
    return this.#generated
  }

  get reasoningTokens(): number {
    return this.#answer.reasoningTokens
  }

  /** What a schema's validation looks at. */
  get whole(): WholeAnswer {
    return { text: this.#answer.text, calls: this.#answer.calls }
  }

  /** Tokens that the stream does not hold yet; at least one while unfinished. */
  get pending(): number {
    return this.tokens.length - (this.stream?.tokens.length ?? 0)
  }

  /** Samples the next token from the row after the last token; the events it leads to. `finished` says whether it was the last. */
  read(row: LogitsRow): ModelEvent[] {
    const token = this.#next(row.logits)
    const logprob = this.#logprob(row, token)
    if (this.preparation.endTokens.has(token)) return this.#finish('stop').concat(this.#shownEnd(logprob))
    this.tokens.push(token)
    this.#generated += 1
    this.#sampler.accept(token)
    this.#matcher?.accept(token)
    const { events, stopped } = this.#answer.push(token, logprob)
    if (stopped || this.#matcher?.stopped) return events.concat(this.#finish('stop'))
    return events.concat(this.finishIfFull())
  }

  /** Ends the answer when no token more is wanted or fits. Called once before the first token too. */
  finishIfFull(): ModelEvent[] {
    const { maxTokens } = this.preparation.sampling
    if (maxTokens !== undefined && this.#generated >= maxTokens) return this.#finish('length')
    if (this.tokens.length >= this.#contextLength) return this.#finish('context')
    return []
  }

  /** Forgets the answer and starts over with other random numbers. */
  restart(): void {
    this.attempt += 1
    this.finished = undefined
    this.tokens.length = this.preparation.prompt.length
    this.#generated = 0
    this.#matcher?.free()
    this.#matcher = this.preparation.grammar?.matcher()
    this.#sampler = this.#makeSampler()
    this.#answer = this.#makeAnswer()
  }

  /** Gives back what the answer held outside the engine. */
  free(): void {
    this.#matcher?.free()
    this.#matcher = undefined
  }

  /** Sample first, then test the one bit: the mask over the vocabulary is computed only where the guess is forbidden. */
  #next(logits: Float32Array): number {
    const token = this.#sampler.sample(logits)
    if (this.#matcher === undefined || this.#matcher.allows(token)) return token
    return this.#sampler.sample(logits, this.#matcher.mask())
  }

  #finish(reason: 'stop' | 'length' | 'context'): ModelEvent[] {
    const events = this.#answer.end(reason !== 'stop')
    this.finished = reason === 'stop' && this.#answer.calls.length > 0 ? 'tool-calls' : reason
    this.free()
    return events
  }

  #logprob(row: LogitsRow, token: number): ChosenLogprob | undefined {
    const { logprobs } = this.preparation.sampling
    if (logprobs === undefined) return undefined
    return chosenLogprob(row.logits, row.normalizer(), token, logprobs, this.#vocabulary)
  }

  /**
   * A completion shows the token that ended it among its log-probabilities, as OpenAI's does; a conversation does not.
   * lm-eval asks for a prompt's tokens and one more, and leaves out the last entry whatever it is.
   */
  #shownEnd(logprob: ChosenLogprob | undefined): ModelEvent[] {
    if (logprob === undefined || this.preparation.parser !== undefined) return []
    return [{ type: 'text-delta', choice: this.index, text: '', logprobs: [logprob] }]
  }

  #makeSampler(): Sampler {
    const { sampling, prompt, endTokens } = this.preparation
    const temperature = Math.max(sampling.temperature ?? 1, this.attempt === 0 ? 0 : leastRetryTemperature)
    const seed = sampling.seed === undefined ? {} : { seed: sampling.seed + this.attempt * 1_000_003 }
    const vocabulary = { size: this.#vocabulary.size, endTokens }
    return new Sampler({ ...sampling, ...seed, temperature }, this.index, prompt, vocabulary)
  }

  #makeAnswer(): Answer {
    const { sampling, parser } = this.preparation
    const made = parser?.()
    const rules = { choice: this.index, stop: sampling.stop ?? [] }
    return new Answer(this.#vocabulary, made === undefined ? rules : { ...rules, parser: made })
  }
}
