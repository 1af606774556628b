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
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly oneOf?: readonly Shape[]
}

/**
 * The fields of a checked body that have no effect here: those its schema does not know, at any depth (`messages[].content[].cache_control`,
 * once for all items of a list), labels that cannot be kept, and those that the schema knows and this call does not use.
 * @param inert fields of the last kind; named only when they are set to something.
 */
export function ignoredFields(schema: TObject<TProperties>, body: object, inert: readonly string[]): string[] {
  const ignored = new Set<string>()
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(schema.properties, name) || (inert.includes(name) && isSet(value))) ignored.add(name)
    else addStrangers(schema.properties[name] as Shape, value, name, ignored)
  }
  for (const name of unusedLabels(body)) ignored.add(name)
  return [...ignored]
}

function addStrangers(shape: Shape, value: unknown, path: string, ignored: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  const branches = shape.oneOf ?? shape.anyOf
  if (branches !== undefined) {
    const meant = branches.find((branch) => isMeant(branch, value))
    if (meant !== undefined) addStrangers(meant, value, path, ignored)
  } else if (Array.isArray(value)) {
    if (shape.items !== undefined) for (const item of value) addStrangers(shape.items, item, `${path}[]`, ignored)
  } else if (shape.properties !== undefined && Object.keys(shape.properties).length > 0) {
    // An object without fields of its own is the caller's: metadata, a JSON Schema.
    for (const [name, inner] of Object.entries(value)) {
      const known = Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined
      if (known !== undefined) addStrangers(known, inner, `${path}.${name}`, ignored)
      else if (isSet(inner)) ignored.add(`${path}.${name}`)
    }
  }
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
