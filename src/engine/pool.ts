// The models of this machine: plans them, starts a process for each, hands out Models. Knows no request and no HTTP.

import { statSync } from 'node:fs'
import { type Clock, systemClock } from '../base/clock.ts'
import { fail } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Model } from '../wire/model.ts'
import { readHeader } from './header.ts'
import { LocalModel } from './local-model.ts'
import type { EngineLoad, EngineSettings, Pooling } from './messages.ts'
import { machineAfter, type Plan, planModel } from './plan.ts'
import { type Machine, readMachine } from './plan-machine.ts'
import { type EngineListener, EngineProcess } from './process.ts'

/** A model to serve. What is absent the plan decides. */
export interface PoolModel {
  readonly name: string
  readonly aliases?: readonly string[]
  /** A GGUF file. */
  readonly path: string
  readonly streams?: number | undefined
  readonly contextLength?: number | undefined
  readonly pooling?: Pooling | undefined
  readonly kvType?: 'f16' | 'q8_0' | undefined
  readonly layout?: 'split' | 'unified' | undefined
  /** sha256 of the file, when known. */
  readonly digest?: string | null | undefined
}

/** How a pool is started. */
export interface PoolOptions {
  readonly models: readonly PoolModel[]
  /** Threads of all models together; the free cores without it. */
  readonly threads?: number | undefined
  readonly log: Log
  readonly clock?: Clock
  /** Variables that the engine processes get. Nothing else of the server's environment reaches them. */
  readonly environment?: Readonly<Record<string, string>>
  /** Loading progress, 0–1. */
  readonly onProgress?: (model: string, fraction: number) => void
}

/** Numbers of one model for `/metrics`. */
export interface EngineMetrics extends EngineLoad {
  readonly model: string
  readonly streams: number
  readonly restarts: number
}

/** Running models. */
export interface Pool {
  readonly models: readonly Model[]
  readonly plans: readonly Plan[]
  metrics(): readonly EngineMetrics[]
  /** Process id of each model's engine, undefined while it restarts: for `doctor` and for tests that end one. */
  processIds(): readonly (number | undefined)[]
  /** Ends all engine processes; requests at work fail with `server_stopping`. */
  stop(): Promise<void>
}

/** Part of the free memory after the plan that may hold the KV of streams that made room, and its limit. */
const spillShare = 0.25
const spillLimit = 2 * 2 ** 30

/** Plans and starts all models. Rejects with `model_load_failed` when one cannot be loaded; the others are then ended again. */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const machine = readMachine()
  const threads = shareThreads(options.threads, options.models.length)
  const plans: Plan[] = []
  let left = machine
  for (const [index, model] of options.models.entries()) {
    const plan = planOne(model, left, threads[index], options.models.length)
    left = machineAfter(left, plan)
    plans.push(plan)
  }
  const spillBytes = Math.min(spillLimit, (left.availableBytes * spillShare) / Math.max(1, plans.length))
  const members = options.models.map((model, index) => {
    const plan = plans[index]
    if (plan === undefined) throw fail('internal_error')
    return new Member(settingsOf(model, plan, spillBytes), options)
  })
  try {
    await Promise.all(members.map((member) => member.start()))
  } catch (error) {
    await Promise.all(members.map((member) => member.process.stop()))
    throw error
  }
  return {
    models: members.map((member) => member.model),
    plans,
    metrics: () => members.map((member) => member.metrics()),
    processIds: () => members.map((member) => member.process.processId),
    stop: async () => {
      await Promise.all(members.map((member) => member.process.stop()))
    },
  }
}

/** One model with its process. */
class Member implements EngineListener {
  readonly process: EngineProcess
  readonly #settings: EngineSettings
  readonly #options: PoolOptions
  #model: LocalModel | undefined

  constructor(settings: EngineSettings, options: PoolOptions) {
    this.#settings = settings
    this.#options = options
    const { log, clock = systemClock, environment = {} } = options
    this.process = new EngineProcess({ settings, listener: this, log, clock, environment })
  }

  get model(): LocalModel {
    if (this.#model === undefined) throw fail('internal_error')
    return this.#model
  }

  async start(): Promise<void> {
    const { card } = await this.process.ready()
    this.#model = new LocalModel(card, this.#settings.context.streams, this.process)
  }

  metrics(): EngineMetrics {
    const { name, context } = this.#settings
    return { ...this.model.counts, model: name, streams: context.streams, restarts: this.process.restarts }
  }

  news(...news: Parameters<EngineListener['news']>): void {
    this.#model?.news(...news)
  }

  pulse(load: EngineLoad): void {
    this.#model?.pulse(load)
  }

  lost(): void {
    this.#model?.lost()
  }

  loading(fraction: number): void {
    this.#options.onProgress?.(this.#settings.name, fraction)
  }
}

/** Equal parts of what the user gave, the first models one more where it does not come out even. Undefined: the plan's own count. */
function shareThreads(wanted: number | undefined, models: number): (number | undefined)[] {
  return Array.from({ length: models }, (_, index) => {
    if (wanted === undefined) return undefined
    return Math.max(1, Math.floor(wanted / models) + (index < wanted % models ? 1 : 0))
  })
}

function planOne(model: PoolModel, machine: Machine, threads: number | undefined, models: number): Plan {
  const { name, streams, contextLength, kvType, layout } = model
  const wishes = { name, streams, contextLength, kvType, layout, threads, models }
  const given = Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
  return planModel(readHeader(model.path, name), machine, given)
}

function settingsOf(model: PoolModel, plan: Plan, spillBytes: number): EngineSettings {
  return {
    name: model.name,
    aliases: model.aliases ?? [],
    path: model.path,
    digest: model.digest ?? null,
    createdAt: Math.trunc(statSync(model.path).mtimeMs),
    context: plan,
    spillBytes,
    ...(model.pooling === undefined ? {} : { pooling: model.pooling }),
  }
}
