// One generating request: its choices, what of it was sent, and the numbers it ends with. Knows no batch and no stream.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { ModelEvent, Timings, Usage } from '../../wire/model.ts'
import { Choice, type LogitsRow } from './choice.ts'
import type { Preparation } from './prepare.ts'
import { PromptLogprobs } from './prompt-logprobs.ts'
import { freshSeed } from './random.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Attempts at an answer that a schema's validation must accept. */
const attempts = 3

/** What a generation needs of the engine it runs in. */
export interface GenerationHost {
  readonly clock: Clock
  readonly vocabulary: Vocabulary
  readonly contextLength: number
  /** `model@build`. */
  readonly ranOn: string
  send(id: number, events: readonly ModelEvent[]): void
  /** The choice starts over and needs a stream again. */
  repeat(generation: Generation, choice: Choice): void
  failed(generation: Generation, error: unknown): void
  /** The last event was sent. */
  over(generation: Generation): void
}

/** A request that was prepared, from its arrival to its last event. */
export class Generation {
  readonly id: number
  readonly preparation: Preparation
  readonly choices: readonly Choice[]
  readonly promptLogprobs: PromptLogprobs | undefined
  readonly arrivedAt: number
  /** The reader is behind. */
  paused = false
  pausedAt = 0
  readonly #host: GenerationHost
  /** Events of answers that must pass validation first; undefined once they need not wait. */
  #held: ModelEvent[] | undefined
  #concluded = 0
  #admittedAt: number | undefined
  #decodingAt: number | undefined
  /** Steps that this request took part in, with each choice once, and how many sequences were in them altogether. */
  #steps = 0
  #companions = 0

  constructor(id: number, given: Preparation, host: GenerationHost) {
    this.id = id
    // Chosen here where the call has none, so that whoever looks at its trace can repeat it.
    const seed = given.sampling.seed ?? freshSeed()
    const preparation = { ...given, sampling: { ...given.sampling, seed } }
    this.preparation = preparation
    this.#host = host
    this.arrivedAt = host.clock.elapsed()
    const count = preparation.sampling.choices ?? 1
    this.choices = Array.from(
      { length: count },
      (_, index) => new Choice(preparation, index, host.vocabulary, host.contextLength),
    )
    const alternatives = preparation.promptLogprobs
    this.promptLogprobs =
      alternatives === undefined ? undefined : new PromptLogprobs(preparation.prompt, alternatives, host.vocabulary)
    this.#held = preparation.validate === undefined ? undefined : []
  }

  get done(): boolean {
    return this.#concluded === this.choices.length
  }

  /** Whether the deadline has passed. */
  get late(): boolean {
    const { deadline } = this.preparation.context
    return deadline !== undefined && this.#host.clock.now() > deadline
  }

  /** A choice got its stream. The first one starts the answer. */
  admitted(choice: Choice): void {
    if (this.#admittedAt !== undefined) return
    this.#admittedAt = this.#host.clock.elapsed()
    this.#send([
      {
        type: 'started',
        promptTokens: this.preparation.prompt.length,
        cachedTokens: choice.cached,
        queueMs: this.#admittedAt - this.arrivedAt,
        ranOn: this.#host.ranOn,
        ...(this.preparation.sampling.seed !== undefined && { seed: this.preparation.sampling.seed }),
      },
    ])
  }

  /** The whole prompt of a choice is in its stream: nothing was asked for beyond it, or the first row comes now. */
  prompted(choice: Choice): void {
    this.#decodingAt ??= this.#host.clock.elapsed()
    if (this.promptLogprobs !== undefined && choice.index === 0 && choice.attempt === 0) {
      this.#send([{ type: 'prompt-logprobs', tokens: this.promptLogprobs.finish() }])
    }
    if (this.preparation.sampling.maxTokens === 0) this.#after(choice, choice.finishIfFull())
  }

  /** A step with one of the choices in it, among so many sequences. */
  stepped(sequences: number): void {
    this.#steps += 1
    this.#companions += sequences
  }

  /** A row of logits for a choice. */
  read(choice: Choice, row: LogitsRow): void {
    this.#after(choice, choice.read(row))
  }

  /** Frees what the choices hold outside the engine. */
  free(): void {
    for (const choice of this.choices) choice.free()
    this.preparation.adapters.release()
  }

  #after(choice: Choice, events: ModelEvent[]): void {
    if (choice.finished === undefined) this.#send(events)
    // An answer cut by its length cannot satisfy a schema and says so by its finish reason.
    else if (this.preparation.validate === undefined || cut(choice)) this.#conclude(choice, events)
    else this.#validate(choice, events, this.preparation.validate)
  }

  /** In a thread of its own, so the engine works on meanwhile. */
  #validate(choice: Choice, events: ModelEvent[], validate: NonNullable<Preparation['validate']>): void {
    validate(choice.whole)
      .then((fault) => {
        if (fault === undefined) this.#conclude(choice, events)
        else if (choice.attempt + 1 >= attempts) throw fail('schema_not_satisfied', { attempts })
        else {
          this.#held = this.#held?.filter((event) => !('choice' in event) || event.choice !== choice.index)
          choice.restart()
          this.#host.repeat(this, choice)
        }
      })
      .catch((error: unknown) => this.#host.failed(this, error))
  }

  #conclude(choice: Choice, events: readonly ModelEvent[]): void {
    if (choice.finished === undefined) return
    this.#send([...events, { type: 'finish', choice: choice.index, reason: choice.finished }])
    this.#concluded += 1
    if (!this.done) return
    this.#send([{ type: 'end', usage: this.#usage(), timings: this.#timings() }])
    if (this.#held !== undefined) this.#host.send(this.id, this.#held)
    this.#held = undefined
    this.#host.over(this)
  }

  #send(events: readonly ModelEvent[]): void {
    if (events.length === 0) return
    if (this.#held !== undefined) this.#held.push(...events)
    else this.#host.send(this.id, events)
  }

  #usage(): Usage {
    const sum = (of: (choice: Choice) => number) => this.choices.reduce((total, choice) => total + of(choice), 0)
    return {
      promptTokens: this.preparation.prompt.length,
      cachedTokens: this.choices[0]?.cached ?? 0,
      completionTokens: sum((choice) => choice.generated),
      reasoningTokens: sum((choice) => choice.reasoningTokens),
    }
  }

  #timings(): Timings {
    const now = this.#host.clock.elapsed()
    const admitted = this.#admittedAt ?? now
    const decoding = this.#decodingAt ?? now
    return {
      queueMs: admitted - this.arrivedAt,
      prefillMs: decoding - admitted,
      decodeMs: now - decoding,
      acceptedTokens: this.choices.reduce((total, choice) => total + choice.accepted, 0),
      ...(this.#steps > 0 && { batchSize: Math.round((100 * this.#companions) / this.#steps) / 100 }),
    }
  }
}

function cut({ finished }: Choice): boolean {
  return finished === 'length' || finished === 'context'
}
