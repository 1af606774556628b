// A client's own words about a call, for its trace: from headers that any client can set, and from `metadata` of either vendor's body.
import type { IncomingHttpHeaders } from 'node:http'
import { fail } from '../base/errors.ts'
import type { CallLabels } from './model.ts'

const longest = 200
const mostTags = 20
const mostMetadata = 16
/** OpenAI's bounds of a metadata pair. */
const longestValue = 512

/**
 * Reads `galerne-session`, `galerne-tags` (names with commas between) and the body's `metadata`, whose `session_id` and `tags` mean the
 * same. What is too long to be a label is left out: a label never makes a request fail. `unusedLabels` tells what.
 */
export function readLabels(headers: IncomingHttpHeaders, body: unknown): CallLabels | undefined {
  const metadata = metadataOf(body)
  const session = label(headers['galerne-session']) ?? label(metadata['session_id'])
  const tags = [...names(headers['galerne-tags']), ...names(metadata['tags'])].slice(0, mostTags)
  if (session === undefined && tags.length === 0 && Object.keys(metadata).length === 0) return undefined
  return {
    ...(session !== undefined && { session }),
    ...(tags.length > 0 && { tags }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
}

/**
 * Reads `galerne-trace-content: on` or `off`: whether what is said is kept with the trace. Here a mistake makes the request fail, for
 * somebody means it to be kept, or not to be.
 */
export function readKeepContent(headers: IncomingHttpHeaders): boolean | undefined {
  const asked = headers['galerne-trace-content']
  if (asked === undefined) return undefined
  if (asked === 'on' || asked === 'off') return asked === 'on'
  throw fail('invalid_value', { param: 'galerne-trace-content', reason: 'it must be "on" or "off"' })
}

/** An id longer than this names nobody; OpenAI takes 512 characters. PostgreSQL keeps no U+0000. */
const endUserForm = /^[^\0]{1,512}$/

/** The person behind a call, whom usage, traces and canaries know: OpenAI's `safety_identifier`, which was `user` before; Mistral has neither. */
export function readEndUser(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const id = Reflect.get(body, 'safety_identifier') ?? Reflect.get(body, 'user')
  return typeof id === 'string' && endUserForm.test(id) ? id : undefined
}

/** Which of a body's labels are not kept: an id that is not the person's, and pairs of `metadata` that are too long or too many. */
export function unusedLabels(body: object): string[] {
  const person = readEndUser(body)
  const ids = ['safety_identifier', 'user'].filter((name) => {
    const id = Reflect.get(body, name)
    return typeof id === 'string' && id !== person
  })
  const kept = metadataOf(body)
  const pairs = Object.keys(sentMetadata(body)).filter((name) => !Object.hasOwn(kept, name))
  return [...ids, ...pairs.map((name) => `metadata.${name}`)]
}

function label(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= longest && !value.includes('\0')
    ? value
    : undefined
}

function names(value: unknown): readonly string[] {
  if (typeof value !== 'string') return []
  return value
    .split(',')
    .map((name) => label(name.trim()))
    .filter((name) => name !== undefined)
}

function sentMetadata(body: unknown): object {
  const sent = typeof body === 'object' && body !== null && 'metadata' in body ? body.metadata : undefined
  return typeof sent === 'object' && sent !== null && !Array.isArray(sent) ? sent : {}
}

function metadataOf(body: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(sentMetadata(body))
    .map(([name, value]) => [name, labelText(value)] as const)
    .filter(([name, value]) => name.length <= longest && value.length <= longestValue && !value.includes('\0'))
  return Object.fromEntries(pairs.slice(0, mostMetadata))
}

/** Mistral's metadata may hold anything: names become a list with commas, objects JSON. */
function labelText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
