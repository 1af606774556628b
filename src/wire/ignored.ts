// Names what of a request has no effect, for the header `galerne-ignored-fields`. Knows schemas and bodies, no endpoint.
import type { TObject, TProperties } from 'typebox'
import { unusedLabels } from './labels.ts'

/** The part of a JSON Schema that is walked here; TypeBox's schemas are such objects. */
interface Shape {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly oneOf?: readonly Shape[]
}

/**
 * The fields of a checked body that its schema does not know, at any depth: `messages[].content[].cache_control`, once for all items of a
 * list. Below the first level one that is not set is not named: clients write out what they leave alone.
 */
export function strangeFields(schema: object, body: unknown): string[] {
  const strange = new Set<string>()
  addStrangers(schema, body, '', strange)
  return [...strange]
}

/**
 * The fields of a checked call of a model that have no effect here: strange ones, those that the schema knows and this call does not use,
 * and labels that cannot be kept.
 * @param inert fields of the second kind; named only when they are set to something.
 */
export function ignoredFields(schema: TObject<TProperties>, body: object, inert: readonly string[]): string[] {
  const fields = Object.entries(body)
  const unused = fields.filter(([name, value]) => inert.includes(name) && isSet(value)).map(([name]) => name)
  const others = Object.fromEntries(fields.filter(([name]) => !unused.includes(name)))
  return [...new Set([...unused, ...strangeFields(schema, others), ...unusedLabels(body)])]
}

function addStrangers(shape: Shape, value: unknown, path: string, strange: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  const branches = shape.oneOf ?? shape.anyOf
  if (branches !== undefined) {
    const meant = branches.find((branch) => isMeant(branch, value))
    if (meant !== undefined) addStrangers(meant, value, path, strange)
  } else if (Array.isArray(value)) {
    if (shape.items !== undefined) for (const item of value) addStrangers(shape.items, item, `${path}[]`, strange)
  } else if (shape.properties !== undefined && !isOpen(shape)) {
    for (const [name, inner] of Object.entries(value)) {
      const way = path === '' ? name : `${path}.${name}`
      const known = Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined
      if (known !== undefined) addStrangers(known, inner, way, strange)
      else if (path === '' || isSet(inner)) strange.add(way)
    }
  }
}

/** An object whose fields are the caller's, all or those beside its own: metadata, a JSON Schema. */
function isOpen({ properties = {}, additionalProperties }: Shape): boolean {
  return Object.keys(properties).length === 0 || typeof additionalProperties === 'object'
}

/** Whether a value that fits one of several branches fits this one: its type, and what its fields are fixed to. */
function isMeant(branch: Shape, value: object): boolean {
  if (branch.oneOf !== undefined || branch.anyOf !== undefined) {
    return (branch.oneOf ?? branch.anyOf ?? []).some((inner) => isMeant(inner, value))
  }
  if (Array.isArray(value)) return branch.type === 'array'
  if (branch.type !== 'object') return false
  const fields = value as Readonly<Record<string, unknown>>
  return (
    (branch.required ?? []).every((name) => fields[name] !== undefined) &&
    Object.entries(branch.properties ?? {}).every(([name, fixed]) => {
      if (fields[name] === undefined || fields[name] === null) return true
      return fixed.enum?.includes(fields[name]) ?? (fixed.const === undefined || fixed.const === fields[name])
    })
  )
}

/** What a client that leaves a field out also writes for it. */
function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return value !== null && value !== undefined && value !== false
}
