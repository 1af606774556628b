// LoRA adapters over HTTP: listed for everybody who may see models, added and removed by administrators. A path never comes this way: what is
// added lies in `home` already.

import { AdapterList, AdapterObject, AdapterRemoved, AdapterRequest, type AdapterShown } from '../../wire/adapters.ts'
import type { Server } from '../../wire/exchange.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import type { AdapterState, ServedAdapters } from './served-adapters.ts'

const config = { permission: 'server.write' } as const

/** Adds the routes. */
export function registerAdapters(
  server: Server,
  { adapters, acts }: { readonly adapters: ServedAdapters; readonly acts: Acts },
): void {
  server.get(
    '/galerne/v1/adapters',
    {
      config: { permission: 'server.read' },
      schema: {
        tags: ['models'],
        summary: 'LoRA adapters on this disk',
        querystring: ListQuery,
        response: { 200: AdapterList },
      },
    },
    async ({ query }) => pageOf((await adapters.list()).map(shown), readPaging(query)),
  )
  server.post(
    '/galerne/v1/adapters',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Let calls use a LoRA adapter',
        description:
          'The adapter lies on this disk: `galerne adapters add` puts it there and calls this. From then on calls may name `model+name`, with a weight `model+name:0.5`, and several `model+a:0.5+b`.',
        body: AdapterRequest,
        response: { 200: AdapterObject },
      },
    },
    async (request) => {
      const { model, name } = request.body
      const state = await adapters.add(model, name)
      await acts.run(actorOf(request), async (_transaction, note) => {
        note({ action: 'adapter.added', target: { kind: 'model', id: `${state.model}+${name}` }, details: {} })
      })
      return shown(state)
    },
  )
  server.post(
    '/galerne/v1/adapters/remove',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Remove a LoRA adapter from this disk',
        description: 'Calls at work end with it; the next ones that name it get 404.',
        body: AdapterRequest,
        response: { 200: AdapterRemoved },
      },
    },
    async (request) => {
      const { model, name } = request.body
      await adapters.remove(model, name)
      const id = `${model}+${name}`
      await acts.run(actorOf(request), async (_transaction, note) => {
        note({ action: 'adapter.removed', target: { kind: 'model', id }, details: {} })
      })
      return { object: 'adapter.removed' as const, id }
    },
  )
}

function shown({ model, name, sha256, bytes, served, failure }: AdapterState): AdapterShown {
  const error = failure === null ? null : { code: failure.code, message: failure.message }
  return { object: 'adapter', id: `${model}+${name}`, model, name, sha256, bytes, served, error }
}
