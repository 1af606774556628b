// Rewrites a JSON Schema into one that llguidance compiles: exactly where that can be done, and else ever looser, for an answer that is validated after.

import type { JsonSchema } from '../../wire/model.ts'
import { enforcedFormats, spellFormat } from './schema-formats.ts'
import { translatePattern } from './schema-pattern.ts'
import { isObject, mapSchemas, type SchemaObject, subschemas } from './schema-walk.ts'

/**
 * Whitespace between the tokens of JSON, bounded so that no answer is spent on it: a space or two, a tab, or a line end with its indentation.
 * Goes under `x-guidance` at the top of a schema.
 */
export const boundedWhitespace = { whitespace_pattern: '\\x20{1,2}|\\x09|\\x0D?\\x0A[\\x20\\x09]{0,40}' } as const

/** Keywords that assert something and that llguidance has no grammar for. */
const unenforcedKeywords = new Set([
  'not',
  'if',
  'then',
  'else',
  'contains',
  'minContains',
  'maxContains',
  'propertyNames',
  'uniqueItems',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedItems',
  'unevaluatedProperties',
  '$dynamicRef',
  '$recursiveRef',
])

/** Beside a `$ref` these say nothing about the value. */
const besideReference = /^(?:\$.*|definitions|id|title|description|default|examples|deprecated|readOnly|writeOnly)$/

/** A rewritten schema; `exact` when the same values satisfy it, as far as the grammar compiles as it stands. */
export interface Rewritten {
  readonly schema: JsonSchema
  readonly exact: boolean
}

/** The schema in words that llguidance takes as JSON Schema means them: Rust's patterns, formats spelled out, 32-bit bounds. */
export function grammarSchema(schema: JsonSchema): Rewritten {
  let exact = true
  const rewritten = mapSchemas(schema, (node) => {
    const result: Record<string, unknown> = { ...node }
    if (!translatePatterns(result)) exact = false
    spellFormat(result)
    if (countsRepeatedKeys(node)) exact = false
    return result
  })
  return { schema: rewritten, exact }
}

/** False where a pattern had to be left out. */
function translatePatterns(node: Record<string, unknown>): boolean {
  let whole = true
  if (typeof node['pattern'] === 'string') {
    const pattern = translatePattern(node['pattern'])
    if (pattern === undefined) {
      delete node['pattern']
      whole = false
    } else node['pattern'] = pattern
  }
  if (isObject(node['patternProperties'])) {
    const entries = Object.entries(node['patternProperties']).map(
      ([key, value]) => [translatePattern(key), value] as const,
    )
    if (entries.every(([key]) => key !== undefined)) node['patternProperties'] = Object.fromEntries(entries)
    else {
      openProperties(node)
      whole = false
    }
  }
  return whole
}

/** Any further property may be anything. */
function openProperties(node: Record<string, unknown>): void {
  delete node['patternProperties']
  delete node['additionalProperties']
}

/** The grammar counts a repeated key twice, a JSON reader once: `minProperties` is only sure where named keys fill it. */
function countsRepeatedKeys(node: SchemaObject): boolean {
  const least = node['minProperties']
  if (typeof least !== 'number' || least < 2) return false
  const required = Array.isArray(node['required']) ? node['required'].length : 0
  return least > required && (node['additionalProperties'] !== false || node['patternProperties'] !== undefined)
}

/** Without what llguidance refuses by name; a choice of exactly one becomes a choice. */
function withoutKeywords(node: SchemaObject): SchemaObject {
  const entries = Object.entries(node).filter(
    ([keyword, value]) =>
      !unenforcedKeywords.has(keyword) &&
      !(keyword === 'format' && typeof value === 'string' && !enforcedFormats.has(value)),
  )
  const result: Record<string, unknown> = Object.fromEntries(entries)
  if (Array.isArray(result['oneOf'])) {
    const choice = { anyOf: result['oneOf'] }
    delete result['oneOf']
    if (result['anyOf'] === undefined) return { ...result, ...choice }
    result['allOf'] = [...(Array.isArray(result['allOf']) ? result['allOf'] : []), choice]
  }
  return result
}

/** Also without counted and patterned properties, and with a reference alone where it has company. */
function withoutStructure(node: SchemaObject): SchemaObject {
  const { minProperties: _least, maxProperties: _most, ...rest } = withoutKeywords(node)
  const result: Record<string, unknown> = rest
  if (result['patternProperties'] !== undefined) openProperties(result)
  if (typeof result['$ref'] !== 'string') return result
  return Object.fromEntries(Object.entries(result).filter(([keyword]) => besideReference.test(keyword)))
}

/** Also without what is written in regular expressions, counted in characters and items, or added to a reference by `allOf`. */
function withoutPatterns(node: SchemaObject): SchemaObject {
  const structure: Record<string, unknown> = { ...withoutStructure(node) }
  if (Array.isArray(structure['allOf'])) {
    structure['allOf'] = structure['allOf'].filter((part) => !isObject(part) || part['$ref'] === undefined)
  }
  const {
    pattern: _pattern,
    format: _format,
    minLength: _shortest,
    maxLength: _longest,
    ...rest
  } = withoutStructure(node)
  const { minItems: _fewest, maxItems: _most, multipleOf: _step, ...result } = rest
  return result
}

/** Ever looser schemas of which each accepts all that the one before accepts; the answer to any of them must be validated. */
export function* looserSchemas(schema: JsonSchema): Generator<JsonSchema> {
  for (const change of [withoutKeywords, withoutStructure, withoutPatterns]) yield mapSchemas(schema, change)
}

/** Whether references count from the schema's own top, so that it needs a name of its own inside another. */
export function hasReferences(schema: JsonSchema): boolean {
  for (const { schema: node } of subschemas(schema)) if (typeof node['$ref'] === 'string') return true
  return false
}
