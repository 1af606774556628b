// Finds a model by what it may be called: its own name, an alias of the settings, or a name with the digest of one version. Pure.
import type { Model } from '../../wire/model.ts'
import { familyOf, parseModelName } from './name.ts'

interface Named {
  readonly model: Model
}

/** Finds entries by name. */
export interface Directory<Entry> {
  /** By exactly that name, or as the version that the name ends in; throws `invalid_value` for a digest that is none. */
  find(name: string): Entry | undefined
  /** By exactly that name alone. */
  named(name: string): Entry | undefined
}

/** A model's own name wins over another one's alias; of one name's versions the one served under the plain name is the present one. */
export function directoryOf<Entry extends Named>(entries: readonly Entry[]): Directory<Entry> {
  const byName = new Map<string, Entry>()
  for (const entry of entries)
    for (const alias of entry.model.card.aliases) if (!byName.has(alias)) byName.set(alias, entry)
  for (const entry of entries) byName.set(entry.model.card.name, entry)
  return {
    named: (name) => byName.get(name),
    find(text) {
      const known = byName.get(text)
      if (known !== undefined) return known
      const { name, digest } = parseModelName(text)
      if (digest === undefined) return undefined
      // An alias and its model are one family; a version may be served where the plain name is not.
      const family = familyOf(byName.get(name)?.model.card.name ?? name)
      return entries.find(
        ({ model: { card } }) => familyOf(card.name) === family && card.digest?.startsWith(digest) === true,
      )
    },
  }
}
