// Makes up JSON Schemas that a caller might send by mistake or in bad faith: odd but valid, contradictory, malformed, recursive, enormous.

import fc from 'fast-check'
import type { JsonSchema } from '../../../src/wire/model.ts'

/** Mostly well-formed: a schema that is refused at the first word proves little. */
function mostly<T, U>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 24, arbitrary: good }, { weight: 1, arbitrary: bad })
}

const patterns = mostly(
  fc.constantFrom('^a+$', '(?=x)x', '(a)\\1', '^\\d{3}-\\w+\\s?$', '[+--]', '\\p{L}+', '', '[\\s\\S]*$', '^[^\\W_]$'),
  fc.constantFrom('^(a+)+$', '[', '^.{1,50000}$', '((a{0,90}){0,90}){0,90}', '(?i)x'),
)
const formats = mostly(
  fc.constantFrom('date', 'time', 'date-time', 'email', 'uri', 'uuid', 'ipv4', 'ipv6', 'hostname', 'byte', 'duration'),
  fc.constantFrom('color', 'regex', '__proto__'),
)
const references = mostly(
  fc.constantFrom('#', '#/$defs/a', '#/$defs/b'),
  fc.constantFrom('#/$defs/missing', '#/properties/a', 'https://example.com/schema.json', 'file:///etc/passwd'),
)
const names = fc.constantFrom('a', 'b', 'name', '__proto__', 'constructor', '$ref', 'é', '', 'x'.repeat(200))
const counts = mostly(fc.integer({ min: 0, max: 6 }), fc.constantFrom(-1, 1.5, 1e9, 1e308, 'x'))
const numbers = mostly(
  fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })),
  fc.constantFrom(1e-300, 1.7e308, '7'),
)
const types = mostly(
  fc.constantFrom('object', 'array', 'string', 'number', 'integer', 'boolean', 'null'),
  fc.constantFrom('thing', 'OBJECT'),
)
const data = fc.jsonValue({ maxDepth: 2 })

const { schema: anySchema } = fc.letrec<{ schema: JsonSchema; node: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 1, arbitrary: fc.boolean() },
    { weight: 9, arbitrary: tie('node') },
  ),
  node: fc
    .record(
      {
        type: mostly(fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })), data),
        properties: fc.dictionary(names, tie('schema'), { maxKeys: 3, noNullPrototype: true }),
        patternProperties: fc.dictionary(patterns, tie('schema'), { maxKeys: 2, noNullPrototype: true }),
        additionalProperties: tie('schema'),
        propertyNames: tie('schema'),
        required: fc.uniqueArray(names, { maxLength: 3 }),
        minProperties: counts,
        maxProperties: counts,
        items: mostly(tie('schema'), fc.array(tie('schema'), { maxLength: 2 })),
        prefixItems: fc.array(tie('schema'), { maxLength: 2 }),
        contains: tie('schema'),
        minItems: counts,
        maxItems: counts,
        uniqueItems: fc.boolean(),
        minLength: counts,
        maxLength: counts,
        pattern: patterns,
        format: formats,
        minimum: numbers,
        exclusiveMaximum: mostly(numbers, fc.boolean()),
        multipleOf: mostly(fc.constantFrom(1, 2, 0.5, 0.1, 7), numbers),
        enum: fc.uniqueArray(data, { minLength: 1, maxLength: 4 }),
        const: data,
        anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
        oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
        allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        not: tie('schema'),
        if: tie('schema'),
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: tie('schema'),
        else: tie('schema'),
        dependentRequired: fc.dictionary(names, fc.array(names, { maxLength: 2 }), {
          maxKeys: 2,
          noNullPrototype: true,
        }),
        unevaluatedProperties: tie('schema'),
        $ref: references,
        $schema: mostly(
          fc.constantFrom('http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema'),
          fc.constantFrom('http://json-schema.org/draft-04/schema', 'nonsense'),
        ),
        $id: fc.constantFrom('https://example.com/one', '#anchor', 'x'),
        'x-guidance': fc.constant({ lenient: true }),
        $async: fc.constant(true),
        unknown: data,
      },
      { requiredKeys: [] },
    )
    .map(thinned),
}))

/** A record with every key would be contradictory nearly always: keeps a few, chosen by content so that shrinking stays possible. */
function thinned(node: Record<string, unknown>): JsonSchema {
  const keys = Object.keys(node)
  const seed = JSON.stringify(node).length
  const kept = keys.filter(
    (key, index) => (seed + index * 7) % Math.max(1, Math.floor(keys.length / 4)) === 0 || key === 'type',
  )
  return Object.fromEntries(kept.map((key) => [key, node[key]]))
}

const { schema: deep } = fc.letrec<{ schema: JsonSchema }>(() => ({
  schema: fc
    .record({
      depth: fc.integer({ min: 50, max: 3_000 }),
      through: fc.constantFrom('items', 'anyOf', 'properties', '$ref'),
    })
    .map(({ depth, through }) => nested(depth, through)),
}))

function nested(depth: number, through: string): JsonSchema {
  if (through === '$ref') {
    const entries = Array.from(
      { length: depth },
      (_, index) => [`d${index}`, { $ref: `#/$defs/d${index + 1}` }] as const,
    )
    return { $ref: '#/$defs/d0', $defs: Object.fromEntries([...entries, [`d${depth}`, { type: 'string' }]]) }
  }
  let schema: JsonSchema = { type: 'string' }
  for (let level = 0; level < depth; level++) {
    if (through === 'items') schema = { type: 'array', items: schema }
    else if (through === 'anyOf') schema = { anyOf: [schema, { type: 'null' }] }
    else schema = { type: 'object', properties: { a: schema } }
  }
  return schema
}

/** Intersections that multiply, and very wide things. */
const wide = fc.integer({ min: 5, max: 2_000 }).chain((width) =>
  fc.constantFrom<JsonSchema>(
    {
      allOf: Array.from({ length: Math.min(width, 14) }, (_, index) => ({
        anyOf: [{ minLength: index }, { maxLength: index }, { pattern: `a{${index}}` }],
      })),
    },
    {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: width }, (_, index) => [`p${index}`, { type: 'string', pattern: `^.{${index}}x` }]),
      ),
    },
    { enum: Array.from({ length: width }, (_, index) => `value ${index} ${'y'.repeat(index % 50)}`) },
    { type: 'array', items: { enum: [1, 2] }, minItems: width, maxItems: width * 10 },
    { type: 'string', minLength: width * 20, maxLength: width * 50 },
  ),
)

/** What the fuzzing draws from. */
export const hostileSchemas: fc.Arbitrary<JsonSchema> = fc.oneof(
  { weight: 16, arbitrary: anySchema },
  {
    weight: 12,
    arbitrary: anySchema.map(
      (schema): JsonSchema => ({ type: 'object', properties: { a: schema, b: { type: 'integer' } }, required: ['a'] }),
    ),
  },
  {
    weight: 2,
    arbitrary: anySchema.map(
      (schema): JsonSchema => ({ $ref: '#/$defs/a', $defs: { a: schema, b: { $ref: '#/$defs/a' } } }),
    ),
  },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: wide },
)
