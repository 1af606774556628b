// A JSON Schema of one flat object as rows of a form, both ways. Pure. What rows cannot say is edited as JSON.

/** Types that a row can have. */
export const rowTypes = ['string', 'integer', 'number', 'boolean', 'list'] as const

/** A property. */
export interface SchemaRow {
  readonly name: string
  readonly type: (typeof rowTypes)[number]
  readonly description: string
  readonly required: boolean
  /** Texts to choose from, with commas between; of `string` alone. */
  readonly choices: string
}

type Json = Readonly<Record<string, unknown>>

/** The schema of the rows. */
export function schemaOf(rows: readonly SchemaRow[]): Json {
  const named = rows.filter(({ name }) => name.trim() !== '')
  return {
    type: 'object',
    properties: Object.fromEntries(named.map((row) => [row.name.trim(), propertyOf(row)])),
    required: named.filter(({ required }) => required).map(({ name }) => name.trim()),
    additionalProperties: false,
  }
}

function propertyOf({ type, description, choices }: SchemaRow): Json {
  const words = choices
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  return {
    ...(type === 'list' ? { type: 'array', items: { type: 'string' } } : { type }),
    ...(description.trim() !== '' && { description: description.trim() }),
    ...(type === 'string' && words.length > 0 && { enum: words }),
  }
}

/** The rows of a schema; undefined where they cannot say all of it. */
export function rowsOf(schema: unknown): readonly SchemaRow[] | undefined {
  if (!isObject(schema) || schema['type'] !== 'object' || !isObject(schema['properties'])) return undefined
  if (!hasOnly(schema, ['type', 'properties', 'required', 'additionalProperties'])) return undefined
  const required = Array.isArray(schema['required']) ? (schema['required'] as readonly unknown[]) : []
  const rows = Object.entries(schema['properties']).map(([name, property]) => rowOf(name, property, required))
  return rows.includes(undefined) ? undefined : (rows as readonly SchemaRow[])
}

function rowOf(name: string, property: unknown, required: readonly unknown[]): SchemaRow | undefined {
  if (!isObject(property) || !hasOnly(property, ['type', 'description', 'enum', 'items'])) return undefined
  const { type, enum: choices, items, description } = property
  const isList = type === 'array' && isObject(items) && items['type'] === 'string' && hasOnly(items, ['type'])
  const known = isList ? 'list' : rowTypes.find((one) => one === type && one !== 'list')
  const words = Array.isArray(choices) ? choices : []
  if (known === undefined || words.some((word) => typeof word !== 'string' || word.includes(','))) return undefined
  return {
    ...{ name, type: known, required: required.includes(name), choices: words.join(', ') },
    description: typeof description === 'string' ? description : '',
  }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const hasOnly = (value: Json, names: readonly string[]) => Object.keys(value).every((name) => names.includes(name))
