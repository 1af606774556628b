// The OpenAPI 3.1 document, made from the schemas that validate, and the route that serves it.
import swagger from '@fastify/swagger'
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
      schema: { ...schema, ...describe(route.config?.open === true, schema) } as typeof schema,
      url,
    }),
  })
}

/** Adds what holds for every route: the error body, and no security where none is wanted. */
function describe(open: boolean, schema: { readonly response?: unknown } | undefined) {
  const response = {
    ...(schema?.response as object | undefined),
    default: { $ref: 'Error#', description: 'An error, in the shapes of both vendors.' },
  }
  return open ? { response, security: [] } : { response }
}

/** Adds `GET /openapi.json`. */
export function registerOpenapi(server: Server): void {
  server.get(
    '/openapi.json',
    {
      schema: {
        tags: ['server'],
        summary: 'This document',
        response: { 200: Type.Object({}, { additionalProperties: true }) },
      },
    },
    async () => server.swagger(),
  )
}
