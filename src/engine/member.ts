// One model of the pool: loaded or not, its process, who uses it and who waits for it. Whether it may load, the pool decides.

import type { Clock } from '../base/clock.ts'
import { Failure, fail } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { ModelCard } from '../wire/model.ts'
import type { AdapterFile } from './adapter-check.ts'
import { offloadFor, settingsOf } from './engine-settings.ts'
import type { ModelHeader } from './header-types.ts'
import { type EngineHost, LocalModel } from './local-model.ts'
import type { EngineLoad, EngineMemory, SpilledLine } from './messages.ts'
import type { Plan, PlanWishes } from './plan.ts'
import { type CorrectionBook, compared, correctionKey, correctionOf } from './plan-correct.ts'
import type { Device } from './plan-fit.ts'
import type { Machine } from './plan-machine.ts'
import { corrected, memoryNeed, withAdapterBytes } from './plan-memory.ts'
import { shapeOf } from './plan-shape.ts'
import type { PoolModel } from './pool-model.ts'
import { type EngineIdentity, type EngineListener, EngineProcess } from './process.ts'
import { RecentLines } from './recent-lines.ts'
import { smallerPlans } from './smaller-plans.ts'
import type { ChildEnvironment, SpareEngine } from './spare.ts'
import { Waiters } from './waiters.ts'

/** Where a model is in its life. */
export type MemberState = 'unloaded' | 'loading' | 'ready' | 'draining'

/** What a member is made of. */
export interface MemberParts {
  readonly model: PoolModel
  readonly header: ModelHeader
  readonly machine: Machine
  readonly wishes: PlanWishes
  readonly plan: Plan
  readonly log: Log
  readonly clock: Clock
  readonly environment: ChildEnvironment
  readonly spare?: SpareEngine | undefined
  readonly spillBytes: () => number
  /** Bytes of KV that may wait in this process for the next load. */
  readonly keepBytes: () => number
  /** It was loaded, or is gone, or on its way. */
  readonly changed: () => void
  /** Somebody waits for it to be loaded. */
  readonly want: (member: Member) => void
  readonly onProgress?: ((model: string, fraction: number) => void) | undefined
  /** Longest that a request waits for a load, in milliseconds. */
  readonly loadTimeoutMs: number
  /** Keeps what loads teach of the model's memory. */
  readonly corrections?: CorrectionBook | undefined
  /** GPUs and main memory; empty where there is no GPU. */
  readonly devices: readonly Device[]
}

/** Uses count for so long: half as much after each. */
const halfLifeMs = 30 * 60_000
/** What loading is taken to cost before it was measured, in milliseconds a mebibyte. */
const guessedLoadMs = 1.5
/** A model that was just loaded and is in demand stays for as long as its load took, between these. */
const stay = { least: 500, most: 10_000 }
/** One whose last request is this long over is in no demand. */
const idleAfterMs = 250

/** Keeps the promise that a process given out by `enter` runs until `leave`. */
export class Member implements EngineHost, EngineListener {
  readonly model: LocalModel
  /** What its engine wrote last, over all its lives. */
  readonly recent: RecentLines
  /** Changes with what a load teaches of the model's memory. */
  parts: MemberParts
  plan: Plan
  pinned: boolean
  priority: number
  /** Unloaded after so many milliseconds without a request; 0: never. Undefined: as the pool does. */
  idleMs: number | undefined
  state: MemberState = 'unloaded'
  /** 0–1 while loading. */
  fraction = 0
  /** Why the last load failed; undefined after one that went well. */
  failure: Failure | undefined
  /** What was tried in vain before the plan that it runs with, a sentence each. */
  reduced: readonly string[] = []
  loads = 0
  /** LoRA adapters that calls may use, by name. */
  readonly adapters = new Map<string, AdapterFile & { readonly bytes: number }>()
  #card: ModelCard | undefined
  #process: EngineProcess | undefined
  #threads: number | undefined
  #kept: { readonly plan: Plan; readonly lines: readonly SpilledLine[] } | undefined
  readonly #waiters = new Waiters<EngineProcess>()
  #asked = false
  #leases = 0
  #idle = Promise.withResolvers<void>()
  #loadMs: number | undefined
  #stateSince: number
  #usedAt: number
  #uses = 0
  #usesAt: number
  #stopped = false

  constructor(parts: MemberParts) {
    this.parts = parts
    this.recent = new RecentLines(parts.clock)
    this.plan = parts.plan
    this.pinned = parts.model.pinned ?? false
    this.priority = parts.model.priority ?? 0
    this.#stateSince = this.#usedAt = this.#usesAt = parts.clock.elapsed()
    this.model = new LocalModel(this)
  }

  get name(): string {
    return this.parts.model.name
  }

  /** Known after the first load or `describe`. */
  get card(): ModelCard {
    if (this.#card === undefined) throw fail('internal_error')
    return this.adapters.size === 0 ? this.#card : { ...this.#card, adapters: [...this.adapters.keys()] }
  }

  get streams(): number {
    return this.plan.streams
  }

  get loadingFraction(): number | undefined {
    return this.state === 'ready' ? undefined : this.fraction
  }

  get clock(): Clock {
    return this.parts.clock
  }

  /** Threads that it may compute on beside the models that are loaded. */
  get threads(): number {
    return this.#threads ?? this.plan.threads
  }

  /** Bytes that it takes, or would take. */
  get bytes(): number {
    return this.plan.memory.total
  }

  /** Bytes that are kept for its adapters. */
  get adapterBytes(): number {
    return this.parts.plan.memory.adapters
  }

  get process(): EngineProcess | undefined {
    return this.#process
  }

  /** Bytes of KV that wait for the next load. */
  get keptBytes(): number {
    return this.#kept?.lines.reduce((sum, { state }) => sum + state.length, 0) ?? 0
  }

  /** Requests at work. */
  get leases(): number {
    return this.#leases
  }

  /** Requests that wait for it to be loaded. */
  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether loading it is of use to anybody. */
  get wanted(): boolean {
    return this.#asked || this.#waiters.size > 0
  }

  /** Milliseconds since its last request ended, or since it was loaded; 0 while one is at work. */
  get quietMs(): number {
    return this.#leases > 0 ? 0 : this.parts.clock.elapsed() - Math.max(this.#usedAt, this.#stateSince)
  }

  /** Milliseconds in its present state. */
  get stateMs(): number {
    return this.parts.clock.elapsed() - this.#stateSince
  }

  /** What loading takes, as measured the last time or guessed. */
  get loadMs(): number {
    return this.#loadMs ?? (this.plan.memory.weights / 2 ** 20) * guessedLoadMs
  }

  /** Uses an hour, the recent ones first. */
  get usesPerHour(): number {
    return (this.#decayedUses() * 3_600_000 * Math.LN2) / halfLifeMs
  }

  /** Milliseconds that it should stay before it makes room. */
  get stayMs(): number {
    if (this.quietMs > idleAfterMs) return 0
    return Math.max(0, Math.min(stay.most, Math.max(stay.least, this.loadMs)) - this.stateMs)
  }

  /** Milliseconds until it is loaded, as far as can be told. */
  get estimateMs(): number {
    if (this.state !== 'loading') return this.loadMs
    return this.fraction > 0.05 ? (this.stateMs / this.fraction) * (1 - this.fraction) : this.loadMs
  }

  /** Waits until the engine runs. Every call that resolves is followed by one `leave`; until then the process stays. */
  async enter(signal?: AbortSignal): Promise<EngineProcess> {
    if (this.#stopped) throw fail('server_stopping')
    this.#count()
    if (this.state === 'ready' && this.#process !== undefined) return await this.#lease(this.#process)
    const waiting = this.#waiters.wait(this.parts.loadTimeoutMs, () => this.#loadingFailure(), signal)
    this.parts.want(this)
    return await waiting
  }

  leave(): void {
    this.#leases -= 1
    this.#usedAt = this.parts.clock.elapsed()
    if (this.#leases === 0) this.#idle.resolve()
  }

  /** Asks for it to be loaded, without a request. Resolves when it is. */
  async load(): Promise<void> {
    if (this.state === 'ready') return
    this.#asked = true
    await this.enter()
    this.leave()
  }

  /** Loads it, with less memory where what was planned is not to be had. Whoever waits is served, or told why not. */
  async start(): Promise<void> {
    const { header, machine, wishes, clock, log } = this.parts
    this.#enterState('loading')
    const tried: string[] = []
    let failure: Failure | undefined
    for (const plan of smallerPlans(header, machine, wishes, this.parts.plan)) {
      const begun = clock.elapsed()
      this.plan = plan
      this.fraction = 0
      const outcome = await this.#attempt(plan)
      if (!(outcome instanceof Error)) {
        this.#recall(plan)
        this.#loadMs = clock.elapsed() - begun
        this.#card = outcome.card
        this.#compare(plan, outcome.memory)
        this.#ready(tried)
        return
      }
      failure = outcome
      if (this.#stopped || !ranOut(outcome, this.#process?.lastSignal)) break
      tried.push(`${plan.streams} streams of ${plan.contextLength} tokens: ${reasonOf(outcome)}`)
      log.warn(
        { model: this.name, streams: plan.streams, contextLength: plan.contextLength },
        'memory ran out: trying with less',
      )
    }
    this.plan = this.parts.plan
    this.#process = undefined
    this.#enterState('unloaded')
    const told =
      tried.length > 1 ? this.#ranOutFailure(tried) : (failure ?? fail('engine_failed', { model: this.name }))
    this.refuse(told)
  }

  /** Lets requests at work end, keeps others waiting, and ends the process. */
  async unload(): Promise<void> {
    if (this.state !== 'ready') return
    this.#enterState('draining')
    this.#idle = Promise.withResolvers()
    if (this.#leases > 0) await this.#idle.promise
    await this.#remember()
    await this.#process?.stop()
    this.#process = undefined
    if (!this.#stopped) this.#enterState('unloaded')
  }

  /** Other models take their threads, or give them back: at most so many from its next step on. */
  limitThreads(count: number): void {
    this.#threads = count
    this.#process?.limitThreads(count)
  }

  /** Keeps so many bytes for its adapters, which calls load when they name them. */
  keepForAdapters(adapterBytes: number): void {
    const { plan, wishes } = this.parts
    this.plan = { ...this.plan, memory: withAdapterBytes(this.plan.memory, adapterBytes) }
    const next = { ...plan, memory: withAdapterBytes(plan.memory, adapterBytes) }
    this.parts = { ...this.parts, plan: next, wishes: { ...wishes, adapterBytes } }
  }

  /** Tells everybody who waits that it will not be loaded now. */
  refuse(failure: Failure): void {
    this.failure = failure
    this.#asked = false
    this.#waiters.refuse(failure)
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#process?.stop()
    this.refuse(fail('server_stopping'))
  }

  /** What was counted of its weights meanwhile. */
  learnDigest(digest: string): void {
    this.parts = { ...this.parts, model: { ...this.parts.model, digest } }
    if (this.#card !== undefined) this.#card = { ...this.#card, digest }
  }

  /** Learns the card without loading the weights. */
  async describe(): Promise<void> {
    const process = this.#startProcess(this.plan, 'describe')
    try {
      this.#card = (await process.ready()).card
    } finally {
      await process.stop()
      this.#process = undefined
    }
  }

  news(...news: Parameters<EngineListener['news']>): void {
    this.model.news(...news)
  }

  pulse(load: EngineLoad): void {
    this.model.pulse(load)
  }

  lost(): void {
    this.model.lost()
  }

  loading(fraction: number): void {
    this.fraction = fraction
    this.parts.onProgress?.(this.name, fraction)
  }

  /** Logs what was planned beside what was taken, corrects this plan and the next ones, and keeps what was learned. */
  #compare(plan: Plan, taken: EngineMemory | undefined): void {
    if (taken === undefined) return
    const { header, log, corrections, wishes } = this.parts
    // Learned anew from the uncorrected plan each time, so that corrections do not add up.
    const shape = { ...shapeOf(header), adapterBytes: this.adapterBytes }
    const planned = memoryNeed(shape, plan)
    const correction = correctionOf(planned, taken)
    log.info({ model: this.name, ...compared(planned, taken) }, 'memory in MiB: planned and taken')
    corrections?.keep(correctionKey(header), correction)
    this.plan = { ...plan, memory: corrected(planned, correction) }
    const next = memoryNeed(shape, this.parts.plan)
    this.parts = {
      ...this.parts,
      wishes: { ...wishes, correction },
      plan: { ...this.parts.plan, memory: corrected(next, correction) },
    }
  }

  /** Prefixes outlive a swap: their KV waits in this process for the next load. */
  async #remember(): Promise<void> {
    const lines = this.#stopped ? [] : await this.#process?.remember(this.parts.keepBytes())
    this.#kept = lines === undefined || lines.length === 0 ? undefined : { plan: this.plan, lines }
  }

  /** States fit only a context of the same form. */
  #recall(plan: Plan): void {
    const kept = this.#kept
    this.#kept = undefined
    if (kept === undefined || formOf(kept.plan) !== formOf(plan)) return
    this.#process?.send({ type: 'recall', lines: kept.lines })
  }

  async #attempt(plan: Plan): Promise<EngineIdentity | Failure> {
    let process: EngineProcess | undefined
    try {
      process = this.#startProcess(plan, 'load')
      return await process.ready()
    } catch (error) {
      await process?.stop()
      return error instanceof Failure ? error : fail('engine_failed', { model: this.name }, error)
    }
  }

  #startProcess(plan: Plan, purpose: 'load' | 'describe'): EngineProcess {
    const { model, header, devices, log, clock, environment, spare, spillBytes } = this.parts
    const offload = devices.length === 0 ? undefined : offloadFor(header, devices, plan)
    const spill = purpose === 'load' ? spillBytes() : 0
    const settings = { ...settingsOf(model, header, plan, spill), ...(offload && { offload }) }
    if (offload !== undefined && purpose === 'load')
      log.info({ model: this.name, ...offload }, 'layers on GPUs, as planned')
    const { recent } = this
    this.#process = new EngineProcess({ settings, listener: this, log, recent, clock, environment, spare, purpose })
    if (purpose === 'load' && this.#threads !== undefined) this.#process.limitThreads(this.#threads)
    return this.#process
  }

  #ready(tried: readonly string[]): void {
    this.reduced = tried
    this.failure = undefined
    this.#asked = false
    this.loads += 1
    this.#enterState('ready')
    const process = this.#process
    if (process !== undefined) this.#waiters.serve(() => this.#lease(process))
  }

  async #lease(process: EngineProcess): Promise<EngineProcess> {
    this.#leases += 1
    try {
      await process.ready()
      return process
    } catch (error) {
      this.leave()
      throw error
    }
  }

  #loadingFailure(): Failure {
    const retryAfter = Math.min(60, Math.max(1, Math.ceil(this.estimateMs / 1000)))
    const percent = Math.round(this.fraction * 100)
    return fail('model_loading', { model: this.name, state: this.state, percent, retryAfter })
  }

  #ranOutFailure(tried: readonly string[]): Failure {
    return fail('model_load_failed', {
      model: this.name,
      reason: `memory ran out with every plan that was tried. ${tried.map((line) => `${line}.`).join(' ')}`,
    })
  }

  #enterState(state: MemberState): void {
    this.state = state
    if (state !== 'loading') this.fraction = 0
    this.#stateSince = this.parts.clock.elapsed()
    this.parts.changed()
  }

  #count(): void {
    this.#uses = this.#decayedUses() + 1
    this.#usesAt = this.parts.clock.elapsed()
  }

  #decayedUses(): number {
    return this.#uses * 2 ** ((this.#usesAt - this.parts.clock.elapsed()) / halfLifeMs)
  }
}

/** What a saved state depends on. */
function formOf({ streams, contextLength, kvType, layout, fullWindow }: Plan): string {
  return JSON.stringify([streams, contextLength, kvType, layout, fullWindow])
}

/** Whether a load failed for want of memory: the library said so, or the system ended the process. */
function ranOut(failure: Failure, signal: NodeJS.Signals | null | undefined): boolean {
  return signal === 'SIGKILL' || /alloc|out of memory|temporarily unavailable|make a context/i.test(reasonOf(failure))
}

function reasonOf(failure: Failure): string {
  return String(failure.fields['reason'] ?? failure.message).replace(/\.$/, '')
}
