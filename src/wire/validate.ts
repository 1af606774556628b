// How bodies are validated, the same at the HTTP edge and where a request comes out of a file. Knows no endpoint.
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TSchema } from 'typebox'
import { fail } from '../base/errors.ts'
import { explain, type ValidatorError } from './explain.ts'

/** The validator's options: nothing is changed on the way in. */
export const validatorOptions = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  allErrors: false,
  discriminator: true,
  allowUnionTypes: true,
  // Errors carry the schema's branch, which `explain` reads; the data never reaches a log.
  verbose: true,
} as const

/** A check that gives the value with its type, or throws `invalid_value` that names the field. */
export function bodyCheck<Schema extends TSchema>(schema: Schema): (value: unknown) => Static<Schema> {
  const ajv = new Ajv(validatorOptions)
  addFormats.default(ajv)
  const valid = ajv.compile(schema)
  return (value) => {
    if (valid(value)) return value as Static<Schema>
    throw fail('invalid_value', { ...explain((valid.errors ?? []) as unknown as readonly ValidatorError[]) })
  }
}
