// The `format`s of JSON Schema and OpenAPI as grammars can hold them. Where llguidance's own is looser than Ajv's, ours is spelled out: one answer satisfies both.

import { translatePattern } from './schema-pattern.ts'

/** The formats that llguidance enforces as Ajv does (its src/json/formats.rs). */
export const enforcedFormats: ReadonlySet<string> = new Set(['duration', 'ipv4', 'ipv6', 'uuid', 'uri'])

const leapYear = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'
const date = `(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|${leapYear}-02-29)`
// Without leap seconds, which are right only at one minute of the day in UTC.
const time = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])'
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const uriCharacter = "[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2}"

/** What else a string of a format must be, in JSON Schema's words; an empty object is any string. */
const spelledFormats: Readonly<Record<string, { readonly pattern?: string; readonly maxLength?: number }>> = {
  // RFC 3339 §5.6 and §5.7.
  date: { pattern: `^${date}$` },
  time: { pattern: `^${time}$` },
  'date-time': { pattern: `^${date}[tT]${time}$` },
  // RFC 5321 §4.1.2 without quoted names and address literals.
  email: { pattern: `^${atom}(?:\\.${atom})*@(?:${label}\\.)+${label}$` },
  // RFC 1123 §2.1.
  hostname: { pattern: `^${label}(?:\\.${label})*$`, maxLength: 253 },
  // RFC 4648 §4; OpenAPI's `byte`.
  byte: { pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' },
  // RFC 3986 §4.1, each part optional; without IP literals in brackets.
  'uri-reference': {
    pattern: `^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://(?:${uriCharacter})*(?::[0-9]*)?)?(?:${uriCharacter})*(?:/(?:${uriCharacter}|:)*)*(?:\\?(?:${uriCharacter}|[:/?])*)?(?:#(?:${uriCharacter}|[:/?])*)?$`,
  },
  // RFC 6901 §3.
  'json-pointer': { pattern: '^(?:/(?:[^~/]|~0|~1)*)*$' },
  password: {},
  binary: {},
}

/** Bounds of OpenAPI's `int32`. */
const int32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 } as const

/** Replaces a format that llguidance lacks, or takes too lightly, by other keywords of the same schema. */
export function spellFormat(node: Record<string, unknown>): void {
  const format = node['format']
  if (typeof format !== 'string') return
  const types = [node['type']].flat()
  if (format === 'int32' && types.some((type) => type === 'integer' || type === 'number')) also(node, int32)
  if (!Object.hasOwn(spelledFormats, format)) return
  delete node['format']
  const { pattern, maxLength } = spelledFormats[format] ?? {}
  if (pattern !== undefined) also(node, { pattern: translatePattern(pattern) })
  if (maxLength !== undefined) also(node, { maxLength })
}

function also(node: Record<string, unknown>, keywords: Readonly<Record<string, unknown>>): void {
  node['allOf'] = [...(Array.isArray(node['allOf']) ? node['allOf'] : []), keywords]
}
