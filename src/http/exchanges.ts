// Opens and closes one exchange per request: its id, its clock, the signal that ends with the client, and the headers of every answer.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { fail } from '../base/errors.ts'
import type { Caller, Exchange } from '../wire/exchange.ts'

/** The exchanges that are open now, so that a stopping server can wait for them and then end them. */
export interface OpenExchanges {
  /** Exchanges whose answer is not complete; health checks do not count. */
  readonly count: number
  /** Resolves when none is open. */
  empty(): Promise<void>
  /** Ends what is open: signals abort with this reason. */
  abort(reason: unknown): void
}

// What an answer looks like before a key is known; `authenticate` replaces it.
const nobody: Caller = Object.freeze({ id: '', kind: 'key', workspace: '', grants: [] })

/** Adds the hooks. They must be the first ones. */
export function openExchanges(
  server: FastifyInstance,
  { clock, keepAlive }: { readonly clock: Clock; readonly keepAlive: number },
): OpenExchanges {
  const open = new Set<AbortController>()
  let waiting: (() => void)[] = []
  server.decorateRequest('exchange', null as unknown as Exchange)
  server.decorateRequest('bodyBytes', 0)
  server.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController()
    request.exchange = { caller: nobody, signal: controller.signal, receivedAt: clock.elapsed(), clock, keepAlive }
    setIdentity(request, reply)
    refuseStrangeHost(request)
    if (request.routeOptions.config?.whileStopping === true) return
    open.add(controller)
    // `close` of the answer, not of the request: Node closes the request as soon as its body is read.
    reply.raw.once('close', () => {
      open.delete(controller)
      if (!reply.raw.writableFinished) controller.abort(fail('client_closed'))
      if (open.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    })
  })
  server.addHook('onSend', async (request, reply) => {
    const milliseconds = clock.elapsed() - request.exchange.receivedAt
    reply.header('openai-processing-ms', String(Math.round(milliseconds)))
    const { workspace } = request.exchange.caller
    if (/^[\x21-\x7e]+$/.test(workspace)) reply.header('openai-organization', workspace)
  })
  return {
    get count() {
      return open.size
    },
    empty: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    abort(reason) {
      for (const controller of open) controller.abort(reason)
    },
  }
}

/** One id under the names that both vendors' clients and tools look for (api-surface §7). */
export function setIdentity({ id }: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header('x-request-id', id)
  reply.header('mistral-correlation-id', id)
  reply.header('x-kong-request-id', id)
  reply.header('openai-version', '2020-10-01')
  reply.header('x-content-type-options', 'nosniff')
  return reply
}

/** A Host that is no host name and port is an attack or a broken proxy. HTTP/1.0 knows none. */
function refuseStrangeHost({ headers, raw }: FastifyRequest): void {
  const { host } = headers
  if (host === undefined && raw.httpVersion === '1.1') {
    throw fail('invalid_value', { param: 'Host', reason: 'HTTP/1.1 requires it' })
  }
  if (host === undefined || host === '' || /^([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?$/.test(host)) return
  throw fail('invalid_value', { param: 'Host', reason: 'it is not a host name with an optional port' })
}
