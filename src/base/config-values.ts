// Turns the text of a setting into its typed value, and back for display. Pure: reads no file and no environment.
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Value } from 'typebox/value'
import type { SettingSchema } from './config-schema.ts'

/** A value, or why there is none, as the end of a sentence that starts with the setting's name. */
export type Parsed = { readonly value: unknown } | { readonly fault: string }

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const sizes: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/** `~/x` → the user's home; a relative path → from `base`, absolute. */
export function expandPath(path: string, base: string): string {
  if (path === '~') return homedir()
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(base, path)
}

/**
 * Parses and checks one setting. `raw` is text from a variable or flag, or a scalar or list from YAML;
 * a list setting takes a list, or text with commas. `base` is the folder that relative paths start from.
 */
export function parseSetting(schema: SettingSchema, raw: unknown, base: string): Parsed {
  const parsed = schema.type === 'array' ? parseList(raw) : parseScalar(schema, raw, base)
  if ('fault' in parsed) return parsed
  const [error] = Value.Errors(schema, parsed.value)
  return error === undefined ? parsed : { fault: describe(schema, error.keyword, error.message) }
}

/** Shows a value as a user would write it: `30s`, `32mb`, `a, b`. */
export function formatSetting(schema: SettingSchema, value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.join(', ')
  if (schema.unit === 'duration') return largest(Number(value), durations)
  if (schema.unit === 'size') return largest(Number(value), sizes)
  return String(value)
}

function parseList(raw: unknown): Parsed {
  const items = Array.isArray(raw) ? raw : String(raw).split(',')
  if (items.some((item) => typeof item !== 'string')) return { fault: 'must be a list of texts' }
  return { value: items.map((item: string) => item.trim()) }
}

function parseScalar(schema: SettingSchema, raw: unknown, base: string): Parsed {
  if (raw === null || typeof raw === 'object') return { fault: 'must be a single value' }
  if (schema.unit === 'duration') return parseUnit(raw, durations, 'a time such as 30s, 500ms or 5m')
  if (schema.unit === 'size') return parseUnit(raw, sizes, 'a size such as 32mb or 512kb')
  if (schema.type === 'integer') {
    const text = String(raw)
    return /^-?\d{1,15}$/.test(text) ? { value: Number(text) } : { fault: `must be a whole number, not "${text}"` }
  }
  if (typeof raw !== 'string' && schema.enum === undefined) {
    return { fault: `must be text: write "${String(raw)}" in quotation marks` }
  }
  // White space alone is what an empty variable of a script leaves.
  const text = String(raw).trim() === '' ? '' : String(raw)
  return { value: schema.unit === 'path' && text !== '' ? expandPath(text, base) : text }
}

function parseUnit(raw: unknown, units: Readonly<Record<string, number>>, expected: string): Parsed {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s*([a-z]*)$/i.exec(String(raw).trim())
  const [, digits, suffix] = match ?? []
  if (digits === undefined || suffix === undefined) return { fault: `must be ${expected}, not "${String(raw)}"` }
  if (suffix === '' && Number(digits) !== 0) return { fault: `must be ${expected}: "${digits}" lacks its unit` }
  const factor = suffix === '' ? 1 : units[suffix.toLowerCase()]
  if (factor === undefined) return { fault: `must be ${expected}, not "${String(raw)}"` }
  return { value: Math.round(Number(digits) * factor) }
}

function describe(schema: SettingSchema, keyword: string, message: string): string {
  if (schema.enum !== undefined) return `must be one of ${schema.enum.join(', ')}`
  if (keyword === 'minimum' || keyword === 'maximum') {
    const low = formatSetting(schema, schema.minimum)
    const high = formatSetting(schema, schema.maximum)
    return `must be between ${low} and ${high}`
  }
  if (keyword === 'minLength' || keyword === 'minItems') {
    const least = keyword === 'minItems' ? 1 : (schema.minLength ?? 1)
    return least === 1 ? 'must not be empty' : `must have ${least} characters or more`
  }
  if (keyword === 'pattern' || keyword === 'format') return schema.hint ?? message
  return message
}

function largest(value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, factor]) => value % factor === 0 && value >= factor)
  const [suffix, factor] = fitting.at(-1) ?? Object.entries(units)[0] ?? ['', 1]
  return `${value / factor}${suffix}`
}
