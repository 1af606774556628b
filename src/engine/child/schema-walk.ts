// Finds the schemas inside a JSON Schema, with the path of each, and rebuilds one from its parts. Knows where keywords hold schemas and not what they mean.

import type { JsonSchema } from '../../wire/model.ts'

/** A schema that is an object. */
export type SchemaObject = Readonly<Record<string, unknown>>

const mapKeywords = new Set(['properties', 'patternProperties', 'dependentSchemas', 'dependencies'])
/** Maps of schemas that references point into; some writers nest maps in them. */
const storeKeywords = new Set(['$defs', 'definitions', 'components', 'schemas'])
const listKeywords = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'])
const schemaKeywords = new Set([
  'items',
  'additionalItems',
  'additionalProperties',
  'contains',
  'contentSchema',
  'not',
  'if',
  'then',
  'else',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
])
/** Hold data, whatever it looks like. */
const dataKeywords = new Set(['const', 'default', 'enum', 'example', 'examples', 'dependentRequired'])

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One step of a JSON pointer (RFC 6901). */
export function pointerStep(key: string | number): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** Keywords whose presence tells a schema from a map of schemas. */
const tellingKeywords = new Set([...mapKeywords, ...listKeywords, ...schemaKeywords, 'type', '$ref', 'enum', 'const'])

/** Whether this is a map of schemas although a schema was expected, as some writers nest them under `$defs`. */
function isStore(schema: SchemaObject, stored: boolean): boolean {
  return stored && !Object.keys(schema).some((keyword) => tellingKeywords.has(keyword))
}

/** How the value of a keyword holds schemas. */
function holding(keyword: string, value: unknown, stored: boolean): 'one' | 'list' | 'map' | 'none' {
  if (Array.isArray(value)) return listKeywords.has(keyword) ? 'list' : 'none'
  if (!isObject(value) || dataKeywords.has(keyword)) return 'none'
  if (schemaKeywords.has(keyword)) return 'one'
  if (mapKeywords.has(keyword) || storeKeywords.has(keyword)) return 'map'
  return stored ? 'one' : 'none'
}

/** The schema and every schema in it that is an object, outermost first, with its JSON pointer. */
export function* subschemas(
  schema: JsonSchema,
  path = '',
  stored = false,
): Generator<{ readonly schema: SchemaObject; readonly path: string }> {
  if (!isObject(schema)) return
  yield { schema, path }
  for (const [keyword, value] of Object.entries(schema)) {
    const holds = holding(keyword, value, isStore(schema, stored))
    if (holds === 'none') continue
    const inStore = stored || storeKeywords.has(keyword)
    const place = path + pointerStep(keyword)
    const inner = holds === 'one' ? [['', value] as const] : Object.entries(value as SchemaObject)
    for (const [key, item] of inner) {
      if (isObject(item)) yield* subschemas(item, holds === 'one' ? place : place + pointerStep(key), inStore)
    }
  }
}

/** The schema with `change` applied to every schema in it, innermost first. Nothing is modified in place; the order of keys stays. */
export function mapSchemas(
  schema: JsonSchema,
  change: (schema: SchemaObject) => SchemaObject,
  stored = false,
): JsonSchema {
  if (!isObject(schema)) return schema
  const entries = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    const inStore = stored || storeKeywords.has(keyword)
    const inner = (item: unknown) => (isObject(item) ? mapSchemas(item, change, inStore) : item)
    const holds = holding(keyword, value, isStore(schema, stored))
    if (holds === 'one') return [keyword, inner(value)]
    if (holds === 'list' && Array.isArray(value)) return [keyword, value.map(inner)]
    if (holds === 'none') return [keyword, value]
    return [keyword, Object.fromEntries(Object.entries(value as SchemaObject).map(([key, item]) => [key, inner(item)]))]
  })
  return change(Object.fromEntries(entries))
}
