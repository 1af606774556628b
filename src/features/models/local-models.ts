// What administrators do with the models of this machine: load, unload, pin, remove, prune. Joins the pool, the registry and the disk; knows
// no HTTP.

import { join, relative } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { PoolModel } from '../../engine/pool-model.ts'
import type { MemberChange, ModelState, Pool } from '../../engine/pool-types.ts'
import type { RecentLine } from '../../engine/recent-lines.ts'
import { modelUnder } from './adapted-model.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { findInCatalogue } from './catalogue.ts'
import { parseModelName, versionName } from './name.ts'
import type { PlaceBook } from './place-book.ts'
import { findPulledModel } from './pull.ts'
import type { Registry } from './registry.ts'
import type { ServedAdapters } from './served-adapters.ts'
import { pruneLeftovers, type Removal, removeStored, type StoredModel, storedModels } from './stored.ts'

/** The models of one server. */
export interface LocalModels {
  /** What all models together may take, in bytes. */
  readonly memoryBytes: number
  readonly adapters: ServedAdapters
  states(): readonly ModelState[]
  /** The state of a model by name or alias. Throws `model_not_found`. */
  state(name: string): ModelState
  /** Sees to it that a model is served: by its name or alias, or by what weights of this disk were pulled by. Returns its name. */
  serve(nameOrReference: string): Promise<string>
  /** Loads a served model. Throws why it cannot be. */
  load(name: string): Promise<void>
  unload(name: string): Promise<void>
  /** Changes how a model is kept, for good: also after a restart. */
  change(name: string, change: MemberChange): Promise<void>
  /** What the model's engine wrote last, the oldest first. Throws `model_not_found`. */
  lines(name: string): readonly RecentLine[]
  /** Serves again what was served besides the settings' models: what was kept in a way of its own, and what these names lead to. */
  restore(targets: readonly string[]): Promise<void>
  stored(): Promise<readonly (StoredModel & { readonly served: boolean })[]>
  /**
   * Removes a stored model's weights; a model that serves them is unloaded and forgotten first. Throws `not_found`, and `invalid_value` where
   * an alias leads to them, unless `force`.
   */
  remove(nameOrReference: string, force?: boolean): Promise<Removal>
  /** Removes what broken pulls left and, with `unused`, weights that no model of this server uses. */
  prune(unused: boolean): Promise<Removal>
}

/** What the models are joined from. */
export interface LocalModelParts {
  readonly pool: Pool
  readonly registry: Registry
  readonly home: string
  readonly hubCache: string | undefined
  readonly catalogue: readonly CatalogueEntry[] | undefined
  readonly clock: Clock
  readonly places: PlaceBook
  /** Aliases that operators set, each with what it may lead to. */
  readonly aliases: () => readonly { readonly name: string; readonly targets: readonly string[] }[]
  readonly log: Log
  readonly adapters: ServedAdapters
  /** What the settings say of every model's engine. */
  readonly engine: Omit<PoolModel, 'name' | 'path'>
}

/** Joins them. */
export function localModels(parts: LocalModelParts): LocalModels {
  const { pool, registry, home, places } = parts
  const nameOf = (name: string): string => registry.card(name, {}).name
  const serve = oneAtATime((nameOrReference) => serveOne(nameOrReference, parts))
  const isServed = (model: StoredModel) =>
    pool.states().some(({ path }) => model.files.some((file) => file.path === path))
  const stored = async () => (await storedModels(home)).map((model) => ({ ...model, served: isServed(model) }))
  const removeOne = async (model: StoredModel): Promise<Removal> => {
    for (const { model: name, path } of pool.states()) {
      if (!model.files.some((file) => file.path === path)) continue
      await pool.remove(name)
      registry.remove(name)
      await places.forget(name)
    }
    return await removeStored(model, home)
  }
  return {
    memoryBytes: pool.memoryBytes,
    adapters: parts.adapters,
    states: () => pool.states(),
    state(name) {
      const wanted = nameOf(name)
      const found = pool.states().find(({ model }) => model === wanted)
      if (found === undefined) throw fail('model_not_found', { model: wanted, param: 'model' })
      return found
    },
    serve,
    load: (name) => pool.load(nameOf(name)),
    unload: (name) => pool.unload(nameOf(name)),
    async change(name, change) {
      const model = nameOf(name)
      pool.change(model, change)
      await places.change(model, change)
    },
    lines: (name) => pool.lines(nameOf(name)),
    restore: (targets) => restore(targets, serve, parts),
    stored,
    async remove(nameOrReference, force = false) {
      const models = await stored()
      const known = findInCatalogue(nameOrReference, parts.catalogue)?.name
      const found = models.filter(
        (model) => model.reference === nameOrReference || model.name === known || isCalled(model, nameOrReference),
      )
      const [model, other] = found
      if (model === undefined)
        throw fail('not_found', { what: 'stored model', id: nameOrReference.slice(0, 200), param: 'model' })
      if (other !== undefined) {
        const references = found.map(({ name, digest }) => versionName(name, digest)).join(', ')
        throw fail('invalid_value', {
          param: 'model',
          reason: `several stored models have this name: give one of ${references}`,
        })
      }
      const alias = aliasTo(model, parts)
      if (alias !== undefined && !force) {
        const reason = `the alias "${alias}" leads to these weights: point it elsewhere first, or add --force`
        throw fail('invalid_value', { param: 'model', reason })
      }
      return await removeOne(model)
    },
    async prune(unused) {
      const removals = [await pruneLeftovers(home, parts.hubCache, parts.clock.now())]
      if (unused) {
        for (const model of await stored()) {
          const isUsed = model.served || aliasTo(model, parts) !== undefined
          if (!isUsed) removals.push(await removeOne(model))
        }
      }
      return {
        files: removals.flatMap(({ files }) => files),
        freedBytes: removals.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
        kept: removals.flatMap(({ kept }) => kept),
      }
    },
  }
}

/** One after the other: two that ask for the same weights serve them once. */
function oneAtATime(run: (text: string) => Promise<string>): (text: string) => Promise<string> {
  let last: Promise<unknown> = Promise.resolve()
  return (text) => {
    const next = last.then(() => run(text))
    last = next.catch(() => {})
    return next
  }
}

async function serveOne(nameOrReference: string, parts: LocalModelParts): Promise<string> {
  const { pool, registry, home, catalogue } = parts
  const known = isServedName(nameOrReference, registry)
  if (known !== undefined) return known
  const stored = (await storedModels(home)).find((model) => isCalled(model, nameOrReference))
  const weights = stored === undefined ? await findPulled(nameOrReference, parts) : weightsOf(stored)
  const { path, sha256 } = weights
  const other = pool.states().find(({ model }) => model === weights.name)
  if (other !== undefined && other.digest === sha256) return other.model
  // Weights with the name of others that are served are a version beside those.
  const isVersion = other !== undefined && sha256 !== undefined
  const name = isVersion ? versionName(weights.name, sha256) : weights.name
  const aliases = isVersion ? [] : (findInCatalogue(stored?.reference ?? nameOrReference, catalogue)?.aliases ?? [])
  const adapterBytes = await parts.adapters.bytesOf(name)
  const model = await pool.add({ ...parts.engine, name, aliases, path, digest: sha256, adapterBytes })
  await parts.adapters.attach(name)
  registry.add(model)
  return name
}

/** The name under which something is served already. */
function isServedName(nameOrReference: string, registry: Registry): string | undefined {
  try {
    return registry.card(nameOrReference, {}).name
  } catch {
    return undefined
  }
}

/** An alias that leads to these weights, by a name that means them or by their digest. */
function aliasTo(model: StoredModel, { aliases }: LocalModelParts): string | undefined {
  const leads = (target: string) => (target === model.name ? !model.later : isCalled(model, target))
  return aliases().find(({ targets }) => targets.some(leads))?.name
}

/** By its name, or as one version of it. */
function isCalled({ name, digest }: StoredModel, text: string): boolean {
  if (name === text) return true
  const at = text.lastIndexOf('@')
  if (at < 0 || text.slice(0, at) !== name) return false
  return digest.startsWith(parseModelName(text).digest ?? ' ')
}

/** What cannot be served again is told and left: the server starts all the same. */
async function restore(
  targets: readonly string[],
  serve: (name: string) => Promise<string>,
  { pool, places, log }: LocalModelParts,
): Promise<void> {
  for (const wanted of new Set([...places.names(), ...targets])) {
    try {
      const name = await serve(wanted)
      const place = places.of(name)
      pool.change(name, place)
      // What is pinned is there before it is called.
      if (place.pinned === true)
        void pool
          .load(name)
          .catch((error: unknown) => log.warn({ err: error, model: name }, 'a pinned model could not be loaded'))
    } catch (error) {
      // The model under adapters is among those that are wanted.
      if (modelUnder(wanted) === undefined)
        log.warn({ err: error, model: wanted }, 'a model that was served is not on this machine any more')
    }
  }
}

function weightsOf({ name, files, digest }: StoredModel) {
  return { name, path: files[0]?.path ?? '', sha256: digest === '' ? undefined : digest }
}

async function findPulled(reference: string, { home, catalogue }: LocalModelParts) {
  const found = await findPulledModel(reference, { home, ...(catalogue !== undefined && { catalogue }) })
  if (found !== undefined) return found
  const reason = `"${reference.slice(0, 200)}" is not on this machine: pull it first`
  throw fail('invalid_value', { param: 'model', reason })
}

/** A path as it is shown: below the folder of models, or whole where it lies elsewhere. */
export function shownPath(home: string, path: string): string {
  const shown = relative(join(home, 'models'), path)
  return shown.startsWith('..') ? path : shown.replaceAll('\\', '/')
}
