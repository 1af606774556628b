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
 * same. What is too long to be a label is left out: a label never makes a request fail.
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

function metadataOf(body: unknown): Readonly<Record<string, string>> {
  const sent = typeof body === 'object' && body !== null && 'metadata' in body ? body.metadata : undefined
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return {}
  const pairs = Object.entries(sent)
    .map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)] as const)
    .filter(([name, value]) => name.length <= longest && value.length <= longestValue && !value.includes('\0'))
  return Object.fromEntries(pairs.slice(0, mostMetadata))
}
