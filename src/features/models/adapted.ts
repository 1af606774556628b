// Models whose calls all use some LoRA adapters, and the names that lead to them. Knows only that a call can name adapters.

import { fail } from '../../base/errors.ts'
import type { AdapterUse, CallContext, Model, ModelCard } from '../../wire/model.ts'
import { type AdaptedName, splitAdapters } from './adapter-name.ts'
import type { Asker, Registry } from './registry.ts'

/** Wraps a model: its card has the full name, and its calls the adapters. */
export function withAdapters(model: Model, adapters: readonly AdapterUse[], name: string): Model {
  const using = <Call extends { readonly context: CallContext }>(call: Call): Call => ({
    ...call,
    context: { ...call.context, adapters },
  })
  return {
    get card() {
      return adaptedCard(model.card, name)
    },
    load: () => model.load(),
    chat: (call, signal) => model.chat(using(call), signal),
    complete: (call, signal) => model.complete(using(call), signal),
    embed: (call, signal) => model.embed(using(call), signal),
    rank: (call, signal) => model.rank(using(call), signal),
    tokenize: (input, signal) => model.tokenize(input, signal),
    detokenize: (tokens, signal) => model.detokenize(tokens, signal),
    tokenizer: () => model.tokenizer(),
  }
}

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
    list: (access) => registry.list(access).flatMap(withAdapterCards),
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

/** Its own card, and one for each adapter alone. */
function withAdapterCards(card: ModelCard): readonly ModelCard[] {
  return [card, ...(card.adapters ?? []).map((name) => adaptedCard(card, `${card.name}+${name}`))]
}

function adaptedCard({ adapters: _known, ...card }: ModelCard, name: string): ModelCard {
  return { ...card, name, aliases: [], parent: card.name }
}
