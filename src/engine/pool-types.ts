// What a pool of models is to everybody else: how it is started, what it does and what it tells. Knows no process.

import type { Clock } from '../base/clock.ts'
import type { Failure } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Model } from '../wire/model.ts'
import type { AdapterFile } from './adapter-check.ts'
import type { EngineDevice } from './devices.ts'
import type { MemberState } from './member.ts'
import type { EngineLoad } from './messages.ts'
import type { Plan } from './plan.ts'
import type { CorrectionBook } from './plan-correct.ts'
import type { Machine } from './plan-machine.ts'
import type { PoolModel } from './pool-model.ts'
import type { RecentLine } from './recent-lines.ts'
import type { ChildEnvironment, SpareEngine } from './spare.ts'

/** How a pool is started. */
export interface PoolOptions {
  readonly models: readonly PoolModel[]
  /** Threads of all models together; the free cores without it. */
  readonly threads?: number | undefined
  /** Bytes that all models may take together; what is free at the start without it. A tenth of it is left free. */
  readonly memoryBytes?: number | undefined
  /** Milliseconds without a request after which a model is unloaded; 0 or absent: never. */
  readonly idleMs?: number | undefined
  /** Longest that a request waits for its model to be loaded, in milliseconds; ten minutes without it. */
  readonly loadTimeoutMs?: number | undefined
  readonly log: Log
  readonly clock?: Clock
  /** What the machine offers; read from the system without it. */
  readonly machine?: Machine
  /** Variables that the engine processes get. Nothing else of the server's environment reaches them. */
  readonly environment?: ChildEnvironment
  /** A process that was forked ahead of time, for the first model. */
  readonly spare?: SpareEngine | undefined
  /** Loading progress, 0–1. */
  readonly onProgress?: (model: string, fraction: number) => void
  /** What earlier loads taught of models' memory. */
  readonly corrections?: CorrectionBook | undefined
  /** What the engine sees on this machine (`readDevices`); without it models are planned for main memory alone. */
  readonly devices?: readonly EngineDevice[] | undefined
}

/** Numbers of one model for `/metrics`. */
export interface EngineMetrics extends EngineLoad {
  readonly model: string
  readonly streams: number
  readonly restarts: number
}

/** One model's place in the pool. */
export interface ModelState {
  readonly model: string
  readonly aliases: readonly string[]
  /** The file that it is loaded from. */
  readonly path: string
  /** sha256 of the weights, when known. */
  readonly digest: string | null
  readonly state: MemberState
  readonly pinned: boolean
  readonly priority: number
  /** Milliseconds after which it is unloaded when idle; 0: never. */
  readonly idleMs: number
  /** 0–1 while loading. */
  readonly fraction: number
  readonly plan: Plan
  /** Plans that found too little memory before this one. */
  readonly reduced: readonly string[]
  /** Threads that it may compute on beside the models that are loaded. */
  readonly threads: number
  readonly running: number
  /** Requests that wait for it to be loaded. */
  readonly waiting: number
  /** Milliseconds without a request. */
  readonly quietMs: number
  /** Milliseconds that loading takes. */
  readonly loadMs: number
  readonly loads: number
  readonly restarts: number
  /** Why the last load failed; null after one that went well. */
  readonly failure: Failure | null
}

/** What is to change of a model's place. */
export interface MemberChange {
  readonly pinned?: boolean | undefined
  readonly priority?: number | undefined
  readonly idleMs?: number | undefined
}

/** Running models. */
export interface Pool {
  /** All models, loaded or not: calling one loads it. */
  readonly models: readonly Model[]
  /** Plans of the models that are loaded. */
  readonly plans: readonly Plan[]
  /** Bytes that all models may take together. */
  readonly memoryBytes: number
  states(): readonly ModelState[]
  /** What a model's engine wrote last, the oldest first. Throws `model_not_found`. */
  lines(name: string): readonly RecentLine[]
  metrics(): readonly EngineMetrics[]
  /** Resolves when all models are there that are loaded from the start; rejects with `model_load_failed` when one of them cannot be. */
  ready(): Promise<void>
  /** Process id of each model's engine, undefined while it is not there: for `doctor` and for tests that end one. */
  processIds(): readonly (number | undefined)[]
  /** Plans another model, which is loaded when it is first called. Throws `invalid_value` for a name that is taken, `model_load_failed`. */
  add(model: PoolModel): Promise<Model>
  /** Lets requests at work end, unloads a model and forgets it. Throws like `unload`. */
  remove(name: string): Promise<void>
  /** Loads a model, unloading others where it needs their room. Throws `model_not_found`, and why it cannot be loaded. */
  load(name: string): Promise<void>
  /** Lets requests at work end and unloads a model; the next call loads it again. Throws `model_not_found`, `invalid_value` for a pinned one. */
  unload(name: string): Promise<void>
  /** Throws `model_not_found`. */
  change(name: string, change: MemberChange): void
  /** The digest of a model's weights, which was not known when it was added. */
  learnDigest(name: string, digest: string): void
  /** Lets calls of a model use an adapter, in place of one of that name. Throws `model_not_found`, `adapter_unusable`. */
  addAdapter(model: string, adapter: AdapterFile): Promise<void>
  /** Takes it away; calls at work end with it. False where there is none. Throws `model_not_found`. */
  removeAdapter(model: string, name: string): boolean
  /** Ends all engine processes; requests at work fail with `server_stopping`. */
  stop(): Promise<void>
}
