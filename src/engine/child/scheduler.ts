// The step: drops what ended, admits what waits, fills a batch, decodes it, and hands each row to its choice.
// Knows neither messages nor templates; what to decode it asks of step-plan, where of streams.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { EngineLoad } from '../messages.ts'
import { AdapterTurns } from './adapter-turns.ts'
import { Admission } from './admission.ts'
import type { Choice } from './choice.ts'
import type { Context, DecodeResult } from './context.ts'
import type { Generation } from './generate.ts'
import type { Outbox } from './outbox.ts'
import { Pace } from './pace.ts'
import { Sequence } from './sequence.ts'
import { BatchFiller, type Placed } from './step-batch.ts'
import type { StepLimits } from './step-plan.ts'
import { type StreamDisk, Streams } from './streams.ts'
import { ThreadChoice } from './thread-choice.ts'

/** How a scheduler is set up. */
export interface SchedulerOptions {
  readonly context: Context
  readonly clock: Clock
  readonly outbox: Outbox
  readonly spillBytes: number
  readonly disk?: StreamDisk | undefined
  readonly limits: StepLimits
}

/** All generating requests of one engine. `step` is called in a loop; everything else may be called while a step runs. */
export class Scheduler {
  readonly streams: Streams
  readonly pace = new Pace()
  readonly #options: SchedulerOptions
  readonly #context: Context
  readonly #admission: Admission
  readonly #filler: BatchFiller
  readonly #turns = new AdapterTurns()
  readonly #threads: ThreadChoice
  readonly #generations = new Map<number, Generation>()
  readonly #cancelled = new Set<Generation>()
  #running: Sequence[] = []
  /** Parts of the decode that runs now. */
  #inFlight: readonly Placed[] = []
  readonly #counts = { steps: 0, promptTokens: 0, generatedTokens: 0, acceptedTokens: 0, stopped: 0 }

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#context = options.context
    const prefill = (tokens: number) => tokens * this.pace.perRow
    const step = () => this.pace.predict(Math.max(1, this.#running.length))
    this.streams = new Streams(options.context, options.clock, options.spillBytes, { prefill, step }, options.disk)
    this.#threads = new ThreadChoice(options.context.options.threads)
    this.#filler = new BatchFiller(options.context, this.pace, options.limits)
    this.#admission = new Admission(this.streams, options.context.streams, options.clock)
  }

  /** What is so now, for the server's waiting line and metrics. */
  get load(): EngineLoad {
    return {
      ...this.#counts,
      running: this.#running.length,
      waiting: this.#admission.waiting.length,
      kvUse: this.streams.use,
      spilledBytes: this.streams.spilledBytes,
      cachedTokens: this.#admission.cachedTokens,
      displaced: this.#admission.displaced,
      threads: this.#context.threads,
    }
  }

  /** Other models take their threads, or give them back. */
  limitThreads(count: number): void {
    const most = Math.max(1, Math.min(count, this.#context.options.threads))
    this.#threads.limit(most, this.#options.clock.elapsed())
    this.#context.setThreads(most)
  }

  /** Whether somebody would wait for a long step of other work. */
  get busy(): boolean {
    return this.#running.length > 0
  }

  /** Requests that are not over. */
  get open(): number {
    return this.#generations.size
  }

  add(generation: Generation): void {
    this.#generations.set(generation.id, generation)
    for (const choice of generation.choices) this.enqueue(generation, choice)
  }

  /** Puts a choice into the line: a new one, or one that starts over. */
  enqueue(generation: Generation, choice: Choice): void {
    if (!this.#generations.has(generation.id)) return
    const sequence = new Sequence(generation, choice)
    this.#admission.add(sequence)
    if (sequence.interactive) this.#giveUpBatchStep()
  }

  /** A step for batch lines alone is begun anew later: whoever comes waits for none of it. What recurs cannot be taken back. */
  #giveUpBatchStep(): void {
    const { recurrent, hybrid } = this.#context.model
    if (recurrent || hybrid || this.#inFlight.length === 0) return
    if (this.#inFlight.every(({ sequence }) => !sequence.interactive)) this.#context.stop()
  }

  /** Ends a request with an error; its streams are free after this step. */
  fail(generation: Generation, error: unknown): void {
    if (!this.#generations.has(generation.id) || this.#cancelled.has(generation)) return
    this.#options.outbox.failure(generation.id, error)
    this.#cancelled.add(generation)
  }

  /** Ends a request. A decode that works for nobody else is stopped; otherwise the streams are free after this step. */
  cancel(id: number): void {
    const generation = this.#generations.get(id)
    if (generation === undefined) return
    this.#cancelled.add(generation)
    const idle = this.#inFlight.every(({ sequence }) => this.#cancelled.has(sequence.generation))
    if (this.#inFlight.length > 0 && idle) this.#context.stop()
  }

  /** Stops or continues decoding for a reader who is behind. */
  setPaused(id: number, paused: boolean): void {
    const generation = this.#generations.get(id)
    if (generation === undefined) return
    generation.paused = paused
    generation.pausedAt = this.#options.clock.elapsed()
  }

  /** One step; false when there was nothing to do. Throws when the engine fails: the process should end then. */
  async step(): Promise<boolean> {
    this.#sweep()
    this.#admission.admit(this.#running)
    this.#gather()
    const ready = this.#running.filter((sequence) => !sequence.generation.paused)
    const placed = this.#filler.fill(this.#turns.next(ready, this.#options.clock.elapsed()))
    const [first] = placed
    if (first === undefined) return false
    this.#inFlight = placed
    this.#context.setAdapters(first.sequence.generation.preparation.adapters.adapters)
    // Whoever computed vectors since the last step left them on.
    this.#context.setEmbeddings(false)
    const { result, ms } = await this.#decode()
    this.#inFlight = []
    this.streams.decoded()
    this.#counts.steps += 1
    if (result === 'done') {
      this.pace.observe(this.#context.batch.length, ms)
      for (const part of placed) {
        part.sequence.generation.stepped(placed.length)
        this.#guard(part.sequence.generation, () => this.#absorb(part))
      }
    } else {
      // Finished micro-batches of a stopped decode stay in the engine: what the streams do not know of is removed.
      for (const { sequence } of placed) this.#trim(sequence.choice)
      this.#counts.stopped += 1
      if (result === 'full') throw new Error('The engine found no room in a stream that should have it.')
    }
    this.#sweep()
    return true
  }

  async #decode(): Promise<{ result: DecodeResult; ms: number }> {
    const { clock, context } = this.#options
    const rows = context.batch.length
    const begun = clock.elapsed()
    const threads = this.#threads.threadsFor(rows, begun)
    context.setThreads(threads)
    const result = await context.decode()
    const ended = clock.elapsed()
    if (result === 'done') this.#threads.observe(threads, rows, ended - begun, ended)
    return { result, ms: ended - begun }
  }

  /** Once nobody comes to fill the gap that an ended line left, the others close up. */
  #gather(): void {
    if (this.#admission.waiting.length > 0) return
    const move = this.streams.gather(this.#running.flatMap(({ choice }) => choice.stream ?? []))
    const moved = this.#running.find(({ choice }) => choice.stream === move?.from)
    if (move !== undefined && moved !== undefined) moved.choice.stream = move.to
  }

  /** Takes a part's rows: into the stream, the prompt's log-probabilities, and the choice. */
  #absorb({ sequence, rows, firstRow, guessed }: Placed): void {
    const { choice, generation, allRows } = sequence
    const { stream } = choice
    if (stream === undefined) return
    const from = stream.tokens.length
    if (allRows) this.#readPrompt(generation, from, rows, firstRow)
    this.#counts.promptTokens += Math.max(0, Math.min(from + rows, generation.preparation.prompt.length) - from)
    this.streams.append(stream, choice.tokens.slice(from, from + rows))
    if (stream.tokens.length < choice.tokens.length) return
    if (choice.generated === 0) generation.prompted(choice)
    if (choice.finished === undefined) this.#readAnswer(sequence, firstRow + rows - 1, guessed)
  }

  #readPrompt(generation: Generation, from: number, rows: number, firstRow: number): void {
    for (let index = 0; index < rows; index += 1) {
      const row = firstRow + index
      const normalizer = () => this.#context.logSumExp(row)
      generation.promptLogprobs?.read(from + index, this.#context.logits(row), normalizer)
    }
  }

  /** One token from the last row, and one more from each guessed row as long as the guesses are right. */
  #readAnswer({ choice, generation }: Sequence, row: number, guessed: readonly number[]): void {
    let right = 0
    for (let index = 0; index <= guessed.length; index += 1) {
      const before = choice.tokens.length
      const at = row + index
      generation.read(choice, { logits: this.#context.logits(at), normalizer: () => this.#context.logSumExp(at) })
      this.#counts.generatedTokens += Math.max(0, choice.tokens.length - before)
      const token = choice.tokens[before]
      if (choice.finished !== undefined || index === guessed.length || token !== guessed[index]) break
      right += 1
    }
    if (guessed.length === 0) return
    choice.accepted += right
    this.#counts.acceptedTokens += right
    this.#filler.learn(choice, guessed.length, right)
    if (choice.stream !== undefined) this.streams.append(choice.stream, guessed.slice(0, right))
    this.#trim(choice)
  }

  /** Makes the engine's stream equal to what the table says of it. */
  #trim({ stream }: Choice): void {
    if (stream !== undefined) this.streams.trim(stream, stream.tokens.length)
  }

  /** Frees the streams of what ended, was cancelled or came too late. */
  #sweep(): void {
    for (const generation of this.#generations.values()) {
      if (generation.late) this.fail(generation, fail('deadline_exceeded'))
      if (generation.done || this.#cancelled.has(generation)) this.#end(generation)
    }
    this.#running = this.#running.filter((sequence) => this.#keepRunning(sequence))
  }

  #keepRunning(sequence: Sequence): boolean {
    const { choice, generation } = sequence
    const open = this.#generations.has(generation.id)
    if (open && choice.finished === undefined) return true
    if (choice.stream !== undefined) this.streams.release(choice.stream)
    choice.stream = undefined
    return false
  }

  #end(generation: Generation): void {
    generation.free()
    this.#cancelled.delete(generation)
    this.#generations.delete(generation.id)
    this.#admission.remove((sequence) => sequence.generation === generation)
    this.#options.outbox.close(generation.id)
  }

  /** What goes wrong for one request ends that request alone. */
  #guard(generation: Generation, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(generation, error)
    }
  }
}
