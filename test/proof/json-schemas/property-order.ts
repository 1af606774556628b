// Puts the properties of an instance in the order in which a schema names them: the only order that llguidance's grammars allow.

import { isObject, type SchemaObject } from '../../../src/engine/child/schema-walk.ts'

/** What `$ref` names by a pointer into `root`; other references are not followed. */
function follow(root: SchemaObject, reference: unknown): unknown {
  if (reference === '#') return root
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined
  let value: unknown = root
  for (const step of decodeURIComponent(reference).slice(2).split('/')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, step.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return value
}

/** The schema itself and all that it combines or refers to, in the order of its keywords. */
function parts(root: SchemaObject, schema: unknown, depth = 0): readonly SchemaObject[] {
  if (!isObject(schema) || depth > 8) return []
  const inner = Object.entries(schema).flatMap(([keyword, value]) => {
    if (keyword === '$ref') return parts(root, follow(root, value), depth + 1)
    if ((keyword === 'allOf' || keyword === 'anyOf' || keyword === 'oneOf') && Array.isArray(value)) {
      return value.flatMap((item) => parts(root, item, depth + 1))
    }
    return keyword === 'properties' ? [schema] : []
  })
  return [...inner, schema]
}

/** The same value, with named properties first and in the schema's order. */
export function inSchemaOrder(root: unknown, value: unknown, schemas: readonly unknown[] = [root]): unknown {
  if (!isObject(root)) return value
  const applying = schemas.flatMap((schema) => parts(root, schema))
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      inSchemaOrder(
        root,
        item,
        applying.flatMap(({ items, prefixItems }) => [
          Array.isArray(items) ? items[index] : items,
          Array.isArray(prefixItems) ? prefixItems[index] : undefined,
        ]),
      ),
    )
  }
  if (!isObject(value)) return value
  const named = applying.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : []))
  const required = applying.flatMap(({ required }) => (Array.isArray(required) ? required.map(String) : []))
  const keys = new Set([...named, ...required, ...Object.keys(value)].filter((key) => Object.hasOwn(value, key)))
  return Object.fromEntries([...keys].map((key) => [key, inSchemaOrder(root, value[key], below(applying, key))]))
}

/** The schemas of one property. */
function below(applying: readonly SchemaObject[], key: string): readonly unknown[] {
  return applying.flatMap(({ properties, patternProperties, additionalProperties }) => {
    if (isObject(properties) && Object.hasOwn(properties, key)) return [properties[key]]
    const matching = isObject(patternProperties)
      ? Object.entries(patternProperties).filter(([pattern]) => new RegExp(pattern).test(key))
      : []
    return matching.length > 0 ? matching.map(([, schema]) => schema) : [additionalProperties]
  })
}
