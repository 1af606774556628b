// What makes a JSON Schema one that cannot be enforced, with the place of it. Knows no Ajv and no grammar.

import type { JsonSchema } from '../../wire/model.ts'
import { isObject, subschemas } from './schema-walk.ts'

/** `path` is a JSON pointer into the schema, or into the answer. */
export type SchemaAnswer =
  | { readonly type: 'good' }
  | { readonly type: 'invalid' | 'unsupported' | 'unsatisfied'; readonly path: string; readonly reason: string }

function* patterns(schema: JsonSchema): Generator<{ readonly pattern: string; readonly path: string }> {
  for (const { schema: node, path } of subschemas(schema)) {
    if (typeof node['pattern'] === 'string') yield { pattern: node['pattern'], path: `${path}/pattern` }
    if (!isObject(node['patternProperties'])) continue
    for (const pattern of Object.keys(node['patternProperties'])) yield { pattern, path: `${path}/patternProperties` }
  }
}

function isRegExp(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp
  } catch {
    return false
  }
}

/** Patterns that are regular expressions only without the Unicode flag. */
export function legacyPatterns(schema: JsonSchema): ReadonlySet<string> {
  return new Set([...patterns(schema)].map(({ pattern }) => pattern).filter((pattern) => !isRegExp(pattern, 'u')))
}

/** The first pattern that is no regular expression. */
export function patternFault(schema: JsonSchema): SchemaAnswer | undefined {
  for (const { pattern, path } of patterns(schema)) {
    if (!isRegExp(pattern, 'u') && !isRegExp(pattern, '')) {
      return { type: 'invalid', path, reason: `${JSON.stringify(pattern)} is not a regular expression` }
    }
  }
  return undefined
}

/** The first format that is not among the known ones: nothing could enforce it. */
export function formatFault(schema: JsonSchema, known: ReadonlySet<string>): SchemaAnswer | undefined {
  for (const { schema: node, path } of subschemas(schema)) {
    const format = node['format']
    if (typeof format === 'string' && !known.has(format)) {
      return {
        type: 'unsupported',
        path: `${path}/format`,
        reason: `the format "${format}" cannot be enforced; leave it out`,
      }
    }
  }
  return undefined
}

/** A reference to a place that is no schema's would be followed by Ajv and seen by nobody else. */
export function referenceFault(schema: JsonSchema): SchemaAnswer | undefined {
  const nodes = [...subschemas(schema)]
  // With resources of their own inside, pointers count from those.
  if (nodes.some(({ schema: node, path }) => path !== '' && typeof node['$id'] === 'string')) return undefined
  const places = new Set(nodes.map(({ path }) => path))
  for (const { schema: node, path } of nodes) {
    const reference = node['$ref']
    if (typeof reference !== 'string' || !reference.startsWith('#/')) continue
    const place = decodePointer(reference.slice(1))
    if (place === undefined || !(places.has(place) || isBoolean(schema, place))) {
      return {
        type: 'unsupported',
        path: `${path}/$ref`,
        reason: 'it names no schema here, and nothing is fetched; put what it names under "$defs"',
      }
    }
  }
  return undefined
}

/** The pointer of a reference's fragment; undefined where it is none. */
export function decodePointer(pointer: string): string | undefined {
  try {
    return decodeURIComponent(pointer)
  } catch {
    return undefined
  }
}

/** Whether the pointer names `true` or `false`, which are schemas too. */
function isBoolean(schema: JsonSchema, pointer: string): boolean {
  let value: unknown = schema
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false
    value = Reflect.get(value, key)
  }
  return typeof value === 'boolean'
}

/** What Ajv could not compile. */
export function compileFault(schema: JsonSchema, error: unknown): SchemaAnswer {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && 'missingRef' in error) {
    for (const { schema: node, path } of subschemas(schema)) {
      const reference = node['$ref'] ?? node['$dynamicRef']
      if (typeof reference === 'string' && reason.includes(reference)) {
        return {
          type: 'unsupported',
          path: `${path}/$ref`,
          reason: 'it is not found in the schema, and nothing is fetched; put what it names under "$defs"',
        }
      }
    }
  }
  return { type: 'invalid', path: '', reason }
}
