// How bodies are validated, the same at the HTTP edge and where a request comes out of a file. Knows no endpoint.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TSchema } from 'typebox'
import { fail } from '../base/errors.ts'
import { explain, type ValidatorError } from './explain.ts'

/** The validator's options: nothing is changed on the way in. */
const validatorOptions = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  allErrors: false,
  discriminator: true,
  allowUnionTypes: true,
  // Errors carry the schema's branch, which `explain` reads; the data never reaches a log.
  verbose: true,
  // That the schemas themselves are right is proved by a test, once: it would cost every start 35 ms.
  meta: false,
  validateSchema: false,
  // Its optimiser takes half of the time to compile and made no check faster (0.10 s for 50,000 chat bodies with and without).
  code: { optimize: false },
} as const

let validator: Ajv | undefined

/** The one validator, made when a first value is checked. */
function ajv(): Ajv {
  if (validator !== undefined) return validator
  validator = new Ajv(validatorOptions)
  addFormats.default(validator)
  return validator
}

/** Says whether a value fits; what did not is in `errors` until the next call. */
export interface Check {
  (value: unknown): boolean
  errors?: ErrorObject[] | null
}

/**
 * A check that is compiled when it is first asked. Compiled at the start, the schemas of all routes cost a second of CPU before the first
 * answer (1.0 of 2.1 s measured); one costs 5 to 70 ms.
 * Throws at the first call where the schema itself is wrong: the test of authorisation asks every route.
 */
export function lazyCheck(schema: { readonly $id?: string }): Check {
  let compiled: ValidateFunction | undefined
  const check: Check = (value) => {
    compiled ??= compile(schema)
    const valid = compiled(value)
    check.errors = compiled.errors ?? null
    return valid
  }
  return check
}

/** Compiles the checks of schemas that are sure to be asked for, at a time when nobody waits. */
export function prepareChecks(schemas: readonly TSchema[]): void {
  for (const schema of schemas) compile(schema as { readonly $id?: string })
}

/** A schema with a name is compiled once: the validator takes each name once. */
function compile(schema: { readonly $id?: string }): ValidateFunction {
  const known = schema.$id === undefined ? undefined : ajv().getSchema(schema.$id)
  return known ?? ajv().compile(schema)
}

/** A check that gives the value with its type, or throws `invalid_value` that names the field. */
export function bodyCheck<Schema extends TSchema>(schema: Schema): (value: unknown) => Static<Schema> {
  const check = lazyCheck(schema)
  return (value) => {
    if (check(value)) return value as Static<Schema>
    throw fail('invalid_value', { ...explain((check.errors ?? []) as unknown as readonly ValidatorError[]) })
  }
}
