// Points in time as they cross the wire: as people write them in a query or body, and as vendors' objects tell them. Knows no field.
import { Type } from 'typebox'
import { fail } from '../base/errors.ts'

/** The schema. */
export const timeText = Type.String({
  pattern: '^(\\d{1,11}|\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?Z)?)$',
  description: 'A day or time in UTC (2026-11-24, 2026-11-24T10:00Z), or seconds since 1970.',
})

/** Milliseconds since 1970. Throws a 400 that names the field for a day that no month has. */
export function readTime(text: string, param: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000
  const time = Date.parse(text)
  // JavaScript takes the 31st of February for the 3rd of March.
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text.slice(0, 10)) {
    throw fail('invalid_value', { param, reason: `there is no ${text}` })
  }
  return time
}

/** Whole seconds since 1970, as both vendors' objects tell times, of milliseconds. */
export const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000)

/** Seconds since 1970 of milliseconds that may be absent. */
export const secondsOrNull = (milliseconds: number | null): number | null =>
  milliseconds === null ? null : seconds(milliseconds)
