// What is blacked out of what was said before it is kept: rules ready made and a workspace's own, each in linear time. Pure.
import { fail } from '../../base/errors.ts'
import { linearPattern } from '../../database/linear-pattern.ts'

/** The rules that are ready made. */
export const redactionPresets = ['email', 'card', 'iban', 'key'] as const

/** Their names. */
export type RedactionPreset = (typeof redactionPresets)[number]

/** A workspace's rules; no rules where both lists are empty. */
export interface Redaction {
  readonly presets: readonly RedactionPreset[]
  /** Patterns in RE2's syntax; what they find is replaced by `[redacted:name]`. */
  readonly patterns: readonly { readonly name: string; readonly pattern: string }[]
}

/** No rules. */
export const noRedaction: Redaction = { presets: [], patterns: [] }

/** Whether there is a rule. */
export function redacts({ presets, patterns }: Redaction): boolean {
  return presets.length + patterns.length > 0
}

/** Throws `invalid_value` for a pattern that does not compile or would not run in linear time. */
export function checkRedaction({ patterns }: Redaction): void {
  for (const [index, { pattern }] of patterns.entries()) {
    const param = `redaction.patterns[${index}].pattern`
    try {
      if (linearPattern(pattern).occursIn('')) throw new Error('it is found in an empty text')
    } catch (error) {
      throw fail('invalid_value', { param, reason: `the pattern is refused: ${(error as Error).message}` })
    }
  }
}

/** Where the secret is in what a pattern found: from and to; none where it only looks like one. */
type Places = (found: string) => readonly (readonly [from: number, to: number])[]

const whole: Places = (found) => [[0, found.length]]

const ready: Readonly<Record<RedactionPreset, { readonly pattern: string; readonly places: Places }>> = {
  email: { pattern: '(?i)\\b[a-z0-9._%+-]{1,64}@(?:[a-z0-9-]{1,63}\\.){1,8}[a-z]{2,24}\\b', places: whole },
  // A longer run of digits may hold a number among others.
  card: { pattern: '\\b\\d(?:[ -]?\\d){12,80}\\b', places: (found) => wordsThat(found, cardLength) },
  iban: { pattern: '(?i)\\b[a-z]{2}\\d{2}(?: ?[a-z0-9]){11,80}\\b', places: (found) => wordsThat(found, ibanLength) },
  key: {
    places: whole,
    pattern: [
      '\\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}',
      '\\bgal_[A-Za-z0-9_-]{16,}',
      '\\bgh[pousr]_[A-Za-z0-9]{20,}',
      '\\bgithub_pat_[A-Za-z0-9_]{20,}',
      '\\bglpat-[A-Za-z0-9_-]{16,}',
      '\\bhf_[A-Za-z0-9]{20,}',
      '\\bxox[abeoprs]-[A-Za-z0-9-]{10,}',
      '\\bA[KS]IA[0-9A-Z]{16}\\b',
      '\\bAIza[0-9A-Za-z_-]{30,}',
      '\\beyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]*',
      '-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\\s]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?',
    ].join('|'),
  },
}

/** Blacks out one text, and what it holds where it is JSON: tool calls carry their arguments so. */
export function redactText(text: string, rules: Redaction): string {
  const inside = /^\s*[{[]/.test(text) ? parsed(text) : undefined
  if (inside !== undefined) return JSON.stringify(redactValue(inside, rules, true))
  const preset = rules.presets.reduce((left, name) => {
    const { pattern, places } = ready[name]
    return linearPattern(pattern).replaceIn(left, (found) => blacked(found, name, places(found)))
  }, text)
  return rules.patterns.reduce(
    (left, { name, pattern }) => linearPattern(pattern).replaceIn(left, () => `[redacted:${name}]`),
    preset,
  )
}

/**
 * Blacks out every text of a value. Token ids are words that no pattern can read, so a list of numbers is blacked out whole. `names`: the
 * names of members are somebody's words too.
 */
export function redactValue(value: unknown, rules: Redaction, names = false): unknown {
  if (typeof value === 'string') return redactText(value, rules)
  if (Array.isArray(value)) {
    if (value.length > 1 && value.every((item) => typeof item === 'number')) return '[redacted:tokens]'
    return value.map((item) => redactValue(item, rules, names))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      names ? redactText(name, rules) : name,
      redactValue(item, rules, names),
    ]),
  )
}

function blacked(found: string, name: string, places: ReturnType<Places>): string {
  let left = ''
  let at = 0
  for (const [from, to] of places) {
    left += `${found.slice(at, from)}[redacted:${name}]`
    at = to
  }
  return left + found.slice(at)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Goes through a text word by word; `lengthOf` says how long the secret is that begins there, 0 where none does. */
function wordsThat(found: string, lengthOf: (text: string) => number): ReturnType<Places> {
  const places: [number, number][] = []
  for (let at = 0; at >= 0 && at < found.length; ) {
    const length = lengthOf(found.slice(at))
    if (length > 0) places.push([at, at + length])
    const next = found.slice(at + Math.max(1, length)).search(/[ -]/)
    if (next < 0) break
    at += Math.max(1, length) + next + 1
  }
  return places
}

/** 13 to 19 digits that end with a word and whose last one is Luhn's check digit (ISO/IEC 7812-1). */
function cardLength(text: string): number {
  const ends = [...text.matchAll(/(?=[ -]|$)/g)].map(({ index }) => index).reverse()
  const isCard = (end: number) => {
    const digits = text.slice(0, end).replace(/\D/g, '')
    return digits.length >= 13 && digits.length <= 19 && luhn(digits)
  }
  return ends.find(isCard) ?? 0
}

function luhn(digits: string): boolean {
  let sum = 0
  for (let place = 1; place <= digits.length; place++) {
    const digit = Number(digits[digits.length - place])
    const doubled = place % 2 === 0 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Lengths of IBANs by country (ISO 13616 registry): words that follow a number would pass for its end. */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 ' +
    'GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 ' +
    'MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 ' +
    'TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** As many signs as its country has, and the remainder by 97 is 1 (ISO 7064). */
function ibanLength(text: string): number {
  const wanted = ibanLengths[text.slice(0, 2).toUpperCase()] ?? 0
  let seen = 0
  let length = 0
  while (length < text.length && seen < wanted) if (text[length++] !== ' ') seen += 1
  if (seen < wanted || wanted === 0) return 0
  const compact = text.slice(0, length).replaceAll(' ', '').toUpperCase()
  const digits = [...(compact.slice(4) + compact.slice(0, 4))].map((sign) => String(Number.parseInt(sign, 36))).join('')
  const remainder = [...digits].reduce((left, digit) => (left * 10 + Number(digit)) % 97, 0)
  return remainder === 1 ? length : 0
}
