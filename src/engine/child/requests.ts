// What each request to this process becomes, and the loop that works on them all. Knows no batch and no tokens.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { TokenizerInfo } from '../../wire/model.ts'
import type { EngineLoad, EngineRequest, RequestAdapter, SpilledLine } from '../messages.ts'
import type { Applied } from './adapters.ts'
import type { Engine } from './engine.ts'
import { Generation, type GenerationHost } from './generate.ts'
import type { Outbox } from './outbox.ts'
import { type Preparation, prepareChat, prepareCompletion, tokenizeInput } from './prepare.ts'
import { Scheduler } from './scheduler.ts'
import { Vectors } from './vectors.ts'

/** Requests beyond the streams: the server's waiting line admits the free streams and two more. */
const waitingRequests = 2

/** The requests of one engine. */
export class Requests {
  readonly #engine: Engine
  readonly #outbox: Outbox
  readonly #scheduler: Scheduler
  readonly #vectors: Vectors
  readonly #host: GenerationHost
  /** Requests that are being prepared; false once they were cancelled. */
  readonly #preparing = new Map<number, boolean>()
  #wake = Promise.withResolvers<void>()

  constructor(engine: Engine, outbox: Outbox, clock: Clock) {
    this.#engine = engine
    this.#outbox = outbox
    const { context, settings, vocabulary } = engine
    this.#scheduler = new Scheduler({
      context,
      clock,
      outbox,
      spillBytes: settings.spillBytes,
      disk: settings.prefixDisk && { ...settings.prefixDisk, identity: identityOf(engine) },
      limits: {
        capacity: context.batch.capacity,
        outputRows: Math.min(64, context.batch.outputCapacity),
        aloneRows: Math.min(aloneRows, context.batch.capacity),
      },
    })
    this.#vectors = new Vectors(engine, this.#scheduler.streams, outbox)
    this.#host = {
      clock,
      vocabulary,
      contextLength: context.contextLength,
      ranOn: ranOnOf(settings, engine.build),
      send: (id, events) => outbox.events(id, events),
      repeat: (generation, choice) => {
        this.#scheduler.enqueue(generation, choice)
        this.wake()
      },
      failed: (generation, error) => {
        this.#scheduler.fail(generation, error)
        this.wake()
      },
      over: () => this.wake(),
    }
  }

  get load(): EngineLoad {
    return this.#scheduler.load
  }

  start(id: number, request: EngineRequest): void {
    if (request.type === 'chat')
      this.#generate(id, request.adapters, (applied) => prepareChat(this.#engine, request.call, applied))
    else if (request.type === 'complete')
      this.#generate(id, request.adapters, (applied) => prepareCompletion(this.#engine, request.call, applied))
    else if (request.type === 'adapters') this.#answer(id, () => this.#warm(request.adapters))
    else if (request.type === 'embed') this.#answer(id, async () => this.#vectors.embed(id, request.call))
    else if (request.type === 'rank') this.#answer(id, async () => this.#vectors.rank(id, request.call))
    else this.#answer(id, async () => this.#direct(request))
  }

  cancel(id: number): void {
    if (this.#preparing.has(id)) this.#preparing.set(id, false)
    this.#scheduler.cancel(id)
    this.#vectors.cancel(id)
    this.wake()
  }

  setPaused(id: number, paused: boolean): void {
    this.#scheduler.setPaused(id, paused)
    this.wake()
  }

  /** What the streams know, for the process that loads this model next. */
  remember(limit: number): readonly SpilledLine[] {
    return this.#scheduler.open === 0 ? this.#scheduler.streams.remember(limit) : []
  }

  /** Takes what an earlier process remembered. */
  recall(lines: readonly SpilledLine[]): void {
    this.#scheduler.streams.recall(lines)
  }

  /** Lets the loop look again. */
  wake(): void {
    this.#wake.resolve()
  }

  /** Works until the engine fails, which it throws. */
  async run(): Promise<never> {
    for (;;) {
      this.#wake = Promise.withResolvers()
      this.#engine.adapters.sweep(() => this.#engine.context.setAdapters([]))
      // Vectors first: a stream that ends may be the only chance of a text among many generations.
      const computed = await this.#vectors.step(this.#scheduler.busy ? this.#scheduler.pace : undefined)
      const worked = await this.#scheduler.step()
      this.#outbox.flush(this.load)
      if (!computed && !worked) await this.#wake.promise
    }
  }

  /** Loads adapters; they stay for those who use them. */
  async #warm(wanted: readonly RequestAdapter[]): Promise<true> {
    const applied = await this.#engine.adapters.open(wanted)
    applied.release()
    return true
  }

  #generate(id: number, wanted: readonly RequestAdapter[], prepare: (applied: Applied) => Promise<Preparation>): void {
    this.#preparing.set(id, true)
    this.#answer(id, async () => {
      try {
        if (!this.#engine.card.capabilities.completion) {
          throw fail('unsupported_value', { param: 'model', reason: 'this model gives vectors or scores, not text' })
        }
        if (this.#scheduler.open + this.#preparing.size > this.#engine.context.streams * 2 + waitingRequests) {
          throw this.#full()
        }
        const applied = await this.#engine.adapters.open(wanted)
        const preparation = await prepare(applied).catch((error: unknown) => {
          applied.release()
          throw error
        })
        if (this.#preparing.get(id)) this.#scheduler.add(new Generation(id, preparation, this.#host))
        else {
          applied.release()
          this.#outbox.close(id)
        }
      } finally {
        this.#preparing.delete(id)
      }
      return undefined
    })
  }

  /** The most threads that steps compute on from now on. */
  limitThreads(count: number): void {
    this.#scheduler.limitThreads(count)
  }

  /** Runs the work; what it resolves to is the result, what it throws the failure. */
  #answer(id: number, work: () => Promise<unknown>): void {
    work()
      .then((result) => {
        if (result !== undefined) this.#outbox.result(id, result)
      })
      .catch((error: unknown) => {
        this.#outbox.failure(id, error)
        this.#outbox.close(id)
      })
      .finally(() => this.wake())
  }

  #direct(request: Exclude<EngineRequest, { type: 'chat' | 'complete' | 'embed' | 'rank' | 'adapters' }>): unknown {
    const { vocabulary } = this.#engine
    if (request.type === 'tokenize') return tokenizeInput(this.#engine, request.input)
    if (request.type === 'tokenizer') return this.#describeTokenizer()
    const wrong = request.tokens.find((token) => !vocabulary.has(token))
    if (wrong === undefined) return vocabulary.detokenize(request.tokens)
    const reason = `${wrong} is not one of this model's ${vocabulary.size} token ids`
    throw fail('invalid_value', { param: 'tokens', reason })
  }

  #describeTokenizer(): TokenizerInfo {
    const { vocabulary } = this.#engine
    return {
      type: vocabulary.kind,
      vocabularySize: vocabulary.size,
      beginOfSequence: vocabulary.beginOfSequence ?? null,
      endOfSequence: vocabulary.endOfSequence ?? null,
      addsBeginOfSequence: vocabulary.addsBeginOfSequence,
      chatTemplate: vocabulary.chatTemplate ?? null,
    }
  }

  #full() {
    const model = this.#engine.settings.name
    return fail('queue_full', { model, waiting: this.#scheduler.load.waiting, retryAfter: 1 })
  }
}

/** `model@sha256:…@build`: which version of the weights, and which build ran them. */
function ranOnOf({ name, digest }: Engine['settings'], build: string): string {
  const version = digest === null || name.includes('@sha256:') ? name : `${name}@sha256:${digest.slice(0, 12)}`
  return `${version}@${build}`
}

/** What a saved state fits: the same weights, engine and making of the context. Its length may differ. */
function identityOf({ settings, build }: Engine): string {
  const { streams, kvType, layout, flashAttention, fullWindow = false } = settings.context
  const weights = settings.digest ?? `${settings.path} ${settings.createdAt}`
  return JSON.stringify([weights, build, streams, kvType, layout, flashAttention, fullWindow])
}

/** Rows of a prompt that runs alone: see `step-plan.ts`. */
const aloneRows = 128
