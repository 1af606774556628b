// The LoRA adapters of a running server: those in `home` whose models it serves, added and removed while it runs. Joins the store and the pool.

import { Failure, fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Pool } from '../../engine/pool-types.ts'
import { modelUnder } from './adapted-model.ts'
import { splitAdapters } from './adapter-name.ts'
import { findAdapter, removeStoredAdapter, type StoredAdapter, storedAdapters } from './adapter-store.ts'
import { familyOf } from './name.ts'
import type { Registry } from './registry.ts'

/** An adapter and whether calls may use it. */
export interface AdapterState extends StoredAdapter {
  readonly served: boolean
  /** Why it is not, though its model is served. */
  readonly failure: Failure | null
}

/** The adapters of one server. */
export interface ServedAdapters {
  list(): Promise<readonly AdapterState[]>
  /** Bytes of the stored adapters of a model that is to be served. */
  bytesOf(model: string): Promise<number>
  /** Lets calls of a model that was just added use its adapters. One that does not fit is left out, and logged. */
  attach(model: string): Promise<void>
  /** Lets calls use a stored adapter. Throws `not_found`, `model_not_found`, `adapter_unusable`. */
  add(model: string, name: string): Promise<AdapterState>
  /** Takes it from calls and from the disk. Throws `not_found`, and `invalid_value` where an alias leads to it. */
  remove(model: string, name: string): Promise<void>
}

/** Bytes that the adapters of a model take, whichever of its versions it is. */
export function bytesOf(model: string, adapters: readonly StoredAdapter[]): number {
  return adapters.reduce((sum, adapter) => (adapter.model === familyOf(model) ? sum + adapter.bytes : sum), 0)
}

/** Joins them. */
export function servedAdapters({
  pool,
  registry,
  home,
  aliases,
  log,
}: {
  readonly pool: Pool
  readonly registry: Pick<Registry, 'behind'>
  /** Aliases that operators set, each with what it may lead to. */
  readonly aliases: () => readonly { readonly name: string; readonly targets: readonly string[] }[]
  readonly home: string
  readonly log: Log
}): ServedAdapters {
  const failures = new Map<string, Failure>()
  const served = new Set<string>()
  const idOf = (model: string, name: string) => `${model}+${name}`
  /** An adapter is for all versions of a model. */
  const familyBehind = (given: string) => familyOf(registry.behind(given)?.name ?? given)
  const uses = (target: string, { model, name }: StoredAdapter) => {
    const parts = modelUnder(target) === undefined ? undefined : splitAdapters(target)
    return parts !== undefined && familyBehind(parts.model) === model && parts.adapters.some((one) => one.name === name)
  }
  const versionsOf = (family: string) =>
    pool
      .states()
      .map(({ model }) => model)
      .filter((model) => familyOf(model) === family)
  const stateOf = (adapter: StoredAdapter): AdapterState => {
    const id = idOf(adapter.model, adapter.name)
    return { ...adapter, served: served.has(id), failure: failures.get(id) ?? null }
  }
  const use = async (adapter: StoredAdapter, versions: readonly string[]): Promise<void> => {
    const { model, name, path, sha256: digest } = adapter
    if (versions.length === 0) throw fail('model_not_found', { model, param: 'model' })
    for (const version of versions) await pool.addAdapter(version, { name, path, digest })
    served.add(idOf(model, name))
    failures.delete(idOf(model, name))
  }
  const found = async (model: string, name: string): Promise<StoredAdapter> => {
    const adapter = await findAdapter(home, model, name)
    if (adapter?.model === model) return adapter
    throw fail('not_found', { what: 'adapter', id: idOf(model, name).slice(0, 200), param: 'name' })
  }
  return {
    list: async () => (await storedAdapters(home)).map(stateOf),
    bytesOf: async (model) => bytesOf(model, await storedAdapters(home)),
    async attach(model) {
      for (const adapter of await storedAdapters(home)) {
        if (adapter.model !== familyOf(model)) continue
        await use(adapter, [model]).catch((error: unknown) => {
          const failure = error instanceof Failure ? error : fail('internal_error', {}, error)
          failures.set(idOf(adapter.model, adapter.name), failure)
          log.error({ model, adapter: adapter.name, error }, 'an adapter cannot be used')
        })
      }
    },
    async add(model, name) {
      const adapter = await found(familyBehind(model), name)
      await use(adapter, versionsOf(adapter.model))
      return stateOf(adapter)
    },
    async remove(model, name) {
      const adapter = await found(familyBehind(model), name)
      const id = idOf(adapter.model, name)
      const alias = aliases().find(({ targets }) => targets.some((target) => uses(target, adapter)))
      if (alias !== undefined) {
        const reason = `the alias "${alias.name}" leads to it: point it elsewhere first`
        throw fail('invalid_value', { param: 'name', reason })
      }
      served.delete(id)
      for (const version of versionsOf(adapter.model)) pool.removeAdapter(version, name)
      failures.delete(id)
      await removeStoredAdapter(adapter)
    },
  }
}
