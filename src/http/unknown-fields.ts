// Names, in `galerne-ignored-fields`, what a body holds and its schema does not know: nobody shall believe that it had an effect. Knows no route.
import type { FastifyInstance } from 'fastify'
import { nameIgnoredFields } from '../wire/deliver.ts'
import { strangeFields } from '../wire/ignored.ts'

/** Adds it for every route with a body, but those that call models: they name what they do not use themselves. */
export function nameUnknownFields(server: FastifyInstance): void {
  server.addHook('preHandler', async ({ body, routeOptions }, reply) => {
    if (body === undefined || routeOptions.config.permission === 'models.use') return
    const schema = routeOptions.schema?.body
    if (typeof schema === 'object' && schema !== null) nameIgnoredFields(reply, strangeFields(schema, body))
  })
}
