// The words of a page in every language, beside the page. One language lacks no word that another has: the types see to it.

/** The languages of the console. */
export type Language = 'en' | 'fr'

/** Texts by key, the same keys in each language. `{name}` in a text is filled in. */
export type Words<Key extends string> = Readonly<Record<Language, Readonly<Record<Key, string>>>>

/** Declares the words of a page. English names the keys. */
export function words<const Key extends string>(texts: {
  readonly en: Readonly<Record<Key, string>>
  readonly fr: Readonly<Record<NoInfer<Key>, string>>
}): Words<Key> {
  return texts
}

/** Fills `{name}` in. */
export function fill(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
