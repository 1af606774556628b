// The files of a Hugging Face model's folder that are read whole, all hostile input: bounded JSON with fields that say where they are missing.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, fail } from '../../base/errors.ts'

/** The largest vocabularies in use take 35 MB as JSON. */
const largestFile = 128 * 1_048_576

/** A folder that is not taken, with the file, and the field or tensor, that is wrong. */
export function refused(where: string, reason: string): Failure {
  return fail('invalid_value', { param: where.slice(0, 200), reason })
}

/** A JSON object of a file; its fields are read by name and checked. */
export interface Fields {
  /** File and path of the object, as a message names it. */
  readonly where: string
  readonly values: Readonly<Record<string, unknown>>
  /** Whether the field is there, and is not null. */
  has(name: string): boolean
  /** A whole number from `least` to `most`; throws `invalid_value` where it is none, or missing without a fallback. */
  count(name: string, limits: { readonly least?: number; readonly most: number; readonly fallback?: number }): number
  /** A finite number above 0. */
  number(name: string, fallback?: number): number
  text(name: string): string | undefined
  flag(name: string, fallback: boolean): boolean
  object(name: string): Fields | undefined
}

/** The bytes of a file of the folder; undefined where there is none. Throws `invalid_value` for one that is too large. */
export async function readOptional(folder: string, name: string): Promise<Buffer | undefined> {
  const path = join(folder, name)
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined || !facts.isFile()) return undefined
  if (facts.size > largestFile) throw refused(name, `it has ${facts.size} bytes, and ${largestFile} are read`)
  return await readFile(path)
}

/** A JSON object in a file; undefined where there is no file. Throws `invalid_value` where it holds something else. */
export async function readFields(folder: string, name: string): Promise<Fields | undefined> {
  const value = await readJson(folder, name)
  if (value === undefined) return undefined
  if (!isObject(value)) throw refused(name, 'it is not a JSON object')
  return fieldsOf(value, name)
}

/** The JSON of a file; undefined where there is no file. */
export async function readJson(folder: string, name: string): Promise<unknown> {
  const bytes = await readOptional(folder, name)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw refused(name, 'it is not JSON')
  }
}

/** An object's fields. */
export function fieldsOf(values: Readonly<Record<string, unknown>>, where: string): Fields {
  const place = (name: string) => `${where}: ${name}`
  const found = (name: string) => (Object.hasOwn(values, name) ? (values[name] ?? undefined) : undefined)
  const checked = <T>(name: string, type: 'string' | 'boolean'): T | undefined => {
    const value = found(name)
    if (value === undefined) return undefined
    const article = { string: 'a text', boolean: 'true or false' }[type]
    if (typeof value !== type) throw refused(place(name), `it is not ${article}`)
    return value as T
  }
  return {
    where,
    values,
    has: (name) => found(name) !== undefined,
    count(name, { least = 1, most, fallback }) {
      const value = found(name) ?? fallback
      if (value === undefined) throw refused(place(name), 'it is missing')
      if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
        throw refused(place(name), `it is ${shown(value)}, and a whole number from ${least} to ${most} is needed`)
      return value as number
    },
    number(name, fallback) {
      const value = found(name) ?? fallback
      if (value === undefined) throw refused(place(name), 'it is missing')
      if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
        throw refused(place(name), `it is ${shown(value)}, and a number above 0 is needed`)
      return value
    },
    text: (name) => checked<string>(name, 'string'),
    flag: (name, fallback) => checked<boolean>(name, 'boolean') ?? fallback,
    object(name) {
      const value = found(name)
      if (value === undefined) return undefined
      if (!isObject(value)) throw refused(place(name), 'it is not an object')
      return fieldsOf(value, place(name))
    },
  }
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value of a file as a message shows it. */
export function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing'
}
