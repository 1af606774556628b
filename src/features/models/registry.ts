// Every model by name. The only door to a Model: what it hands out is reserved for, metered and waits in line, so no caller can slip past.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { CallContext, Model, ModelCard } from '../../wire/model.ts'
import type { Limits } from '../limits/open.ts'
import type { Policy } from '../limits/policy.ts'
import { createCharges } from '../usage/charges.ts'
import { countCalls } from '../usage/counts.ts'
import { meter } from '../usage/meter.ts'
import { createReserver } from '../usage/reserve.ts'
import type { Metering, MeterTools } from '../usage/tally.ts'
import { findAdapted } from './adapted-model.ts'
import type { AliasBook } from './aliases.ts'
import type { StickyFacts } from './canary.ts'
import { directoryOf } from './directory.ts'
import { line, type WaitingLine } from './line.ts'
import { familyOf, versionName } from './name.ts'
import type { Destination, Traffic } from './traffic.ts'

/** What the rest of the server gets of the models. */
export interface Registry {
  /**
   * The model for a call to that name: a model's own, an alias, or one version (`name@sha256:…`). Of an alias with a canary it is one or
   * the other, by who asks. Throws `model_not_found`, and `model_forbidden` where the caller may use others only.
   */
  model(name: string, asker: Asker): Model
  /** The model of that name, or without a name the only one there is; throws `invalid_value` where a name is needed. */
  modelOrOnly(name: string | null | undefined, asker: Asker): Model
  /** The very version that `model` would give, by its own name: for work that stays with one. Throws like `model`. */
  versionOf(name: string, asker: Asker): string
  /** The card behind a name or alias, without a call. Throws like `model`. */
  card(name: string, access: ModelAccess): ModelCard
  /**
   * The model that a name leads to, past aliases that operators set: what those may lead to. One with adapters behind its name has a
   * `parent`. Undefined where it is not here.
   */
  behind(name: string): ModelCard | undefined
  /** Cards of the models that the caller may use, in the order of the configuration. */
  list(access: ModelAccess): readonly ModelCard[]
  /** Aliases that operators set and the caller may use, with the card of what each leads to. */
  aliases(access: ModelAccess): readonly { readonly name: string; readonly card: ModelCard }[]
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

/** Who asks for a model. A Caller is one; `asker` of `wire/exchange.ts` knows more. */
export interface Asker extends ModelAccess, StickyFacts {
  /** The version that its work stays with (`versionOf`), whatever becomes of the alias. */
  readonly version?: string
}

/** One model's load for `/metrics` and `/readyz`. */
export interface RegistryLoad {
  readonly model: string
  /** sha256 of its weights, when known. */
  readonly digest: string | null
  readonly streams: number
  readonly running: number
  readonly waiting: number
  /** 0–1. */
  readonly kvUse: number
}

/** What a registry is made of. */
export interface RegistryOptions {
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
  /** What operators pointed names at, and how their calls are sent; without it there are the settings' aliases alone. */
  readonly routing?: { readonly aliases: AliasBook; readonly traffic: Traffic }
}

interface Entry extends Destination {
  readonly bare: Model
  readonly waiting: WaitingLine
}

/** Builds the registry over bare models; nobody else may keep a reference to those. */
export function createRegistry(options: RegistryOptions): Registry {
  const { clock, queueLength, limits, routing } = options
  const wrap = wrappers(options)
  const entryOf = (bare: Model): Entry => {
    const rules = lineRules(bare, clock, limits)
    const waiting = line(bare, { clock, queueLength, ...(rules !== undefined && { rules }) })
    return { bare, waiting, ...wrap(waiting.model) }
  }
  let entries = options.models.map(entryOf)
  let directory = directoryOf(entries)
  const aliasOf = (name: string) => routing?.aliases.of(name)
  /** Past aliases that operators set: what an alias leads to is no alias again, and may end in adapters. */
  const find = (name: string) => directory.named(name) ?? findAdapted(name, directory.find) ?? directory.find(name)
  const demand = <Found>(name: string, found: Found | undefined): Found => {
    if (found === undefined) throw fail('model_not_found', { model: name.slice(0, 200), param: 'model' })
    return found
  }
  const namesFor = (card: ModelCard) => [
    ...card.aliases,
    ...(routing?.aliases.all() ?? [])
      .filter(({ target }) => find(target)?.bare.card.name === card.name)
      .map(({ name }) => name),
  ]
  const demandUse = (name: string, card: ModelCard, access: ModelAccess) => {
    const { models } = access
    if (models === undefined || models.includes(name)) return
    // Who may use a model may use it with its adapters.
    const base = card.parent === undefined ? undefined : find(card.parent)?.bare.card
    const names = [card, ...(base === undefined ? [] : [base])].flatMap((one) => [
      ...[one.name, familyOf(one.name)],
      ...namesFor(one),
    ])
    if (!names.some((one) => models.includes(one))) throw fail('model_forbidden', { model: name, param: 'model' })
  }
  const choose = (name: string, asker: Asker): Model => {
    const alias = aliasOf(name)
    if (alias === undefined || routing === undefined) return demand(name, find(name)).model
    return demand(name, routing.traffic.pick(alias, asker, find))
  }
  const card = (name: string, access: ModelAccess): ModelCard => {
    const found = demand(name, find(aliasOf(name)?.target ?? name)).bare.card
    demandUse(name, found, access)
    return found
  }
  const model = (name: string, asker: Asker): Model => {
    const kept = asker.version === undefined ? undefined : find(asker.version)
    if (kept !== undefined) {
      demandUse(name, kept.bare.card, asker)
      return kept.model
    }
    if (asker.models !== undefined) card(name, asker)
    return choose(name, asker)
  }
  const mayList = (access: ModelAccess) => (one: { readonly name: string; readonly card: ModelCard }) => {
    try {
      demandUse(one.name, one.card, access)
      return true
    } catch {
      return false
    }
  }
  return {
    model,
    card,
    behind: (name) => find(name)?.bare.card,
    modelOrOnly(name, asker) {
      if (name !== null && name !== undefined) return model(name, asker)
      const families = new Set(entries.map(({ bare }) => familyOf(bare.card.name)))
      const [only, ...others] = families
      if (only !== undefined && others.length === 0) return model(only, asker)
      throw fail('invalid_value', { param: 'model', reason: 'this server has several models; name one' })
    },
    versionOf: (name, asker) => exactName(model(name, asker).card),
    list: (access) =>
      entries
        .map(({ bare }) => ({ name: bare.card.name, card: { ...bare.card, aliases: namesFor(bare.card) } }))
        .filter(mayList(access))
        .map((one) => one.card),
    aliases: (access) =>
      (routing?.aliases.all() ?? [])
        .flatMap(({ name, target }) => {
          const found = find(target)?.bare.card
          return found === undefined ? [] : [{ name, card: found }]
        })
        .filter(mayList(access)),
    add(bare) {
      entries = [...entries, entryOf(bare)]
      directory = directoryOf(entries)
    },
    remove(name) {
      entries = entries.filter(({ bare }) => bare.card.name !== name)
      directory = directoryOf(entries)
    },
    load: () => entries.map(({ bare, waiting }) => loadOf(bare, waiting)),
  }
}

/** The version's own name, by its digest where that is known; adapters stay behind it. */
function exactName({ name, digest, parent = name }: ModelCard): string {
  return digest === null ? name : versionName(familyOf(parent), digest) + name.slice(parent.length)
}

/** `reserve(meter(…))`, the one order in which a Model is handed out, and `meter(…)` for what nobody's limits hold for. */
function wrappers(options: RegistryOptions): (waiting: Model) => Destination {
  const { clock, log, metrics, limits, trace } = options
  const usage = options.usage && { ...options.usage, prices: pricesOfFamilies(options.usage.prices) }
  const tools: MeterTools = {
    ...{ clock, log, counts: countCalls(metrics) },
    ...(trace !== undefined && { trace }),
    ...(usage !== undefined && { usage }),
  }
  if (usage === undefined || limits === undefined) {
    return (waiting) => {
      const metered = meter(waiting, tools)
      return { model: metered, metered }
    }
  }
  const charges = createCharges()
  const watched = { ...tools, usage: { ...usage, writer: charges.watch(usage.writer), agreed: charges.agreed } }
  const policy = policyOfFamilies(limits.policy)
  const { reserve, confirm } = createReserver({ clock, ...limits, policy, prices: usage.prices, charges })
  return (waiting) => ({ model: reserve(meter(confirm(waiting), watched)), metered: meter(waiting, tools) })
}

/** A version costs what its model costs. */
function pricesOfFamilies(prices: Metering['prices']): Metering['prices'] {
  return {
    currency: prices.currency,
    priceOf: ({ name, ...model }, at) => prices.priceOf({ ...model, name: familyOf(name) }, at),
  }
}

/** What holds for a model holds for all its versions together. */
function policyOfFamilies(policy: Policy): Policy {
  return { ...policy, of: (holder, at) => policy.of({ ...holder, model: familyOf(holder.model) }, at) }
}

function lineRules(bare: Model, clock: Clock, limits: Limits | undefined) {
  if (limits === undefined) return undefined
  return ({ key, payer = key, workspace }: CallContext) =>
    limits.policy.of({ key: payer, workspace, model: familyOf(bare.card.name) }, clock.now()).line
}

function loadOf(bare: Model, waiting: WaitingLine): RegistryLoad {
  const { streams, running, kvUse } = bare.load()
  const admitted = Math.max(0, waiting.admitted() - running)
  const { name: model, digest } = bare.card
  return { model, digest, streams, running, waiting: waiting.waiting() + admitted, kvUse }
}
