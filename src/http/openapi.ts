// The OpenAPI 3.1 document, made from the schemas that validate, and the route that serves it.
import swagger from '@fastify/swagger'
import type { FastifyContextConfig } from 'fastify'
import { Type } from 'typebox'
import type { Server } from '../wire/exchange.ts'
import { ErrorBody } from '../wire/failure.ts'

/** Starts collecting schemas: call before the first route. */
export async function collectSchemas(server: Server, version: string): Promise<void> {
  server.addSchema(ErrorBody)
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Galerne',
        version,
        description: 'Open-weight models behind the APIs of OpenAI and Mistral. Clients of both work unchanged.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    // The names of components are the `$id`s of the schemas.
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`) },
    transform: ({ schema, url, route }) => ({
      schema: { ...schema, ...describe(schema ?? {}, route.config ?? {}, url) } as typeof schema,
      // OpenAPI has no wildcard: the one route that has one takes a name that may hold slashes.
      url: url.replace('*', ':id'),
    }),
  })
}

const bytes = { type: 'string', format: 'binary' } as const

interface Described {
  readonly params?: unknown
  readonly response?: unknown
}

/** Adds what routes do not say themselves: the error body, events of a stream, no security where none is wanted. */
function describe({ params, response }: Described, { open, permission, streamed }: FastifyContextConfig, url: string) {
  const answers = { ...(response as Record<string, object> | undefined) }
  // What has no schema is no JSON: the bytes of a file.
  if (response === undefined)
    answers['200'] = { description: 'As it is.', content: { 'application/octet-stream': { schema: bytes } } }
  if (streamed !== undefined) {
    const content = { 'application/json': { schema: answers['200'] }, 'text/event-stream': { schema: streamed } }
    answers['200'] = { description: 'In one piece, or as events when `stream` is true.', content }
  }
  return {
    response: { ...answers, default: { $ref: 'Error#', description: 'An error, in the shapes of both vendors.' } },
    ...(open === true && { security: [] }),
    ...(permission !== undefined && { 'x-permission': permission }),
    ...(params !== undefined && { params: pathParameters(params as { properties: Record<string, object> }, url) }),
  }
}

/** Those that the path has: one schema may serve the paths of an organisation and of its workspaces. */
function pathParameters(params: { readonly properties: Record<string, object> }, url: string): object {
  const properties = Object.entries(params.properties)
    .filter(([name]) => url.includes(name === '*' ? '*' : `:${name}`))
    .map(([name, schema]) => [name === '*' ? 'id' : name, schema] as const)
  return { type: 'object', required: properties.map(([name]) => name), properties: Object.fromEntries(properties) }
}

/** Adds `GET /openapi.json`. */
export function registerOpenapi(server: Server): void {
  server.get(
    '/openapi.json',
    {
      config: { permission: 'server.read' },
      schema: {
        tags: ['server'],
        summary: 'This document',
        response: { 200: Type.Object({}, { additionalProperties: true }) },
      },
    },
    async () => server.swagger(),
  )
}
