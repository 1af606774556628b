// Refuses a schema that is too large to be worth reading, before anything recursive reads it. Names the place.

import { fail } from '../../base/errors.ts'
import type { JsonSchema } from '../../wire/model.ts'
import { guidanceLimits } from './guidance-limits.ts'
import { pointerStep } from './schema-walk.ts'

/** The schema as JSON text. @throws Failure `invalid_value` or `unsupported_value` naming `param` and the path below it */
export function limitedSchemaText(schema: JsonSchema, param: string): string {
  const { schemaDepth, schemaReferences, ruleBytes } = guidanceLimits
  let references = 0
  // A stack of our own: the depth is the caller's.
  const waiting: { value: unknown; path: string; depth: number }[] = [{ value: schema, path: '', depth: 0 }]
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    const { value, path, depth } = entry
    if (typeof value !== 'object' || value === null) continue
    if (depth > schemaDepth) {
      throw fail('unsupported_value', { param: param + path, reason: `schemas nest ${schemaDepth} deep at most` })
    }
    for (const [key, inner] of Object.entries(value)) {
      const place = path + pointerStep(key)
      if (key === '$ref' && typeof inner === 'string' && ++references > schemaReferences) {
        throw fail('unsupported_value', {
          param: param + place,
          reason: `${schemaReferences} references are the limit`,
        })
      }
      waiting.push({ value: inner, path: place, depth: depth + 1 })
    }
  }
  const text = JSON.stringify(schema)
  if (Buffer.byteLength(text) > ruleBytes) {
    throw fail('unsupported_value', { param, reason: `schemas have ${ruleBytes} bytes at most` })
  }
  return text
}
