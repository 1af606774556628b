// What administrators do with the models of this machine: load, unload, pin, remove, prune. Joins the pool, the registry and the disk; knows
// no HTTP.

import { join, relative } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import type { MemberChange, ModelState, Pool, PoolModel } from '../../engine/pool.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { findInCatalogue } from './catalogue.ts'
import { digestOf, findPulledModel } from './pull.ts'
import type { Registry } from './registry.ts'
import { pruneLeftovers, type Removal, removeStored, type StoredModel, storedModels } from './stored.ts'

/** The models of one server. */
export interface LocalModels {
  /** What all models together may take, in bytes. */
  readonly memoryBytes: number
  states(): readonly ModelState[]
  /** The state of a model by name or alias. Throws `model_not_found`. */
  state(name: string): ModelState
  /** Sees to it that a model is served: by its name or alias, or by what weights of this disk were pulled by. Returns its name. */
  serve(nameOrReference: string): Promise<string>
  /** Loads a served model. Throws why it cannot be. */
  load(name: string): Promise<void>
  unload(name: string): Promise<void>
  change(name: string, change: MemberChange): void
  stored(): Promise<readonly (StoredModel & { readonly served: boolean })[]>
  /** Removes a stored model's weights; a model that serves them is unloaded and forgotten first. Throws `not_found`. */
  remove(nameOrReference: string): Promise<Removal>
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
  /** What the settings say of every model's engine. */
  readonly engine: Omit<PoolModel, 'name' | 'path'>
}

/** Joins them. */
export function localModels(parts: LocalModelParts): LocalModels {
  const { pool, registry, home } = parts
  const nameOf = (name: string): string => {
    const found = pool.states().find(({ model, aliases }) => model === name || aliases.includes(name))
    if (found === undefined) throw fail('model_not_found', { model: name.slice(0, 200), param: 'model' })
    return found.model
  }
  const isServed = (model: StoredModel) =>
    pool.states().some(({ path }) => model.files.some((file) => file.path === path))
  const stored = async () => (await storedModels(home)).map((model) => ({ ...model, served: isServed(model) }))
  const removeOne = async (model: StoredModel): Promise<Removal> => {
    for (const { model: name, path } of pool.states()) {
      if (!model.files.some((file) => file.path === path)) continue
      await pool.remove(name)
      registry.remove(name)
    }
    return await removeStored(model, home)
  }
  return {
    memoryBytes: pool.memoryBytes,
    states: () => pool.states(),
    state(name) {
      const wanted = nameOf(name)
      const found = pool.states().find(({ model }) => model === wanted)
      if (found === undefined) throw fail('model_not_found', { model: wanted, param: 'model' })
      return found
    },
    serve: (nameOrReference) => serve(nameOrReference, parts),
    load: (name) => pool.load(nameOf(name)),
    unload: (name) => pool.unload(nameOf(name)),
    change: (name, change) => pool.change(nameOf(name), change),
    stored,
    async remove(nameOrReference) {
      const models = await stored()
      const found = models.filter(({ name, reference }) => name === nameOrReference || reference === nameOrReference)
      const [model, other] = found
      if (model === undefined)
        throw fail('not_found', { what: 'stored model', id: nameOrReference.slice(0, 200), param: 'model' })
      if (other !== undefined) {
        const references = found.map(({ reference }) => reference).join(', ')
        throw fail('invalid_value', {
          param: 'model',
          reason: `several stored models have this name: give one of ${references}`,
        })
      }
      return await removeOne(model)
    },
    async prune(unused) {
      const removals = [await pruneLeftovers(home, parts.hubCache, parts.clock.now())]
      if (unused) for (const model of await stored()) if (!model.served) removals.push(await removeOne(model))
      return {
        files: removals.flatMap(({ files }) => files),
        freedBytes: removals.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
        kept: removals.flatMap(({ kept }) => kept),
      }
    },
  }
}

async function serve(nameOrReference: string, parts: LocalModelParts): Promise<string> {
  const { pool, registry, home, catalogue } = parts
  const known = pool
    .states()
    .find(({ model, aliases }) => model === nameOrReference || aliases.includes(nameOrReference))
  if (known !== undefined) return known.model
  const stored = (await storedModels(home)).find(({ name }) => name === nameOrReference)
  const weights = stored === undefined ? await findPulled(nameOrReference, parts) : weightsOf(stored)
  const aliases = findInCatalogue(stored?.reference ?? nameOrReference, catalogue)?.aliases ?? []
  const { name, path, sha256 } = weights
  registry.add(await pool.add({ ...parts.engine, name, aliases, path, digest: sha256 }))
  return name
}

function weightsOf({ name, files }: StoredModel) {
  return { name, path: files[0]?.path ?? '', sha256: digestOf(files) }
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
