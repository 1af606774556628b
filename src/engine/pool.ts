// The models of this machine: plans them, loads what is asked for, makes room by unloading what is missed least, hands out Models.
// Knows no request and no HTTP.

import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../base/clock.ts'
import { Failure, fail } from '../base/errors.ts'
import type { Model } from '../wire/model.ts'
import { type AdapterFile, checkAdapterFor } from './adapter-check.ts'
import { chooseVictims } from './evict.ts'
import { readHeader } from './header.ts'
import type { ModelHeader } from './header-types.ts'
import { Member } from './member.ts'
import { computingThreads, machineAfter, type Plan, type PlanWishes, planModel } from './plan.ts'
import { correctionKey } from './plan-correct.ts'
import { planDevices } from './plan-devices.ts'
import type { Device } from './plan-fit.ts'
import { type Machine, readMachine } from './plan-machine.ts'
import { margin } from './plan-memory.ts'
import type { PoolModel } from './pool-model.ts'
import type { EngineMetrics, MemberChange, ModelState, Pool, PoolOptions } from './pool-types.ts'
import type { RecentLine } from './recent-lines.ts'
import { sharedThreads } from './thread-shares.ts'

/** Part of the free memory after the plan that may hold the KV of streams that made room, and its limit. */
const spillShare = 0.25
const spillLimit = 2 * 2 ** 30
/** Part of all memory, out of the tenth that is left free, in which KV waits for its model to be loaded again, and its limit. */
const keepShare = 0.05
const keepLimit = 512 * 2 ** 20
/** How often idle models are looked for. */
const sweepMs = 1_000
/** A context shorter than this is not worth having beside others: such a model is loaded alone, when it is called. */
const worthwhileContext = 4096
const usualLoadTimeoutMs = 600_000

/** Plans all models and begins to load those that fit together, in order. Throws `model_load_failed` when one cannot be planned. */
export function openPool(options: PoolOptions): Pool {
  return new EnginePool(options)
}

/** The same, when all are ready; what was begun is ended where one cannot be loaded. */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const pool = openPool(options)
  try {
    await pool.ready()
    return pool
  } catch (error) {
    await pool.stop()
    throw error
  }
}

class EnginePool implements Pool {
  readonly memoryBytes: number
  readonly #options: PoolOptions
  readonly #machine: Machine
  readonly #members = new Map<string, Member>()
  /** Models that wait for room, in the order of being asked for. */
  readonly #wants: Member[] = []
  #working = false
  /** Bytes for which room is being made. */
  #promised = 0
  #sweep: NodeJS.Timeout | undefined
  readonly #ready: Promise<void>

  constructor(options: PoolOptions) {
    this.#options = options
    const machine = options.machine ?? readMachine()
    const availableBytes = options.memoryBytes ?? machine.availableBytes
    this.#machine = { ...machine, availableBytes }
    this.memoryBytes = availableBytes
    this.#ready = this.#start(this.#plan())
    // A failure is told where it is waited for.
    this.#ready.catch(() => {})
  }

  get models(): readonly Model[] {
    return this.#all().map((member) => member.model)
  }

  get plans(): readonly Plan[] {
    return this.#all()
      .filter(({ state }) => state !== 'unloaded')
      .map(({ plan }) => plan)
  }

  ready(): Promise<void> {
    return this.#ready
  }

  /** Makes a place for every model; gives those that fit together. */
  #plan(): readonly Member[] {
    const { models } = this.#options
    let left = this.#machine
    const together: Member[] = []
    // Pinned ones first: the others come and go in what is left.
    const order = [...models.keys()].sort((one, other) => pinRank(models[one]) - pinRank(models[other]) || one - other)
    const members: Member[] = []
    for (const index of order) {
      const model = models[index]
      if (model === undefined) continue
      const { member, fits } = this.#member(model, left, this.#threadsOf(index))
      members[index] = member
      if (!fits) continue
      left = machineAfter(left, member.plan)
      together.push(member)
    }
    for (const member of members) this.#members.set(member.name, member)
    return together
  }

  async #start(together: readonly Member[]): Promise<void> {
    await Promise.all(together.map((member) => member.start()))
    const failed = together.find((member) => member.state !== 'ready')
    if (failed !== undefined) throw failed.failure ?? fail('engine_failed', { model: failed.name })
    // One process at a time: each reads a vocabulary only.
    for (const member of this.#all()) if (!together.includes(member)) await member.describe()
    this.#sweep = setInterval(() => this.#unloadIdle(), sweepMs)
    this.#sweep.unref()
  }

  states(): readonly ModelState[] {
    return this.#all().map((member) => ({
      ...{ aliases: member.parts.model.aliases ?? [], path: member.parts.model.path },
      digest: member.parts.model.digest ?? null,
      ...{ model: member.name, state: member.state, pinned: member.pinned, priority: member.priority },
      ...{ idleMs: this.#idleMs(member), fraction: member.fraction, plan: member.plan, reduced: member.reduced },
      ...{
        threads: member.threads,
        running: member.leases,
        waiting: member.waiting,
        quietMs: member.quietMs,
        loadMs: member.loadMs,
      },
      ...{ loads: member.loads, restarts: member.process?.restarts ?? 0, failure: member.failure ?? null },
    }))
  }

  lines(name: string): readonly RecentLine[] {
    return this.#find(name).recent.all()
  }

  metrics(): readonly EngineMetrics[] {
    return this.#all().map((member) => ({
      ...member.model.counts,
      model: member.name,
      streams: member.streams,
      restarts: member.process?.restarts ?? 0,
    }))
  }

  processIds(): readonly (number | undefined)[] {
    return this.#all().map((member) => member.process?.processId)
  }

  async add(model: PoolModel): Promise<Model> {
    if (this.#members.has(model.name)) {
      throw fail('invalid_value', { param: 'model', reason: `there is a model "${model.name}" already` })
    }
    const { member } = this.#member(model, this.#machine, this.#threadsOf(0))
    await member.describe()
    this.#members.set(member.name, member)
    return member.model
  }

  async remove(name: string): Promise<void> {
    await this.unload(name)
    const member = this.#find(name)
    this.#members.delete(name)
    await member.stop()
  }

  async load(name: string): Promise<void> {
    await this.#find(name).load()
  }

  async unload(name: string): Promise<void> {
    const member = this.#find(name)
    if (member.pinned) {
      throw fail('invalid_value', { param: 'model', reason: `"${name}" is pinned; unpin it first` })
    }
    while (member.state === 'loading') await delay(20)
    await member.unload()
    this.#return(name)
    this.#look()
  }

  change(name: string, { pinned, priority, idleMs }: MemberChange): void {
    const member = this.#find(name)
    if (pinned !== undefined) member.pinned = pinned
    if (priority !== undefined) member.priority = priority
    if (idleMs !== undefined) member.idleMs = idleMs
    this.#look()
  }

  learnDigest(name: string, digest: string): void {
    this.#members.get(name)?.learnDigest(digest)
  }

  async addAdapter(model: string, adapter: AdapterFile): Promise<void> {
    const member = this.#find(model)
    const bytes = checkAdapterFor(member.parts.header, adapter)
    await this.#makeRoomFor(adapter.name, bytes, member)
    // Where the model runs, what only the library can find out is found out now.
    if (member.state === 'ready') await member.model.warm(adapter)
    member.adapters.set(adapter.name, { ...adapter, bytes })
  }

  removeAdapter(model: string, name: string): boolean {
    return this.#find(model).adapters.delete(name)
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep)
    await Promise.all(this.#all().map((member) => member.stop()))
  }

  #all(): readonly Member[] {
    return [...this.#members.values()]
  }

  #find(name: string): Member {
    const member = this.#members.get(name)
    if (member === undefined) throw fail('model_not_found', { model: name.slice(0, 200), param: 'model' })
    return member
  }

  /** Plans a model beside those that are there; where that leaves it a poor context, as if it were alone. */
  #member(model: PoolModel, left: Machine, threads: number | undefined): { member: Member; fits: boolean } {
    const header = readHeader(model.path, model.name)
    const learned = this.#options.corrections?.find(correctionKey(header))
    const wishes = {
      ...wishesOf(model, threads, Math.max(this.#options.models.length, this.#members.size + 1)),
      ...(learned !== undefined && { correction: learned }),
    }
    const beside = attemptPlan(header, left, wishes)
    const alone = left === this.#machine ? beside : attemptPlan(header, this.#machine, wishes)
    const worthwhile = (plan: Plan | Failure): plan is Plan =>
      !(plan instanceof Failure) &&
      (alone instanceof Failure || plan.contextLength >= Math.min(worthwhileContext, alone.contextLength))
    const fits = worthwhile(beside)
    const plan = fits ? beside : alone
    if (plan instanceof Failure) throw plan
    const { log, clock = systemClock, environment = {}, spare, onProgress } = this.#options
    const member = new Member({
      ...{ model, header, wishes, plan, log, clock, environment, spare, onProgress },
      machine: fits ? left : this.#machine,
      spillBytes: () => this.#spillBytes(),
      keepBytes: () => this.#keepBytes(),
      want: (wanted) => this.#want(wanted),
      changed: () => this.#shareThreads(),
      loadTimeoutMs: this.#options.loadTimeoutMs ?? usualLoadTimeoutMs,
      corrections: this.#options.corrections,
      devices: this.#devices(),
    })
    return { member, fits }
  }

  /** Empty without a GPU: then the library is told nothing. */
  #devices(): readonly Device[] {
    const devices = planDevices(this.#options.devices ?? [], this.#machine.availableBytes)
    return devices.length > 1 ? devices : []
  }

  /** However models come and go, those that are loaded have no more threads together than there are. */
  #shareThreads(): void {
    const loaded = this.#all().filter(({ state }) => state !== 'unloaded')
    const total = this.#options.threads ?? computingThreads(this.#machine)
    const shares = sharedThreads(
      loaded.map(({ plan }) => plan.threads),
      total,
    )
    for (const [place, member] of loaded.entries()) member.limitThreads(shares[place] ?? 1)
  }

  /** Equal parts of what the user gave, the first models one more where it does not come out even. Undefined: the plan's own count. */
  #threadsOf(index: number): number | undefined {
    const { threads, models } = this.#options
    if (threads === undefined) return undefined
    return Math.max(1, Math.floor(threads / models.length) + (index < threads % models.length ? 1 : 0))
  }

  /** Bytes that no model has taken. */
  #free(): number {
    const taken = this.#all().reduce((sum, member) => sum + (member.state === 'unloaded' ? 0 : member.bytes), 0)
    return this.memoryBytes * (1 - margin) - taken
  }

  #spillBytes(): number {
    const loaded = this.#all().filter(({ state }) => state !== 'unloaded').length
    // What was remembered of an earlier load must fit again.
    const least = Math.min(keepLimit, this.memoryBytes * keepShare)
    return Math.max(least, Math.min(spillLimit, this.#free() * spillShare)) / Math.max(1, loaded)
  }

  /** What may be kept of a model that goes: a part of all memory, over all models that are not loaded. */
  #keepBytes(): number {
    const kept = this.#all().reduce((sum, member) => sum + member.keptBytes, 0)
    return Math.max(0, Math.min(keepLimit, this.memoryBytes * keepShare) - kept)
  }

  #idleMs(member: Member): number {
    return member.idleMs ?? this.#options.idleMs ?? 0
  }

  /** What fits beside the others is loaded at once; the rest waits for room, one after the other. */
  #want(member: Member): void {
    if (member.state === 'loading' || this.#wants.includes(member)) return
    if (member.state === 'unloaded' && member.bytes <= this.#free() - this.#promised) {
      void member.start().then(() => this.#look())
      return
    }
    this.#wants.push(member)
    this.#look()
  }

  #look(): void {
    void this.#work()
  }

  async #work(): Promise<void> {
    if (this.#working) return
    this.#working = true
    try {
      for (let next = this.#wants.shift(); next !== undefined; next = this.#wants.shift()) {
        if (!next.wanted || (await this.#isServed(next))) continue
        try {
          this.#promised = next.parts.plan.memory.total
          if (!(await this.#makeRoom(next))) continue
          const started = next.start()
          this.#promised = 0
          await started
        } catch (error) {
          next.refuse(error instanceof Failure ? error : fail('internal_error', {}, error))
        } finally {
          this.#promised = 0
        }
      }
    } finally {
      this.#working = false
    }
  }

  /** Whether it is loaded, or being loaded, by now. */
  async #isServed(member: Member): Promise<boolean> {
    // It is being unloaded and was called meanwhile.
    while (member.state === 'draining') await delay(10)
    return member.state !== 'unloaded'
  }

  /** Unloads others until there is room; false when nobody waits for it any more. Throws `model_unavailable` where that cannot be. */
  async #makeRoom(wanted: Member): Promise<boolean> {
    return await this.#clear(wanted.parts.plan.memory.total, wanted, () => wanted.wanted)
  }

  /** Keeps memory for an adapter beside those that a model has. Throws `adapter_unusable` where there is none to be had. */
  async #makeRoomFor(name: string, bytes: number, member: Member): Promise<void> {
    const others = [...member.adapters].filter(([other]) => other !== name)
    const all = others.reduce((sum, [, other]) => sum + other.bytes, bytes)
    const more = all - member.adapterBytes
    if (more <= 0) return
    const limit = this.memoryBytes * (1 - margin)
    const isLoaded = () => member.state !== 'unloaded'
    try {
      if (member.bytes + more > limit) throw this.#unavailable(member, member.bytes + more)
      if (isLoaded()) await this.#clear(more, member, isLoaded)
    } catch (error) {
      const reason = `there is no memory for it beside its model: ${error instanceof Failure ? error.fields['reason'] : error}`
      throw fail('adapter_unusable', { adapter: name, reason }, error)
    }
    member.keepForAdapters(all)
  }

  /** Unloads others than `wanted` until so many bytes are free; false when they are not wanted any more. Throws `model_unavailable`. */
  async #clear(bytes: number, wanted: Member, isWanted: () => boolean): Promise<boolean> {
    while (isWanted()) {
      const lacking = bytes - this.#free()
      if (lacking <= 0) return true
      const others = this.#residents().filter(({ name }) => name !== wanted.name)
      const choice = chooseVictims(others, lacking, wanted.priority)
      if (choice.type === 'evict') {
        await Promise.all(choice.names.map((name) => this.#members.get(name)?.unload()))
        for (const name of choice.names) this.#return(name)
      } else if (choice.type === 'wait') {
        await delay(Math.min(100, Math.max(1, choice.milliseconds)))
      } else if (this.#all().some(({ state }) => state === 'loading' || state === 'draining')) {
        await delay(50)
      } else {
        throw this.#unavailable(wanted, bytes)
      }
    }
    return false
  }

  /** A model that was called while it was unloaded stands in line again. */
  #return(name: string): void {
    const member = this.#members.get(name)
    if (member?.wanted === true && member.state === 'unloaded' && !this.#wants.includes(member))
      this.#wants.push(member)
  }

  #residents() {
    return this.#all()
      .filter(({ state }) => state === 'ready')
      .map((member) => ({
        ...{ name: member.name, bytes: member.bytes, pinned: member.pinned, priority: member.priority },
        ...{ busy: member.leases > 0, reloadMs: member.loadMs, usesPerHour: member.usesPerHour, stayMs: member.stayMs },
      }))
  }

  #unavailable(wanted: Member, bytes: number): Failure {
    const pinned = this.#all().filter((member) => member.pinned && member.state !== 'unloaded')
    const names = pinned.map(({ name }) => `"${name}"`).join(', ')
    const mebibytes = (count: number) => `${Math.ceil(count / 2 ** 20)} MiB`
    const held = names === '' ? '' : `, and the rest is held by ${names} (pinned)`
    const reason = `it needs ${mebibytes(bytes)}, ${mebibytes(Math.max(0, this.#free()))} are free${held}`
    return fail('model_unavailable', { model: wanted.name, reason, retryAfter: 60 })
  }

  #unloadIdle(): void {
    for (const member of this.#all()) {
      const idleMs = this.#idleMs(member)
      if (member.state !== 'ready' || member.pinned || idleMs === 0 || member.quietMs < idleMs) continue
      this.#options.log.info({ model: member.name, idleMs }, 'idle: unloaded')
      void member
        .unload()
        .then(() => this.#return(member.name))
        .then(() => this.#look())
    }
  }
}

function pinRank(model: PoolModel | undefined): number {
  return model?.pinned === true ? 0 : 1
}

function attemptPlan(header: ModelHeader, machine: Machine, wishes: PlanWishes): Plan | Failure {
  try {
    return planModel(header, machine, wishes)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    // Better the model without its adapters than neither.
    const { adapterBytes = 0, ...without } = wishes
    return adapterBytes > 0 ? attemptPlan(header, machine, without) : error
  }
}

function wishesOf(model: PoolModel, threads: number | undefined, models: number): PlanWishes {
  const { name, streams, contextLength, kvType, layout, adapterBytes } = model
  const wishes = { name, streams, contextLength, kvType, layout, adapterBytes, threads, models: Math.max(1, models) }
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
}
