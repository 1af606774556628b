// A model whose engine process runs on this machine: keeps the Model contract over messages. Knows neither HTTP nor the engine's library.

import type { Clock } from '../base/clock.ts'
import { type Failure, fail, reviveFailure } from '../base/errors.ts'
import type {
  CallContext,
  ChatCall,
  CompletionCall,
  EmbeddingCall,
  EmbeddingResult,
  Model,
  ModelCard,
  ModelEvent,
  ModelLoad,
  RankingCall,
  RankingResult,
  TokenizeInput,
  TokenizerInfo,
} from '../wire/model.ts'
import type { AdapterFile } from './adapter-check.ts'
import { EventBuffer } from './event-buffer.ts'
import { type Delivery, type EngineLoad, type EngineRequest, idleLoad, type RequestAdapter } from './messages.ts'
import type { EngineProcess } from './process.ts'

/** A request whose process died before anything was sent to its reader is sent again this often. More would let one bad request end process after process. */
const retries = 1

/** Where a model's engine comes from: it may have to be loaded first. */
export interface EngineHost {
  readonly card: ModelCard
  /** Parallel sequences, loaded or not. */
  readonly streams: number
  /** How far loading is, 0–1; undefined while it runs. */
  readonly loadingFraction: number | undefined
  readonly clock: Clock
  /** By name. */
  readonly adapters: ReadonlyMap<string, AdapterFile>
  /** Waits until the engine runs. Each call that resolves is followed by one `leave`; until then the process stays. */
  enter(signal?: AbortSignal): Promise<EngineProcess>
  leave(): void
}

/** A request on its way: what to do with what the engine says of it. */
interface Pending {
  readonly request: EngineRequest
  /** Aborts when nobody waits for it any more: its reader left, or its caller's signal was aborted. */
  readonly gone: AbortController
  /** The process that it was given, until its end. */
  process: EngineProcess | undefined
  readonly events?: EventBuffer
  resolve?(result: unknown): void
  fail(error: unknown): void
  /** Id in the living child; undefined while it waits for one. */
  id: number | undefined
  /** Milliseconds that it waited for the engine to be loaded. */
  waitedMs: number
  /** Something reached the reader, so it cannot be started over. */
  begun: boolean
  over: boolean
  attempts: number
}

/** Implements `Model` for one engine process. Made by the pool, which also feeds it the process's news. */
export class LocalModel implements Model {
  readonly #host: EngineHost
  /** By id in the living child: until the child says `closed`. */
  readonly #sent = new Map<number, Pending>()
  #lastId = 0
  #load: EngineLoad = idleLoad
  #tokenizer: Promise<TokenizerInfo> | undefined

  constructor(host: EngineHost) {
    this.#host = host
  }

  get card(): ModelCard {
    return this.#host.card
  }

  /** `running` is what the engine holds plus what it was sent and has not answered yet, so that admission never counts a stream twice as free. */
  load(): ModelLoad {
    const { streams, loadingFraction: loading } = this.#host
    const running = Math.min(streams, Math.max(this.#load.running, this.#sequences()))
    return { streams, running, kvUse: this.#load.kvUse, ...(loading !== undefined && { loading }) }
  }

  /** The engine's own counts, for `/metrics`. */
  get counts(): EngineLoad {
    return this.#load
  }

  chat(call: ChatCall, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return this.#stream({ type: 'chat', call, adapters: this.#adaptersOf(call.context) }, signal)
  }

  complete(call: CompletionCall, signal: AbortSignal): AsyncIterable<ModelEvent> {
    return this.#stream({ type: 'complete', call, adapters: this.#adaptersOf(call.context) }, signal)
  }

  embed(call: EmbeddingCall, signal: AbortSignal): Promise<EmbeddingResult> {
    if (call.context.adapters !== undefined) return Promise.reject(adaptersGenerate())
    return this.#once<EmbeddingResult>({ type: 'embed', call }, signal)
  }

  rank(call: RankingCall, signal: AbortSignal): Promise<RankingResult> {
    if (call.context.adapters !== undefined) return Promise.reject(adaptersGenerate())
    return this.#once<RankingResult>({ type: 'rank', call }, signal)
  }

  tokenize(input: TokenizeInput, signal: AbortSignal): Promise<readonly number[]> {
    return this.#ask({ type: 'tokenize', input }, signal) as Promise<readonly number[]>
  }

  detokenize(tokens: readonly number[], signal: AbortSignal): Promise<string> {
    return this.#ask({ type: 'detokenize', tokens }, signal) as Promise<string>
  }

  tokenizer(): Promise<TokenizerInfo> {
    this.#tokenizer ??= (
      this.#ask({ type: 'tokenizer' }, new AbortController().signal) as Promise<TokenizerInfo>
    ).catch((error: unknown) => {
      this.#tokenizer = undefined
      throw error
    })
    return this.#tokenizer
  }

  /** Loads an adapter in the engine ahead of its first request; throws why it cannot be. Loads the model where it is not. */
  async warm({ path, digest }: AdapterFile): Promise<void> {
    const adapters = [{ path, digest, scale: 1 }]
    await this.#ask({ type: 'adapters', adapters }, new AbortController().signal)
  }

  #adaptersOf({ adapters = [] }: CallContext): readonly RequestAdapter[] {
    return adapters.map(({ name, scale }) => {
      const file = this.#host.adapters.get(name)
      if (file === undefined) throw fail('not_found', { what: 'adapter', id: name, param: 'model' })
      return { path: file.path, digest: file.digest, scale }
    })
  }

  /** News from the living child. */
  news(deliveries: readonly Delivery[], load: EngineLoad): void {
    this.#load = load
    for (const delivery of deliveries) {
      const pending = this.#sent.get(delivery.id)
      if (pending !== undefined) this.#deliver(pending, delivery)
    }
  }

  pulse(load: EngineLoad): void {
    this.#load = load
  }

  /** The child died: what nobody has seen anything of starts over in the next one, the rest fails. */
  lost(): void {
    this.#load = idleLoad
    const lost = [...this.#sent.values()]
    this.#sent.clear()
    for (const pending of lost) {
      pending.id = undefined
      const again = !pending.over && !pending.begun && pending.attempts <= retries
      if (again && pending.process?.stopping === false) {
        this.#send(pending)
        continue
      }
      const stopping = pending.process?.stopping === true
      this.#release(pending)
      if (!pending.over) pending.fail(stopping ? fail('server_stopping') : this.#failure())
    }
  }

  #failure(): Failure {
    return fail('engine_failed', { model: this.card.name })
  }

  #sequences(): number {
    let count = 0
    for (const { request } of this.#sent.values()) {
      if (request.type === 'chat' || request.type === 'complete') count += request.call.sampling.choices ?? 1
    }
    return count
  }

  #stream(request: EngineRequest, signal: AbortSignal): EventBuffer {
    const control = (type: 'pause' | 'resume') => {
      if (pending.id !== undefined) pending.process?.send({ type, id: pending.id })
    }
    const events: EventBuffer = new EventBuffer(
      {
        begin: () => this.#send(pending),
        pause: () => control('pause'),
        resume: () => control('resume'),
        cancel: () => this.#cancel(pending),
      },
      signal,
    )
    const pending: Pending = {
      request,
      gone: new AbortController(),
      process: undefined,
      events,
      fail: (error) => events.end(error),
      waitedMs: 0,
      id: undefined,
      begun: false,
      over: false,
      attempts: 0,
    }
    return events
  }

  /** The answer to a call of the model, with how long it waited for the engine to be loaded. */
  async #once<Result extends object>(request: EngineRequest, signal: AbortSignal): Promise<Result> {
    let loadMs = 0
    const result = (await this.#ask(request, signal, (waitedMs) => (loadMs = waitedMs))) as Result
    return loadMs < 1 ? result : { ...result, queueMs: loadMs, loadMs }
  }

  #ask(request: EngineRequest, signal: AbortSignal, onAnswer?: (waitedMs: number) => void): Promise<unknown> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const pending: Pending = {
      ...{ request, gone: new AbortController(), process: undefined, resolve, fail: reject },
      ...{ waitedMs: 0, id: undefined, begun: false, over: false, attempts: 0 },
    }
    const abort = () => {
      reject(signal.reason)
      this.#cancel(pending)
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#send(pending)
    return promise.finally(() => {
      signal.removeEventListener('abort', abort)
      onAnswer?.(pending.waitedMs)
    })
  }

  /** Sends at once to a living child, else as soon as there is one. */
  #send(pending: Pending): void {
    const since = this.#host.clock.elapsed()
    this.#process(pending).then(
      (process) => {
        pending.process = process
        pending.waitedMs += this.#host.clock.elapsed() - since
        if (pending.over) return this.#release(pending)
        this.#lastId += 1
        pending.id = this.#lastId
        pending.attempts += 1
        this.#sent.set(pending.id, pending)
        process.send({ type: 'request', id: pending.id, request: pending.request })
      },
      (error: unknown) => {
        this.#release(pending)
        if (pending.over) return
        pending.over = true
        pending.fail(error)
      },
    )
  }

  /** A request keeps the process that it was given, through its restarts. */
  async #process({ process, gone }: Pending): Promise<EngineProcess> {
    if (process === undefined) return await this.#host.enter(gone.signal)
    await process.ready()
    return process
  }

  /** The engine counts from when it was sent the request: what a load took is waiting, too. */
  #withWait(events: readonly ModelEvent[], { waitedMs }: Pending): readonly ModelEvent[] {
    if (waitedMs < 1) return events
    return events.map((event) =>
      event.type === 'started' ? { ...event, queueMs: event.queueMs + waitedMs, loadMs: waitedMs } : event,
    )
  }

  #release(pending: Pending): void {
    if (pending.process !== undefined) this.#host.leave()
    pending.process = undefined
  }

  /** The entry stays until the child says `closed`: until then its stream is not free. */
  #cancel(pending: Pending): void {
    if (pending.over) return
    pending.over = true
    pending.gone.abort()
    if (pending.id !== undefined) pending.process?.send({ type: 'cancel', id: pending.id })
  }

  #deliver(pending: Pending, { id, events, result, failure, closed }: Delivery): void {
    if (!pending.over) {
      if (events !== undefined && events.length > 0) {
        pending.events?.push(pending.begun ? events : this.#withWait(events, pending))
        pending.begun = true
      }
      if (failure !== undefined) pending.fail(reviveFailure(failure))
      else if (result !== undefined) pending.resolve?.(result)
      else if (closed) pending.events?.end()
      if (failure !== undefined || closed) pending.over = true
    }
    if (!closed) return
    this.#sent.delete(id)
    this.#release(pending)
  }
}

function adaptersGenerate(): Failure {
  return fail('unsupported_value', {
    param: 'model',
    reason: 'adapters are for text, and this asks for vectors or scores',
  })
}
