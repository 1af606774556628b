// GET /healthz: the process answers. GET /readyz: it takes calls. GET /readyz/{model}: calls of that model are answered.
import { Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Server } from '../../wire/exchange.ts'

/** How a model stands, for whoever balances load. */
export interface ModelHealth {
  readonly model: string
  readonly aliases: readonly string[]
  readonly state: 'unloaded' | 'loading' | 'ready' | 'draining'
  /** Why the last load failed. */
  readonly failure: object | null
}

/** What the checks read. */
export interface HealthSources {
  readonly ready: () => boolean
  /** The models of this machine; none without it. */
  readonly models?: () => readonly ModelHealth[]
}

const config = { open: true, whileStopping: true } as const
const status = (...values: readonly string[]) => Type.Object({ status: Type.Enum([...values]) })

/** Adds the checks; all are open, tell no name that was not asked for, and answer while the server stops. */
export function registerHealth(server: Server, { ready, models = () => [] }: HealthSources): void {
  server.get(
    '/healthz',
    { config, schema: { tags: ['server'], summary: 'Whether the process answers', response: { 200: status('ok') } } },
    async () => ({ status: 'ok' }) as const,
  )
  server.get(
    '/readyz',
    {
      config,
      schema: {
        tags: ['server'],
        summary: 'Whether the server takes calls',
        response: { 200: status('ready'), 503: status('stopping') },
      },
    },
    async (_request, reply) => (ready() ? { status: 'ready' } : reply.code(503).send({ status: 'stopping' })),
  )
  server.get(
    '/readyz/*',
    {
      config,
      schema: {
        tags: ['server'],
        summary: 'Whether calls of a model are answered',
        description:
          'A model that is not loaded is ready: a call loads it. One that is being loaded, or could not be, is not.',
        params: Type.Object({ '*': Type.String({ description: 'Name or alias of a model of this machine.' }) }),
        response: { 200: status('ready', 'unloaded'), 503: status('stopping', 'loading', 'failed') },
      },
    },
    async ({ params }, reply) => {
      const name = params['*']
      const model = models().find((one) => one.model === name || one.aliases.includes(name))
      if (model === undefined) throw fail('model_not_found', { model: name.slice(0, 200), param: 'model' })
      const health = ready() ? healthOf(model) : 'stopping'
      return health === 'ready' || health === 'unloaded' ? { status: health } : reply.code(503).send({ status: health })
    },
  )
}

function healthOf({ state, failure }: ModelHealth): 'ready' | 'unloaded' | 'loading' | 'failed' {
  if (state === 'ready' || state === 'draining') return 'ready'
  if (state === 'loading') return 'loading'
  return failure === null ? 'unloaded' : 'failed'
}
