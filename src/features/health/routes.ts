// GET /healthz: the process answers. GET /readyz: it takes calls.
import { Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'

/** Adds the two checks; both are open and answer while the server stops. */
export function registerHealth(server: Server, { ready }: { readonly ready: () => boolean }): void {
  const config = { open: true, whileStopping: true } as const
  const status = (value: string) => Type.Object({ status: Type.Literal(value) })
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
}
