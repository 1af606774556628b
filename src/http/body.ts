// Reads JSON bodies in the form that Fastify calls, and keeps their length. Knows no schema.
import type { FastifyRequest } from 'fastify'
import { parseBody } from '../wire/parse.ts'

/** The parser in the form that Fastify calls. The length is kept for the throttle. */
export async function readJson(request: FastifyRequest, text: string): Promise<unknown> {
  request.bodyBytes = Buffer.byteLength(text)
  return parseBody(text)
}
