// The real HTTP server over echo models, on a port of its own: for tests of doors, without weights.
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { createRegistry } from '../../src/features/models/registry.ts'
import { createServer } from '../../src/http/server.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Model } from '../../src/wire/model.ts'

/** The key that the server takes. */
export const echoKey = 'gal_echo_0123456789abcdef0123456789abcdef'

/** A running server. */
export interface EchoServer {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string
  /** A POST of JSON with the key. */
  post(path: string, body: unknown): Promise<Response>
  close(): Promise<void>
}

/** Starts a server over these models. */
export async function startEchoServer(models: readonly Model[]): Promise<EchoServer> {
  const clock = systemClock
  const log = createLog({ level: 'silent' })
  const metrics = createMetrics()
  const registry = createRegistry({ models, clock, log, metrics, queueLength: 64 })
  const server = await createServer({
    config: { tlsCert: undefined, tlsKey: undefined, trustProxy: [], bodyLimit: 32 * 1024 * 1024, keepAlive: 0 },
    registry,
    keys: {
      verify: async (secret) =>
        secret === echoKey ? { id: 'key_test', workspace: 'default', scope: 'use' } : undefined,
    },
    log,
    clock,
    metrics,
    version: '0.0.0',
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  const headers = { authorization: `Bearer ${echoKey}`, 'content-type': 'application/json' }
  return {
    url,
    post: (path, body) => fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
    close: () => server.close(),
  }
}
