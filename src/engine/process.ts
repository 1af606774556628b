// One model's engine process: starts it, notices its end at once, starts it again with back-off, stops it. Knows no request.

import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../base/clock.ts'
import { type Failure, fail, reviveFailure } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { ModelCard } from '../wire/model.ts'
import type {
  Delivery,
  EngineLoad,
  EngineMemory,
  EngineSettings,
  FromEngine,
  SpilledLine,
  ToEngine,
} from './messages.ts'
import type { RecentLine, RecentLines } from './recent-lines.ts'
import { type ChildEnvironment, forkEngine, type SpareEngine } from './spare.ts'

/** A child that says nothing for this long hangs: its event loop is free even while it decodes. */
const silenceLimitMs = 30_000
/** The silence is counted in looks, not by a clock: a server that itself stood still has not yet heard what its child said meanwhile. */
const lookEveryMs = 1_000
const firstDelayMs = 100
const longestDelayMs = 30_000
/** A child that lived this long starts the back-off anew. */
const healthyMs = 60_000
/** After `stop`, a child may finish its step for this long. */
const stopLimitMs = 5_000
/** Saving a gibibyte of KV takes about a second. */
const rememberLimitMs = 10_000

/** What the owner of a process is told. */
export interface EngineListener {
  news(deliveries: readonly Delivery[], load: EngineLoad): void
  pulse(load: EngineLoad): void
  /** The process ended; what it worked on is lost. */
  lost(): void
  /** 0–1 while the weights load. */
  loading?(fraction: number): void
}

/** What a started engine says of itself. */
export interface EngineIdentity {
  readonly card: ModelCard
  /** Build of the engine, for `ranOn`. */
  readonly engine: string
  /** What it takes; absent where it was only described. */
  readonly memory?: EngineMemory | undefined
}

/** Keeps one child alive until it is stopped. */
export class EngineProcess {
  readonly #settings: EngineSettings
  readonly #listener: EngineListener
  readonly #log: Log
  readonly #clock: Clock
  readonly #environment: ChildEnvironment
  readonly #spare: SpareEngine | undefined
  #child: ChildProcess | undefined
  #ready = Promise.withResolvers<EngineIdentity>()
  #failure: Failure | undefined
  #starts = 0
  #failures = 0
  #startedAt = 0
  /** Looks since the child was last heard. */
  #silentLooks = 0
  #stopping = false
  #lastSignal: NodeJS.Signals | null = null
  readonly #recent: RecentLines
  readonly #purpose: 'load' | 'describe'
  #remembered = Promise.withResolvers<readonly SpilledLine[]>()
  #threads: number | undefined
  #watch: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(options: {
    settings: EngineSettings
    listener: EngineListener
    log: Log
    clock: Clock
    /** The whole environment of the child. It holds no secrets because nothing is inherited. */
    environment: ChildEnvironment
    /** Taken at the first start, where it is still there. */
    spare?: SpareEngine | undefined
    /** Keeps the last lines that the engine writes. */
    recent: RecentLines
    /** `describe` reads the vocabulary only, for the card of a model that is not loaded yet; `load` without it. */
    purpose?: 'load' | 'describe'
  }) {
    this.#settings = options.settings
    this.#purpose = options.purpose ?? 'load'
    this.#listener = options.listener
    this.#recent = options.recent
    this.#log = options.log.child({ model: options.settings.name })
    this.#clock = options.clock
    this.#environment = options.environment
    this.#spare = options.spare
    this.#start()
  }

  /** Resolves when the child can take requests; rejects with `model_load_failed` or `engine_failed` when this attempt to start fails. */
  ready(): Promise<EngineIdentity> {
    return this.#ready.promise
  }

  /** Process id, undefined between two lives. */
  get processId(): number | undefined {
    return this.#child?.pid
  }

  /** The signal that ended the last child, null where it ended by itself: the system's SIGKILL tells of memory that ran out. */
  get lastSignal(): NodeJS.Signals | null {
    return this.#lastSignal
  }

  /** Whether it was told to end for good. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Starts after the first. */
  get restarts(): number {
    return this.#starts - 1
  }

  /** Sends to the living child; a message to a dead one is dropped, because `lost` told of all its requests. */
  send(message: ToEngine): void {
    if (this.#child?.connected) this.#child.send(message, () => {})
  }

  /** The most threads that it computes on, in this life and the next ones. */
  limitThreads(count: number): void {
    if (count === this.#threads) return
    this.#threads = count
    this.send({ type: 'threads', count })
  }

  /** What the child's streams know, within `limit` bytes; nothing where it does not say so in time. Nothing may be at work. */
  async remember(limit: number): Promise<readonly SpilledLine[]> {
    if (this.#child?.connected !== true || limit <= 0) return []
    this.#remembered = Promise.withResolvers()
    const timer = setTimeout(() => this.#remembered.resolve([]), rememberLimitMs)
    this.send({ type: 'remember', limit })
    const lines = await this.#remembered.promise
    clearTimeout(timer)
    return lines
  }

  /** Ends the child and does not start it again. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#retry)
    clearInterval(this.#watch)
    const child = this.#child
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.send({ type: 'stop' })
    const killer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
    await gone
    clearTimeout(killer)
  }

  #start(): void {
    this.#starts += 1
    this.#startedAt = this.#clock.elapsed()
    this.#silentLooks = 0
    this.#failure = undefined
    const child = this.#spare?.take() ?? forkEngine(this.#environment)
    this.#child = child
    // Nobody may be waiting yet when the attempt fails; those who ask later get the same promise.
    this.#ready.promise.catch(() => {})
    child.on('message', (message) => this.#hear(message as FromEngine))
    child.once('exit', (code, signal) => this.#exited(code, signal))
    child.on('error', (error) => {
      this.#log.error({ error }, 'engine process failed')
      // A process that never started never exits.
      if (child.pid === undefined) this.#exited(null, null)
    })
    let words = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4000)
    })
    child.stderr?.once('close', () => {
      if (words === '' || this.#stopping) return
      this.#recent.add('error', words)
      this.#log.error({ words }, 'last words of the engine process')
    })
    this.#watch = setInterval(() => this.#checkSilence(), lookEveryMs)
    this.#watch.unref()
    if (this.#threads !== undefined) this.send({ type: 'threads', count: this.#threads })
    this.send({ type: this.#purpose, settings: this.#settings })
  }

  #hear(message: FromEngine): void {
    this.#silentLooks = 0
    if (message.type === 'news') this.#listener.news(message.deliveries, message.load)
    else if (message.type === 'pulse') this.#listener.pulse(message.load)
    else if (message.type === 'loading') this.#listener.loading?.(message.fraction)
    else if (message.type === 'log') this.#keep(message.level, message.line)
    else if (message.type === 'remembered') this.#remembered.resolve(message.lines)
    else if (message.type === 'load-failed') this.#failure = reviveFailure(message.failure)
    else this.#ready.resolve({ card: message.card, engine: message.engine, memory: message.memory })
  }

  #keep(level: RecentLine['level'], line: string): void {
    this.#recent.add(level, line)
    this.#log[level]({ engine: line }, 'engine')
  }

  #checkSilence(): void {
    this.#silentLooks += 1
    if (this.#silentLooks * lookEveryMs < silenceLimitMs) return
    this.#log.error({ silentMs: silenceLimitMs }, 'engine process does not answer; it is ended')
    this.#child?.kill('SIGKILL')
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    clearInterval(this.#watch)
    this.#child = undefined
    this.#lastSignal = signal
    const lived = this.#clock.elapsed() - this.#startedAt
    const failure = this.#failure ?? fail('engine_failed', { model: this.#settings.name })
    this.#remembered.resolve([])
    this.#ready.reject(failure)
    this.#ready = Promise.withResolvers()
    this.#ready.promise.catch(() => {})
    if (this.#stopping) {
      this.#ready.reject(fail('server_stopping'))
      this.#listener.lost()
      return
    }
    this.#failures = lived > healthyMs ? 0 : this.#failures + 1
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(this.#failures - 1, 20))
    this.#log.error({ code, signal, livedMs: Math.round(lived), restartInMs: delayMs }, 'engine process ended')
    this.#retry = setTimeout(() => this.#start(), delayMs)
    this.#listener.lost()
  }
}
