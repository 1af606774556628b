// Two validators check what comes in: TypeBox says that it fits, Ajv why not. They must agree, or a body would be taken that breaks its schema.
// That the schemas themselves are right is proved on the way: the server does not look, for that costs each start 35 ms.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/schema'
import { Value } from 'typebox/value'

const folder = import.meta.dirname

/** TypeBox marks what it makes. */
const isSchema = (value: unknown): value is TSchema => typeof value === 'object' && value !== null && '~kind' in value

/** Every schema that wire/ exports, by file and name. */
async function schemas(): Promise<readonly (readonly [name: string, schema: TSchema])[]> {
  const found: [string, TSchema][] = []
  for (const file of globSync('*.ts', { cwd: folder, exclude: ['*.test.ts'] })) {
    const names = Object.entries((await import(join(folder, file))) as Record<string, unknown>)
    for (const [name, schema] of names) if (isSchema(schema)) found.push([`${file} ${name}`, schema])
  }
  return found
}

/** Values that somewhere do not fit, and some that do: wrong kinds, ends of ranges, characters outside of the basic plane. */
const replacement = fc.oneof(
  fc.constantFrom(
    null,
    true,
    '',
    'auto',
    'json_object',
    'function',
    [],
    {},
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    '\u0000',
    '😀'.repeat(600),
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

/** All places in a value, each as a way to it. */
function placesOf(value: unknown, way: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [way]
  return [way, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...way, key]))]
}

function changed(value: unknown, [key, ...rest]: readonly string[], change: (old: unknown) => unknown): unknown {
  if (key === undefined) return change(value)
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>
  copy[key] = changed(copy[key], rest, change)
  return copy
}

/** A value that fits with all fields that it may have, each once. */
function fullValue(schema: TSchema): unknown {
  const { properties, type, anyOf, oneOf, items } = schema as TSchema & {
    readonly properties?: Record<string, TSchema>
    readonly type?: string
    readonly anyOf?: readonly TSchema[]
    readonly oneOf?: readonly TSchema[]
    readonly items?: TSchema
  }
  if (properties !== undefined)
    return Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, fullValue(inner)]))
  if (type === 'array' && items !== undefined) return [fullValue(items)]
  const [first] = anyOf ?? oneOf ?? []
  if (first !== undefined) return fullValue(first)
  try {
    return Value.Create(schema)
  } catch {
    return 'x'
  }
}

test('both take the same of whatever is sent', async () => {
  let taken = 0
  let refused = 0
  for (const [name, schema] of await schemas()) {
    const ajv = new Ajv({ discriminator: true, allowUnionTypes: true })
    addFormats.default(ajv)
    const judge = ajv.compile(schema)
    const quick = Compile(schema)
    const start: unknown = JSON.parse(JSON.stringify(fullValue(schema)))
    const places = placesOf(start)
    const change = fc.record({ place: fc.constantFrom(...places), to: replacement, surplus: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
        const value = changes.reduce<unknown>(
          (whole, { place, to, surplus }) =>
            changed(whole, place, (old) =>
              surplus && typeof old === 'object' && old !== null ? { ...old, surplus: to } : to,
            ),
          start,
        )
        const fits = judge(value)
        if (fits) taken += 1
        else refused += 1
        assert.equal(quick.Check(value), fits, `${name}: ${JSON.stringify(value)?.slice(0, 1000)}`)
      }),
      { numRuns: 60, seed: 20_261_126 },
    )
  }
  assert.ok(taken > 1_000 && refused > 1_000, `${taken} taken, ${refused} refused`)
})
