// Starts a real server over a real database with the owner's key, for tests of who may do what. Lines of the log are kept.
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { type Acts, createActs } from '../../src/features/audit/acts.ts'
import { createKey, type NewKey } from '../../src/features/keys/create.ts'
import { keyVerifier } from '../../src/features/keys/verify.ts'
import { createRegistry } from '../../src/features/models/registry.ts'
import { createServer, type ServerParts } from '../../src/http/server.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Server } from '../../src/wire/exchange.ts'
import type { Model } from '../../src/wire/model.ts'

/** A running server with its organisation. */
export interface RunningOrganisation {
  readonly server: Server
  readonly url: string
  readonly acts: Acts
  /** The owner's key. */
  readonly owner: string
  /** Everything logged so far. */
  log(): string
  /** Makes a key past the API. */
  key(wanted?: Partial<NewKey>): Promise<{ readonly id: string; readonly secret: string }>
  /** A call with a key, or none. */
  call(
    secret: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  stop(): Promise<void>
}

/** An answer with its body read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
  readonly body: any
}

const actor = { kind: 'system', id: 'test' } as const

/** Starts it on any free port of the loopback. */
export async function startOrganisation(
  database: Database,
  options: {
    readonly models?: readonly Model[]
    readonly config?: Partial<ServerParts['config']>
    readonly oidc?: NonNullable<ServerParts['oidc']>
  } = {},
): Promise<RunningOrganisation> {
  const lines: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => lines.push(line) } })
  const metrics = createMetrics()
  const notices = await createNotices(database, { log })
  const keys = keyVerifier(database, systemClock, notices)
  const acts = createActs(database, systemClock, notices, keys.forget)
  const { models = [], config, oidc } = options
  const server = await createServer({
    config: { bodyLimit: 1_048_576, keepAlive: 0, trustProxy: [], ...config } as ServerParts['config'],
    registry: createRegistry({ models, clock: systemClock, log, metrics, queueLength: 64 }),
    keys,
    acts,
    ...(oidc !== undefined && { oidc }),
    log,
    clock: systemClock,
    metrics,
    version: '0.0.0',
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  const key = async (wanted: Partial<NewKey> = {}) => {
    const created = await createKey(acts, actor, { name: 'test', role: 'member', ...wanted })
    return { id: created.key.id, secret: created.secret }
  }
  const { secret: owner } = await key({ role: 'owner', reach: 'organisation' })
  return {
    ...{ server, url, acts, owner, key, log: () => lines.join('') },
    call: (secret, method, path, body, headers) => call(url, secret, method, path, body, headers),
    async stop() {
      await server.drain.stop(0)
      await notices.close()
    },
  }
}

async function call(
  url: string,
  secret: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = /^application\/json\b/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: json && text !== '' ? JSON.parse(text) : undefined,
  }
}
