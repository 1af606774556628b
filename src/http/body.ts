// Reads JSON bodies in the form that Fastify calls, and keeps their length. Knows no schema.
import type { FastifyRequest } from 'fastify'
import { fail } from '../base/errors.ts'
import { parseBody } from '../wire/parse.ts'

/** JSON is UTF-8 (RFC 8259 §8.1). What is not is refused, for a client would never learn that its words were changed; a byte order mark is skipped. */
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The parser in the form that Fastify calls. The length is kept for the throttle. */
export async function readJson(request: FastifyRequest, body: Buffer): Promise<unknown> {
  // OpenAI's client 4.x says application/json where it sends no body, for routes that take none.
  if (body.length === 0 && request.routeOptions.schema?.body === undefined) return undefined
  request.bodyBytes = body.length
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw fail('unsupported_media_type', { encoding: encoding.slice(0, 100) })
  return parseBody(decode(body))
}

function decode(body: Buffer): string {
  try {
    return decoder.decode(body)
  } catch (error) {
    throw fail('invalid_json', { reason: 'it is not UTF-8' }, error)
  }
}
