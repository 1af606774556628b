// Finds recursion that no answer comes out of: a schema that asks itself about the same value, and one whose values never end. Other recursion is welcome.

import type { JsonSchema } from '../../wire/model.ts'
import { decodePointer, type SchemaAnswer } from './schema-faults.ts'
import { isObject, pointerStep, type SchemaObject, subschemas } from './schema-walk.ts'

/** Schemas by their JSON pointers. */
type Places = ReadonlyMap<string, SchemaObject>

/** The first reference that leads back without end, by a walk that costs no more than the schema has parts. */
export function recursionFault(schema: JsonSchema): SchemaAnswer | undefined {
  const places: Places = new Map([...subschemas(schema)].map(({ schema: node, path }) => [path, node]))
  for (const [path, node] of places) {
    // With resources of their own inside, pointers count from those.
    if (path !== '' && typeof node['$id'] === 'string') return undefined
  }
  const looping = loopingReference(places)
  if (looping !== undefined) {
    const reason = 'it leads back to itself before anything is said of the value'
    return { type: 'invalid', path: `${looping}/$ref`, reason }
  }
  const finite = finitePlaces(places)
  if (!places.has('') || finite.has('')) return undefined
  const endless = [...places].find(([path, node]) => typeof node['$ref'] === 'string' && !finite.has(path))
  const reason = 'every value needs another one in it, without end; let the innermost leave it out or be null'
  return { type: 'invalid', path: endless === undefined ? '' : `${endless[0]}/$ref`, reason }
}

/** Where a reference points, as far as it points into this schema. */
function target(node: SchemaObject): string | undefined {
  const reference = node['$ref']
  if (typeof reference !== 'string' || (reference !== '#' && !reference.startsWith('#/'))) return undefined
  return decodePointer(reference.slice(1))
}

/** The schemas that are asked about the same value as this one. */
function* sameValue(path: string, node: SchemaObject): Generator<string> {
  const referred = target(node)
  if (referred !== undefined) yield referred
  for (const keyword of ['not', 'if', 'then', 'else']) if (isObject(node[keyword])) yield path + pointerStep(keyword)
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) yield* members(path, node, keyword)
}

function* members(path: string, node: SchemaObject, keyword: string): Generator<string> {
  const list = node[keyword]
  if (Array.isArray(list)) for (const index of list.keys()) yield path + pointerStep(keyword) + pointerStep(index)
}

/** A schema whose reference closes a circle of schemas that are all asked about one value. */
function loopingReference(places: Places): string | undefined {
  const done = new Set<string>()
  for (const start of places.keys()) {
    // A stack of our own: chains of references are as long as the caller likes.
    const way: { readonly path: string; readonly others: Iterator<string> }[] = []
    const open = new Set<string>()
    let next: string | undefined = start
    while (next !== undefined || way.length > 0) {
      const node = next === undefined || done.has(next) ? undefined : places.get(next)
      if (next !== undefined && node !== undefined) {
        if (open.has(next)) return way.findLast(({ path }) => typeof places.get(path)?.['$ref'] === 'string')?.path
        open.add(next)
        way.push({ path: next, others: sameValue(next, node) })
      }
      const last = way.at(-1)
      const step = last?.others.next()
      next = step?.done === false ? step.value : undefined
      if (last === undefined || next !== undefined) continue
      way.pop()
      open.delete(last.path)
      done.add(last.path)
    }
  }
  return undefined
}

/** The schemas that some finite value satisfies, as far as recursion is concerned. */
function finitePlaces(places: Places): ReadonlySet<string> {
  const finite = new Set<string>()
  const holds = (path: string) => !places.has(path) || finite.has(path)
  // Innermost first: one round is enough but for references, and each round settles one of those at least.
  const inwards = [...places].toReversed()
  for (let before = -1; before < finite.size; ) {
    before = finite.size
    for (const [path, node] of inwards) if (!finite.has(path) && isSatisfied(path, node, holds)) finite.add(path)
  }
  return finite
}

function isSatisfied(path: string, node: SchemaObject, holds: (path: string) => boolean): boolean {
  const referred = target(node)
  if (referred !== undefined && !holds(referred)) return false
  if (![...members(path, node, 'allOf')].every(holds)) return false
  for (const keyword of ['anyOf', 'oneOf']) {
    const choices = [...members(path, node, keyword)]
    if (choices.length > 0 && !choices.some(holds)) return false
  }
  return needed(path, node).every(holds)
}

/** The schemas of what every value of this one has inside. */
function needed(path: string, node: SchemaObject): string[] {
  const { type, required, properties, minItems } = node
  if (type === 'object' && Array.isArray(required) && isObject(properties)) {
    const names = required.filter((name) => typeof name === 'string' && isObject(properties[name]))
    return names.map((name) => `${path}/properties${pointerStep(String(name))}`)
  }
  return type === 'array' && Number(minItems) > 0 && isObject(node['items']) && node['prefixItems'] === undefined
    ? [`${path}/items`]
    : []
}
