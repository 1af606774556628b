// Reads JSON bodies in the form that Fastify calls, and keeps their length. Knows no schema.
import type { FastifyRequest } from 'fastify'
import { parseBody } from '../wire/parse.ts'

/** The parser in the form that Fastify calls. The length is kept for the throttle. */
export async function readJson(request: FastifyRequest, text: string): Promise<unknown> {
  // OpenAI's client 4.x says application/json where it sends no body, for routes that take none.
  if (text === '' && request.routeOptions.schema?.body === undefined) return undefined
  request.bodyBytes = Buffer.byteLength(text)
  return parseBody(text)
}
