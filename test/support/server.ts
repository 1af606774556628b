// Starts a real server over real sockets with given models, for tests. The key is a fixed one; lines of the log are kept.

import { type Clock, systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import type { Limits } from '../../src/features/limits/open.ts'
import { createRegistry, type Registry } from '../../src/features/models/registry.ts'
import type { openRouting, Routing } from '../../src/features/models/routing.ts'
import type { Metering, MeterTools } from '../../src/features/usage/tally.ts'
import { createServer, type ServerParts } from '../../src/http/server.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Caller, Server } from '../../src/wire/exchange.ts'
import type { Model } from '../../src/wire/model.ts'

/** The key that may use, and the one that may administer. */
export const testKey = 'test-key-00000000000000000000000000'
export const adminKey = 'admin-key-0000000000000000000000000'
/** Of another workspace than the two above. */
export const otherKey = 'other-key-0000000000000000000000000'

/** A running server. */
export interface RunningServer {
  readonly server: Server
  readonly registry: Registry
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  readonly port: number
  /** Every line of the log, parsed. */
  readonly lines: Record<string, unknown>[]
  stop(): Promise<void>
}

/** What a test may choose besides settings. */
export interface ServerExtras {
  readonly queueLength?: number
  /** Checks other keys than the two fixed ones; without it nobody has any. */
  readonly keys?: ServerParts['keys']
  /** The machine's own without it. */
  readonly clock?: Clock
  /** Where usage goes; nowhere without it. */
  readonly usage?: Metering
  /** Told of every call that is over. */
  readonly trace?: MeterTools['trace']
  /** Limits and budgets, which need usage; none without them. */
  readonly limits?: Limits
  /** Opens aliases over what the server counts into and logs to. */
  readonly routing?: (parts: Pick<Parameters<typeof openRouting>[0], 'log' | 'metrics' | 'behind'>) => Promise<Routing>
  /** More parts of the server. */
  readonly parts?: Partial<ServerParts> | ((registry: Registry) => Partial<ServerParts>)
}

/** Starts a server on any free port of the loopback. */
export async function startServer(
  models: readonly Model[],
  options: Partial<ServerParts['config']> & ServerExtras = {},
): Promise<RunningServer> {
  const { queueLength = 64, clock = systemClock, usage, trace, limits, routing: open, parts, keys, ...config } = options
  const lines: Record<string, unknown>[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => lines.push(JSON.parse(line)) } })
  const metrics = createMetrics()
  const behind = (name: string) => registry.behind(name)
  const routing = await open?.({ log, metrics, behind })
  const registry: Registry = createRegistry({
    models,
    clock,
    log,
    metrics,
    queueLength,
    ...(usage !== undefined && { usage }),
    ...(trace !== undefined && { trace }),
    ...(limits !== undefined && { limits }),
    ...(routing !== undefined && { routing }),
  })
  const callers = new Map<string, Caller>([
    [testKey, { id: 'key_use', kind: 'key', workspace: 'default', grants: [{ role: 'member', workspace: 'default' }] }],
    [otherKey, { id: 'key_other', kind: 'key', workspace: 'other', grants: [{ role: 'member', workspace: 'other' }] }],
    [adminKey, { id: 'key_admin', kind: 'key', workspace: 'default', grants: [{ role: 'owner' }] }],
  ])
  const server = await createServer({
    config: {
      bodyLimit: 33_554_432,
      fileLimit: 536_870_912,
      keepAlive: 15_000,
      trustProxy: [],
      ...config,
    } as ServerParts['config'],
    registry,
    keys: { verify: async (secret) => callers.get(secret) ?? (await keys?.verify(secret)) },
    log,
    clock,
    metrics,
    version: '0.0.0',
    ...(routing !== undefined && { routing }),
    ...(typeof parts === 'function' ? parts(registry) : parts),
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  return { server, registry, url, port: Number(new URL(url).port), lines, stop: () => server.drain.stop(0) }
}
