// The registry for names with LoRA adapters behind them, over one that knows models. Knows only that a call can name adapters.

import { fail } from '../../base/errors.ts'
import type { ModelCard } from '../../wire/model.ts'
import { adaptedCard, withAdapters } from './adapted-model.ts'
import { type AdaptedName, splitAdapters } from './adapter-name.ts'
import type { Asker, Registry } from './registry.ts'

/** A registry that knows names with adapters behind them, over one that knows models. */
export function adaptedRegistry(registry: Registry): Registry {
  // A file's name may hold a plus of its own.
  const partsOf = (name: string) => (registry.behind(name) === undefined ? splitAdapters(name) : undefined)
  const model: Registry['model'] = (name, asker) => {
    const parts = partsOf(name)
    if (parts === undefined) return registry.model(name, asker)
    const base = registry.model(parts.model, baseAsker(parts, name, asker))
    requireAdapters(parts, base.card)
    return withAdapters(base, parts.adapters, name)
  }
  return {
    ...registry,
    model,
    modelOrOnly: (name, asker) => (typeof name === 'string' ? model(name, asker) : registry.modelOrOnly(name, asker)),
    versionOf(name, asker) {
      const parts = partsOf(name)
      if (parts === undefined) return registry.versionOf(name, asker)
      return registry.versionOf(parts.model, baseAsker(parts, name, asker)) + name.slice(parts.model.length)
    },
    card(name, access) {
      const parts = partsOf(name)
      if (parts === undefined) return registry.card(name, access)
      const base = registry.card(parts.model, baseAsker(parts, name, access))
      requireAdapters(parts, base)
      return adaptedCard(base, name)
    },
    list(access) {
      const aliases = registry.aliases(access)
      const namesFor = (name: string) => aliases.filter(({ card }) => card.name === name).map((alias) => alias.name)
      return registry.list(access).flatMap((card) => withAdapterCards(card, namesFor))
    },
  }
}

/** Who may use a model may use it with its adapters; a key may also be held to one of those. The adapters stay with a version as it does. */
function baseAsker<Who extends Asker>({ model }: AdaptedName, name: string, asker: Who): Who {
  const { models, version } = asker
  return {
    ...asker,
    ...(models?.includes(name) === true && { models: [model] }),
    ...(version !== undefined && { version: splitAdapters(version)?.model ?? version }),
  }
}

function requireAdapters({ model, adapters }: AdaptedName, card: ModelCard): void {
  const missing = adapters.find(({ name }) => card.adapters?.includes(name) !== true)
  if (missing !== undefined)
    throw fail('not_found', { what: 'adapter', id: `${model}+${missing.name}`, param: 'model' })
}

/** Its own card, and one for each adapter alone, with the aliases that lead there. */
function withAdapterCards(card: ModelCard, namesFor: (name: string) => readonly string[]): readonly ModelCard[] {
  const names = (card.adapters ?? []).map((adapter) => `${card.name}+${adapter}`)
  return [card, ...names.map((name) => ({ ...adaptedCard(card, name), aliases: namesFor(name) }))]
}
