// Reads the numbers that people type behind flags: sizes with a unit, counts, prices. Refuses what is no number by the flag's name.
import { fail } from '../base/errors.ts'

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** `24GiB` → bytes. The unit must be there: GB is 10⁹ bytes and GiB is 2³⁰. */
export function parseBytes(text: string, flag: string): number {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([kmgt]?i?b)$/i.exec(text.trim()) ?? []
  const factor = units[unit?.toLowerCase() ?? '']
  if (digits === undefined || factor === undefined || Number(digits) === 0)
    throw wrong(flag, `write a size with its unit, for example 24GiB, not "${text}"`)
  return Math.round(Number(digits) * factor)
}

/** `24GiB,24GiB` → a number for each. */
export function parseByteList(text: string, flag: string): readonly number[] {
  return text.split(',').map((one) => parseBytes(one, flag))
}

/** A whole number of `least` to `most`. */
export function parseCount(text: string, flag: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most))
    throw wrong(flag, `write a whole number from ${least} to ${most}, not "${text}"`)
  return value
}

/** A decimal above zero. */
export function parseDecimal(text: string, flag: string): number {
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (!(value > 0)) throw wrong(flag, `write a number above 0, not "${text}"`)
  return value
}

/** `1.25` → 1,250,000,000 nano-units. */
export function parseNano(text: string, flag: string): bigint {
  const [, whole, fraction = ''] = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (whole === undefined) throw wrong(flag, `write an amount of money such as 1.25, not "${text}"`)
  return BigInt(whole + fraction.padEnd(9, '0'))
}

/** Any number, for the server to judge; NaN for what is none. */
export function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text)
}

const wrong = (flag: string, reason: string) => fail('invalid_value', { param: flag, reason })
