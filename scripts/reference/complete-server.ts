// A server with every part that it can have, in this process: its routes and schemas are those of the product. For the reference pages, and
// for tests that reach everything: who may call what, what is stored of a person, where secrets lie.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/base/config.ts'
import { createEgress } from '../../src/base/egress.ts'
import { createLog, type Log } from '../../src/base/log.ts'
import { version } from '../../src/base/version.ts'
import { connect, type Database } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { openReader } from '../../src/database/reader.ts'
import { startPool } from '../../src/engine/pool.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { openBatches } from '../../src/features/batches/batches.ts'
import { openMoney } from '../../src/features/budgets/open.ts'
import { openFiles } from '../../src/features/files/open.ts'
import { keyVerifier } from '../../src/features/keys/verify.ts'
import type { MailInvite } from '../../src/features/members/invite-mail.ts'
import { type LocalModels, localModels } from '../../src/features/models/local-models.ts'
import { openPlaces } from '../../src/features/models/place-book.ts'
import { Pulls } from '../../src/features/models/pull-jobs.ts'
import { createRegistry, type Registry } from '../../src/features/models/registry.ts'
import { openRouting } from '../../src/features/models/routing.ts'
import { servedAdapters } from '../../src/features/models/served-adapters.ts'
import { ownFigures } from '../../src/features/organisation/figures.ts'
import { openPrompts } from '../../src/features/prompts/open.ts'
import { createOidc } from '../../src/features/sessions/oidc.ts'
import { openTraces } from '../../src/features/traces/open.ts'
import { openUsage } from '../../src/features/usage/open.ts'
import { createServer, type ServerParts } from '../../src/http/server.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Server } from '../../src/wire/exchange.ts'
import type { Model, ModelCard } from '../../src/wire/model.ts'

/** The server, ready to be asked, and what it stands on. */
export interface CompleteServer {
  readonly server: Server
  readonly database: Database
  /** Where its files lie. */
  readonly home: string
  /** Resolves when all that clients had answers of is counted, charged and traced. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** What a test may choose. */
export interface CompleteOptions {
  /** Stays open afterwards; without it an empty one. */
  readonly database?: Database
  readonly models?: readonly Model[]
  readonly log?: Log
  readonly mailInvite?: MailInvite
}

/** Opens it. */
export async function openCompleteServer(given: CompleteOptions = {}): Promise<CompleteServer> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-complete-'))
  const { config } = loadConfig({ environment: {}, flags: { home: folder }, folder: import.meta.dirname })
  const log = given.log ?? createLog({ level: 'silent' })
  const [clock, metrics, egress] = [systemClock, createMetrics(), createEgress()]
  const database = given.database ?? (await connect(`sqlite:${join(folder, 'galerne.sqlite')}`))
  const files = await openFiles({ config, database, environment: {}, clock, log })
  const reader = openReader(database)
  const prompts = openPrompts(database, clock)
  const notices = await createNotices(database)
  const { currency } = config
  const usage = await openUsage({ database, reader, notices, currency, clock, log })
  const money = await openMoney({ ...{ database, notices, clock, log, egress, currency }, alerting: config })
  const { limits } = money
  const { keepsContent } = usage
  const traces = openTraces({ database, reader, clock, log, keepsContent })
  const keys = keyVerifier(database, clock, notices)
  const acts = createActs(database, clock, notices, keys.forget)
  const behind = (name: string): ModelCard | undefined => registry.behind(name)
  const routing = await openRouting({ acts, notices, clock, log, metrics, behind })
  const registry: Registry = createRegistry({
    ...{ models: given.models ?? [], clock, log, metrics, queueLength: 64 },
    ...{ usage, limits, routing, trace: traces.record },
  })
  const batches = openBatches({
    ...{ database, files: files.files, registry, clock, log },
    ...{ usageKept: () => usage.writer.flush(), graceMs: 0 },
  })
  batches.start()
  // Required: a part that is added to the server and not here does not compile, so none of its routes can be forgotten.
  const parts: Required<ServerParts> = {
    ...{ config, registry, files, batches, traces, prompts, money, keys, log, clock, metrics, version },
    accounting: { ...usage, limits },
    ...{ acts, routing },
    local: { models: await noModels(registry), home: folder, devices: async () => [processor] },
    // Never asked to pull, and nobody signs in there.
    pulls: new Pulls({ pulling: () => Promise.reject(new Error('no pulls')), log }),
    oidc: { oidc: createOidc({ issuer: 'https://example.org', clientId: 'none' }, { egress, clock }), domains: [] },
    figures: ownFigures({
      query: reader.query,
      limits,
      models: (caller) => registry.list(caller).map(({ name }) => name),
      clock,
    }),
    mailInvite: given.mailInvite ?? (async () => false),
    engines: () => [],
  }
  const server = await createServer(parts)
  await server.ready()
  return {
    ...{ server, database, home: folder },
    async settled() {
      // A client has its answer a moment before the call is settled; the open reservation was written before the first token.
      for (let open = true; open; ) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await Promise.all([usage.writer.flush(), limits.ledger.flush(), traces.buffer.settled()])
        const rows = database.query.selectFrom('reservations').select('id').where('state', '=', 'open').limit(1)
        open = (await rows.executeTakeFirst()) !== undefined
      }
    },
    async close() {
      await server.close()
      for (const part of [batches, files, traces]) await ('stop' in part ? part.stop() : part.close())
      await Promise.all([money.stop(), usage.close(), prompts.close(), routing.stop()])
      await Promise.all([notices.close(), reader.close(), egress.close()])
      if (given.database === undefined) await database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A machine of its own, so that the pages say the same everywhere. */
const processor = { name: 'processor', kind: 'cpu', availableBytes: 8 * 2 ** 30 } as const

/** The routes of local models, over none. */
async function noModels(registry: Registry): Promise<LocalModels> {
  const log = createLog({ level: 'silent' })
  const pool = await startPool({ models: [], log })
  const adapters = servedAdapters({ aliases: () => [], pool, registry, home: '/', log })
  return localModels({
    ...{ pool, registry, home: '/', hubCache: undefined, catalogue: undefined, clock: systemClock, engine: {} },
    ...{ places: openPlaces('/', log), aliases: () => [], log, adapters },
  })
}
