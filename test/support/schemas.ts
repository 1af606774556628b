// Checks that an answer keeps the schema that the reference publishes for it. The server itself does not: answers are written as they are.
import assert from 'node:assert/strict'
import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'

const ajv = new Ajv({ strict: false, allErrors: true, discriminator: true })

/** Fails unless `value` is of the schema and has no field at its top that the schema does not allow. */
export function assertKeepsSchema(schema: TSchema, value: unknown): void {
  const { $id: _, ...anonymous } = schema as TSchema & { $id?: string }
  const validate = ajv.compile({ additionalProperties: false, ...anonymous })
  assert.ok(validate(value), ajv.errorsText(validate.errors))
}
