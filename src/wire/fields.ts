// Pieces that several request and answer schemas are made of. Knows JSON Schema and no endpoint.
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'

/** A field that may be left out or be null: clients write both for "not set". */
export function optional<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

/** A field of an answer that is always there and may be null. */
export function nullable<Schema extends TSchema>(schema: Schema, options: { readonly description?: string } = {}) {
  return Type.Union([schema, Type.Null()], options)
}

/**
 * One of several objects, told apart by a string property that each branch fixes.
 * Ajv then reports the faults of the one branch that was meant, and OpenAPI knows the keyword.
 */
export function tagged<const Branches extends readonly TObject<TProperties>[]>(tag: string, branches: Branches) {
  return Type.Unsafe<Static<Branches[number]>>({
    type: 'object',
    discriminator: { propertyName: tag },
    required: [tag],
    oneOf: branches as unknown as TSchema[],
  })
}

/** The name of a model in a request. */
export const modelField = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^[^\\u0000]*$',
  description: 'Name or alias of a model that GET /v1/models lists.',
})

/** The id of something in a path. What no database stores cannot be one. */
export const idField = Type.String({ maxLength: 200, pattern: '^[\\x20-\\x7e]*$' })

/** Text that is looked for. PostgreSQL has no character 0. */
export const searchText = (maxLength: number) => Type.String({ maxLength, pattern: '^[^\\u0000]*$' })

/** An e-mail address as mail servers take it, without quotes, comments or a second one. */
export const emailField = Type.String({
  minLength: 3,
  maxLength: 255,
  pattern: '^[^\\s@<>"(),;:]{1,64}@[A-Za-z0-9.-]{1,190}$',
})

/** Seconds since 1970. */
export const timestamp = Type.Integer({ description: 'Seconds since 1970.' })

/** Seconds since 1970 that a caller gives: up to the year 9999, so that its milliseconds are exact in every table. */
export const givenTime = Type.Integer({ minimum: 0, maximum: 253_402_300_799, description: 'Seconds since 1970.' })
