// What kind of field a JSON Schema wants, and what an empty value of it is. Pure.

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>

/** A member of something that may be an object. */
export function sub(schema: unknown, name: string): unknown {
  return typeof schema === 'object' && schema !== null ? (schema as Json)[name] : undefined
}

/** Kinds of fields; `json`: the schema says what fields cannot. */
export type Kind = 'choice' | 'object' | 'list' | 'string' | 'number' | 'integer' | 'json'

/** Which one a schema wants. */
export function kindOf(schema: unknown): Kind {
  if (Array.isArray(sub(schema, 'enum'))) return 'choice'
  switch (sub(schema, 'type')) {
    case 'boolean':
      return 'choice'
    case 'string':
      return 'string'
    case 'integer':
      return 'integer'
    case 'number':
      return 'number'
    case 'array':
      return typeof sub(schema, 'items') === 'object' ? 'list' : 'json'
    case 'object':
      return typeof sub(schema, 'properties') === 'object' ? 'object' : 'json'
    default:
      return 'json'
  }
}

/** What a new item of a list begins with. */
export function startOf(schema: unknown): unknown {
  const kind = kindOf(schema)
  if (kind === 'object') return {}
  if (kind === 'list') return []
  return kind === 'string' ? '' : null
}
