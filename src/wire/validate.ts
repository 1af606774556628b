// How bodies are validated, the same at the HTTP edge and where a request comes out of a file. Knows no endpoint.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/schema'
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

/** A schema as Fastify hands it over. */
interface NamedSchema {
  readonly $id?: string
}

/**
 * A check that is compiled when it is first asked, and in two steps. TypeBox says whether a value fits: compiling a chat body's schema
 * takes it 10 ms, and Ajv 115 with the first call. Ajv judges what does not fit, because it says what is wrong in the form that `explain` reads.
 * Throws at the first call where the schema itself is wrong: the test of authorisation asks every route.
 */
export function lazyCheck(schema: NamedSchema): Check {
  let quick: Pick<Validator, 'Check'> | undefined
  let judge: ValidateFunction | undefined
  const check: Check = (value) => {
    quick ??= Compile(schema)
    check.errors = null
    if (quick.Check(value)) return true
    judge ??= compile(schema)
    const valid = judge(value)
    check.errors = judge.errors ?? null
    return valid
  }
  return check
}

/** A schema with a name is compiled once: the validator takes each name once. */
function compile(schema: NamedSchema): ValidateFunction {
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
