// GET /v1/models and GET /v1/models/{id}: what this server has, in a card that both vendors' clients read.
import { Type } from 'typebox'
import { nameIgnoredFields } from '../../wire/deliver.ts'
import type { Server } from '../../wire/exchange.ts'
import { ModelList, ModelObject, modelList, modelObject } from '../../wire/models.ts'
import type { Registry } from './registry.ts'

/** Adds both routes. */
export function registerModels(server: Server, { registry }: { readonly registry: Registry }): void {
  server.get(
    '/v1/models',
    {
      config: { permission: 'models.read' },
      schema: {
        tags: ['models'],
        summary: 'List the models',
        querystring: Type.Object({
          model: Type.Optional(Type.String({ description: "Mistral's filter: only the model of this name or alias." })),
        }),
        response: { 200: ModelList },
      },
    },
    async ({ query, exchange }, reply) => {
      const { model, ...others } = query
      nameIgnoredFields(reply, Object.keys(others))
      return modelList(registry.list(exchange.caller), registry.aliases(exchange.caller), model)
    },
  )
  // A name may hold a slash, which clients send as %2F and people as it is: so the rest of the path, not one step of it.
  server.get(
    '/v1/models/*',
    {
      config: { permission: 'models.read' },
      schema: {
        tags: ['models'],
        summary: 'One model',
        params: Type.Object({ '*': Type.String({ description: 'Name, alias, or a version: name@sha256:….' }) }),
        response: { 200: ModelObject },
      },
    },
    async ({ params, exchange: { caller } }) => {
      const name = params['*']
      const alias = registry.aliases(caller).find((one) => one.name === name)
      return alias === undefined ? modelObject(registry.card(name, caller)) : modelObject(alias.card, alias.name)
    },
  )
}
