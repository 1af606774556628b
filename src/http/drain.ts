// Stops the server without breaking answers: new calls are refused, open ones get time, then they end with an error they can read.
import type { FastifyInstance } from 'fastify'
import { fail } from '../base/errors.ts'
import type { OpenExchanges } from './exchanges.ts'

/** Whether the server is going away, and how to make it. */
export interface Drain {
  readonly stopping: boolean
  /** Refuses new calls, waits up to `timeout` milliseconds for open ones, ends the rest with `server_stopping`, closes. */
  stop(timeout: number): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    drain: Drain
  }
}

// For the error frames to reach their clients before the sockets are closed.
const lastWords = 2000

/** Adds the refusal of new calls, and `server.drain`. */
export function addDrain(server: FastifyInstance, exchanges: OpenExchanges): Drain {
  let stopped: Promise<void> | undefined
  server.addHook('onRequest', async (request, reply) => {
    if (stopped === undefined || request.routeOptions.config?.whileStopping === true) return
    // Otherwise the client would send its next request to a socket that is about to close.
    reply.header('connection', 'close')
    throw fail('server_stopping')
  })
  const stop = async (timeout: number) => {
    await atMost(timeout, exchanges.empty())
    if (exchanges.count > 0) {
      exchanges.abort(fail('server_stopping'))
      await atMost(lastWords, exchanges.empty())
    }
    server.server.closeAllConnections()
    await server.close()
  }
  const drain: Drain = {
    get stopping() {
      return stopped !== undefined
    },
    stop(timeout) {
      stopped ??= stop(timeout)
      return stopped
    },
  }
  server.decorate('drain', drain)
  return drain
}

async function atMost(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
