// A model whose calls all use some LoRA adapters: its card has the full name, and its calls name them. Knows no registry.

import type { AdapterUse, CallContext, Model, ModelCard } from '../../wire/model.ts'
import { splitAdapters } from './adapter-name.ts'

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

/** A model as a registry has it: bare, and as it is handed out. */
interface Served {
  readonly bare: Model
  readonly model: Model
  readonly metered: Model
}

/** What a name with adapters behind it leads to, over the model that `find` gives; undefined where the model or an adapter is not here. */
export function findAdapted<Entry extends Served>(
  name: string,
  find: (model: string) => Entry | undefined,
): Entry | undefined {
  const parts = partsOf(name)
  const entry = parts && find(parts.model)
  if (parts === undefined || entry === undefined) return undefined
  const { name: own, adapters: known = [] } = entry.bare.card
  if (!parts.adapters.every((adapter) => known.includes(adapter.name))) return undefined
  const full = own + name.slice(parts.model.length)
  const over = (model: Model) => withAdapters(model, parts.adapters, full)
  return { ...entry, bare: over(entry.bare), model: over(entry.model), metered: over(entry.metered) }
}

/** The model under the adapters that a name ends in; undefined for a name without. */
export function modelUnder(name: string): string | undefined {
  return partsOf(name)?.model
}

/** A name that is none leads nowhere. */
function partsOf(name: string): ReturnType<typeof splitAdapters> {
  try {
    return splitAdapters(name)
  } catch {
    return undefined
  }
}

/** A model's card under the name that has adapters behind it. */
export function adaptedCard({ adapters: _known, ...card }: ModelCard, name: string): ModelCard {
  return { ...card, name, aliases: [], parent: card.name }
}
