// Which draft a JSON Schema is written in, and the same schema in words that Ajv 8 reads: Ajv has no draft 4. Knows no validation.

import type { JsonSchema } from '../../wire/model.ts'
import { isObject, mapSchemas, type SchemaObject, subschemas } from './schema-walk.ts'

/** The drafts that Ajv's three classes read. */
export type SchemaDialect = 'draft-07' | '2019-09' | '2020-12'

/** A schema for one of Ajv's classes, without `$schema`. */
export interface DialectSchema {
  readonly dialect: SchemaDialect
  readonly schema: JsonSchema
}

/** Undefined when `$schema` names a draft that nobody here reads. */
export function readDialect(schema: JsonSchema): DialectSchema | undefined {
  if (!isObject(schema)) return { dialect: '2020-12', schema }
  // `$async` is Ajv's own: it would turn the answer into a promise, which is always truthy.
  const { $schema: declared, $async: _async, ...rest } = schema
  if (declared === undefined) return { dialect: dialectByIdiom(rest), schema: rest }
  const name = typeof declared === 'string' ? declared.replace(/#$/, '') : ''
  if (name === 'https://json-schema.org/draft/2020-12/schema') return { dialect: '2020-12', schema: rest }
  if (name === 'https://json-schema.org/draft/2019-09/schema') return { dialect: '2019-09', schema: rest }
  if (name === 'http://json-schema.org/draft-07/schema') return { dialect: 'draft-07', schema: rest }
  if (name === 'http://json-schema.org/draft-06/schema') return { dialect: 'draft-07', schema: rest }
  if (name === 'http://json-schema.org/draft-04/schema') return { dialect: 'draft-07', schema: fromDraft4(rest) }
  return undefined
}

/** Without `$schema` a schema is 2020-12, unless it says things that only older drafts say; 2019-09 has all of those but draft 4's. */
function dialectByIdiom(schema: SchemaObject): SchemaDialect {
  for (const { schema: node } of subschemas(schema)) {
    if (Array.isArray(node['items']) || node['additionalItems'] !== undefined) return '2019-09'
    if (node['$recursiveRef'] !== undefined) return '2019-09'
  }
  return '2020-12'
}

/** Draft 4's `id` and its boolean exclusive bounds, as draft 6 and later write them. */
function fromDraft4(schema: SchemaObject): JsonSchema {
  return mapSchemas(schema, (node) => {
    const { id, ...rest } = node
    const result: Record<string, unknown> = rest
    if (typeof id === 'string') result['$id'] = id
    for (const [bound, exclusive] of [
      ['minimum', 'exclusiveMinimum'],
      ['maximum', 'exclusiveMaximum'],
    ] as const) {
      if (typeof result[exclusive] !== 'boolean') continue
      if (result[exclusive] === true && result[bound] !== undefined) {
        result[exclusive] = result[bound]
        delete result[bound]
      } else delete result[exclusive]
    }
    return result
  })
}
