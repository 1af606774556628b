// The thread where callers' schemas meet Ajv: compiles them, checks answers against them. A pattern that never ends is ended with the thread. Talks to schema-validator.ts.

import { parentPort } from 'node:worker_threads'
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { JsonSchema } from '../../wire/model.ts'
import { readDialect, type SchemaDialect } from './schema-draft.ts'
import {
  compileFault,
  formatFault,
  legacyPatterns,
  patternFault,
  referenceFault,
  type SchemaAnswer,
} from './schema-faults.ts'
import { recursionFault } from './schema-recursion.ts'
import { isObject } from './schema-walk.ts'

/** Without `answer`: is the schema one that can be enforced? With it: does this JSON text satisfy the schema? */
export interface SchemaQuestion {
  /** JSON text. */
  readonly schema: string
  readonly answer?: string
}

const classes = { 'draft-07': Ajv, '2019-09': Ajv2019, '2020-12': Ajv2020 } as const

/** Schemas compiled last, by text. */
const kept = new Map<string, ValidateFunction>()
const keptAtMost = 64

const port = parentPort
if (port === null) throw new Error('schema-worker.ts is started as a worker thread')
port.on('message', (question: SchemaQuestion) => port.postMessage(answerTo(question)))

function answerTo({ schema, answer }: SchemaQuestion): SchemaAnswer {
  const validate = kept.get(schema) ?? compile(JSON.parse(schema))
  if (typeof validate !== 'function') return validate
  kept.delete(schema)
  kept.set(schema, validate)
  for (const oldest of kept.keys()) if (kept.size > keptAtMost) kept.delete(oldest)
  return answer === undefined ? { type: 'good' } : check(validate, answer)
}

function check(validate: ValidateFunction, answer: string): SchemaAnswer {
  let value: unknown
  try {
    value = JSON.parse(answer)
  } catch {
    return { type: 'unsatisfied', path: '', reason: 'it is not JSON' }
  }
  return validate(value) ? { type: 'good' } : { type: 'unsatisfied', ...firstError(validate.errors) }
}

function firstError(errors: readonly ErrorObject[] | null | undefined): { path: string; reason: string } {
  const error = errors?.[0]
  const allowed: unknown = error?.params['allowedValues']
  const reason = Array.isArray(allowed)
    ? `must be one of ${allowed.join(', ')}`
    : (error?.message ?? 'it does not match')
  return { path: error?.instancePath ?? '', reason }
}

/** One of each dialect reads the meta-schemas once (30 ms); it never learns a caller's schema. */
const checkers = {
  'draft-07': newAjv('draft-07', new Set(), true),
  '2019-09': newAjv('2019-09', new Set(), true),
  '2020-12': newAjv('2020-12', new Set(), true),
} as const

function compile(original: JsonSchema): ValidateFunction | SchemaAnswer {
  const read = readDialect(original)
  if (read === undefined)
    return { type: 'unsupported', path: '/$schema', reason: 'drafts 4, 6, 7, 2019-09 and 2020-12 are' }
  const { dialect, schema } = read
  const checker = checkers[dialect]
  if (isObject(schema) && !checker.validateSchema(schema)) return { type: 'invalid', ...firstError(checker.errors) }
  const fault =
    patternFault(schema) ??
    formatFault(schema, new Set(Object.keys(checker.formats))) ??
    referenceFault(schema) ??
    recursionFault(schema)
  if (fault !== undefined) return fault
  try {
    return newAjv(dialect, legacyPatterns(schema), false).compile(schema)
  } catch (error) {
    return compileFault(schema, error)
  }
}

type AjvLike = Ajv | Ajv2019 | Ajv2020

/** Patterns are Unicode expressions, as the drafts advise; `legacy` ones are valid only as the older kind. */
function newAjv(dialect: SchemaDialect, legacy: ReadonlySet<string>, validateSchema: boolean): AjvLike {
  const regExp = Object.assign(
    (source: string, flags: string) => new RegExp(source, legacy.has(source) ? flags.replace('u', '') : flags),
    // Any name but Ajv's default, which would bypass this function.
    { code: 'patternRegExp' },
  )
  const options: Options = { strict: false, logger: false, multipleOfPrecision: 10, validateSchema, code: { regExp } }
  const ajv = new classes[dialect](options)
  addFormats.default(ajv)
  return ajv
}
