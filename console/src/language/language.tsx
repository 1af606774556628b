// Which language the console speaks, and how a component asks for its words and for numbers as people write them.
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'
import { fill, type Language, type Words } from './words.ts'

interface Chosen {
  readonly language: Language
  choose(language: Language): void
}

const LanguageContext = createContext<Chosen>({ language: 'en', choose: () => {} })
const place = 'galerne-language'

function firstLanguage(): Language {
  const kept = localStorage.getItem(place)
  if (kept === 'en' || kept === 'fr') return kept
  return navigator.language.toLowerCase().startsWith('fr') ? 'fr' : 'en'
}

/** Gives everything below it the language of this browser, until another is chosen. */
export function LanguageProvider({ children }: { readonly children: ReactNode }) {
  const [language, setLanguage] = useState(() => {
    const first = firstLanguage()
    document.documentElement.lang = first
    return first
  })
  const chosen = useMemo<Chosen>(
    () => ({
      language,
      choose(next) {
        localStorage.setItem(place, next)
        document.documentElement.lang = next
        setLanguage(next)
      },
    }),
    [language],
  )
  return <LanguageContext value={chosen}>{children}</LanguageContext>
}

/** The language and how to change it. */
export function useLanguage(): Chosen {
  return useContext(LanguageContext)
}

/** A page's words in the chosen language. */
export function useWords<Key extends string>(
  texts: Words<Key>,
): (key: Key, values?: Readonly<Record<string, string | number>>) => string {
  const { language } = useLanguage()
  return (key, values) => fill(texts[language][key], values)
}

/** Numbers, times and sizes as people of the chosen language write them. */
export function useFormats() {
  const { language } = useLanguage()
  return useMemo(() => formatsOf(language), [language])
}

function formatsOf(language: Language) {
  const number = (digits: number) => new Intl.NumberFormat(language, { maximumFractionDigits: digits })
  const whole = number(0)
  const one = number(1)
  const percentage = new Intl.NumberFormat(language, { style: 'percent' })
  const compact = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 })
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium' })
  // Usage is summed by days in UTC: elsewhere on earth they begin at another hour, and are the same days.
  const utcDay = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' })
  const shortDay = new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  return {
    /** 1,234 */
    whole: (value: number) => whole.format(value),
    /** 12.3 */
    one: (value: number) => one.format(value),
    /** 1.2M */
    compact: (value: number) => compact.format(value),
    /** 12%; a little is not nothing, and what is ten times too much and more is all the same. */
    percent: (fraction: number) => formatPercent(fraction, percentage),
    /** Milliseconds since 1970. */
    dateTime: (at: number) => dateTime.format(at),
    day: (at: number) => day.format(at),
    /** The day in UTC that begins then. */
    utcDay: (at: number) => utcDay.format(at),
    /** The same in little room. */
    shortDay: (at: number) => shortDay.format(at),
    /** “3 minutes ago”, of milliseconds since 1970 and now. */
    ago: (at: number, now: number) => ago(relative, (at - now) / 1000),
    /** 1.5 GiB */
    bytes: (bytes: number) => formatBytes(bytes, one),
    /** 850 ms, 1.2 s, 3 min 5 s */
    duration: (milliseconds: number) => formatDuration(milliseconds, one),
    /** Integer nano-units of a currency, with as many digits as the amount needs to be told from nothing. */
    money: (nano: number, currency: string) => formatMoney(nano, currency, language),
  }
}

function ago(relative: Intl.RelativeTimeFormat, seconds: number): string {
  const steps: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ]
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  }
  return relative.format(Math.round(seconds), 'second')
}

function formatPercent(fraction: number, format: Intl.NumberFormat): string {
  if (fraction > 0 && fraction < 0.005) return `< ${format.format(0.01)}`
  return `${fraction > 10 ? '> ' : ''}${format.format(Math.min(10, fraction))}`
}

function formatBytes(bytes: number, format: Intl.NumberFormat): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${format.format(value)} ${units[unit]}`
}

function formatDuration(milliseconds: number, format: Intl.NumberFormat): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 60_000) return `${format.format(milliseconds / 1_000)} s`
  const seconds = Math.round(milliseconds / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function formatMoney(nano: number, currency: string, language: Language): string {
  const amount = nano / 1e9
  const size = Math.abs(amount)
  const digits = size === 0 || size >= 1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(size)) + 1)
  return new Intl.NumberFormat(language, { style: 'currency', currency, maximumFractionDigits: digits }).format(amount)
}
