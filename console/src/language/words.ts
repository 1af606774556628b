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
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => isolated(String(values[name] ?? whole)))
}

/** A name that is written from the right, or says that it is, between marks that end its direction with it (UAX #9, isolates). */
function isolated(value: string): string {
  return /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/.test(value)
    ? `\u2068${value}\u2069`
    : value
}
