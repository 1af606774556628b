// Every model by name. The only door to a Model: what it hands out is reserved for, metered and waits in line, so no caller can slip past.
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { CallContext, Model, ModelCard } from '../../wire/model.ts'
import type { Limits } from '../limits/open.ts'
import { createCharges } from '../usage/charges.ts'
import { countCalls } from '../usage/counts.ts'
import { type Metering, type MeterTools, meter } from '../usage/meter.ts'
import { createReserver } from '../usage/reserve.ts'
import { line, type WaitingLine } from './line.ts'

/** What the rest of the server gets of the models. */
export interface Registry {
  /** The model of that name or alias; throws `model_not_found`, and `model_forbidden` where the caller may use others only. */
  model(name: string, access: ModelAccess): Model
  /** The model of that name, or without a name the only one there is; throws `invalid_value` where a name is needed. */
  modelOrOnly(name: string | null | undefined, access: ModelAccess): Model
  /** Cards of the models that the caller may use, in the order of the configuration. */
  list(access: ModelAccess): readonly ModelCard[]
  /** Serves one more model; its name must be free. */
  add(bare: Model): void
  /** Serves a model no longer. Calls at work go on. */
  remove(name: string): void
  /** How busy each model is. `waiting` counts those in line and those the engine has admitted and not begun. */
  load(): readonly RegistryLoad[]
}

/** Which models somebody may use, by name or alias; without a list: all. A Caller is one. */
export interface ModelAccess {
  readonly models?: readonly string[]
}

/** One model's load for `/metrics` and `/readyz`. */
export interface RegistryLoad {
  readonly model: string
  readonly streams: number
  readonly running: number
  readonly waiting: number
  /** 0–1. */
  readonly kvUse: number
}

/** Builds the registry over bare models; nobody else may keep a reference to those. */
export function createRegistry(options: {
  readonly models: readonly Model[]
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Requests that may wait per model and class. */
  readonly queueLength: number
  /** Where usage goes. */
  readonly usage?: Metering
  /** Told of every call that is over. */
  readonly trace?: MeterTools['trace']
  /** Limits and budgets, which are settled by what usage says; the product always has both. */
  readonly limits?: Limits
}): Registry {
  const { clock, queueLength, limits } = options
  const wrap = wrappers(options)
  const entryOf = (bare: Model) => {
    const rules = lineRules(bare, clock, limits)
    const waiting = line(bare, { clock, queueLength, ...(rules !== undefined && { rules }) })
    return { bare, waiting, model: wrap(waiting.model) }
  }
  let entries = options.models.map(entryOf)
  let byName = namesOf(entries)
  const byNameOrFail = (name: string, access: ModelAccess): Model => {
    const model = byName.get(name)
    if (model === undefined) throw fail('model_not_found', { model: name.slice(0, 200), param: 'model' })
    if (!mayUse(access, model.card)) throw fail('model_forbidden', { model: name, param: 'model' })
    return model
  }
  return {
    model: byNameOrFail,
    modelOrOnly(name, access) {
      if (name !== null && name !== undefined) return byNameOrFail(name, access)
      const [only, ...others] = entries
      if (only !== undefined && others.length === 0) return byNameOrFail(only.model.card.name, access)
      throw fail('invalid_value', { param: 'model', reason: 'this server has several models; name one' })
    },
    list: (access) => entries.map(({ model }) => model.card).filter((card) => mayUse(access, card)),
    add(bare) {
      entries = [...entries, entryOf(bare)]
      byName = namesOf(entries)
    },
    remove(name) {
      entries = entries.filter(({ model }) => model.card.name !== name)
      byName = namesOf(entries)
    },
    load: () => entries.map(({ bare, waiting }) => loadOf(bare, waiting)),
  }
}

/** A model's own name wins over another one's alias. */
function namesOf(entries: readonly { readonly model: Model }[]): ReadonlyMap<string, Model> {
  const byName = new Map<string, Model>()
  for (const { model } of entries)
    for (const alias of model.card.aliases) if (!byName.has(alias)) byName.set(alias, model)
  for (const { model } of entries) byName.set(model.card.name, model)
  return byName
}

/** `reserve(meter(…))`, the one order in which a Model is handed out. */
function wrappers(options: Parameters<typeof createRegistry>[0]): (waiting: Model) => Model {
  const { clock, log, metrics, usage, limits, trace } = options
  const tools: MeterTools = {
    ...{ clock, log, counts: countCalls(metrics) },
    ...(trace !== undefined && { trace }),
  }
  if (usage === undefined || limits === undefined) {
    return (waiting) => meter(waiting, { ...tools, ...(usage !== undefined && { usage }) })
  }
  const charges = createCharges()
  const watched = { ...tools, usage: { ...usage, writer: charges.watch(usage.writer) } }
  const { reserve, confirm } = createReserver({ clock, ...limits, prices: usage.prices, charges })
  return (waiting) => reserve(meter(confirm(waiting), watched))
}

function lineRules(bare: Model, clock: Clock, limits: Limits | undefined) {
  if (limits === undefined) return undefined
  return ({ key, workspace }: CallContext) =>
    limits.policy.of({ key, workspace, model: bare.card.name }, clock.now()).line
}

function mayUse({ models }: ModelAccess, { name, aliases }: ModelCard): boolean {
  return models === undefined || models.includes(name) || aliases.some((alias) => models.includes(alias))
}

function loadOf(bare: Model, waiting: WaitingLine): RegistryLoad {
  const { streams, running, kvUse } = bare.load()
  const admitted = Math.max(0, waiting.admitted() - running)
  return { model: bare.card.name, streams, running, waiting: waiting.waiting() + admitted, kvUse }
}
