// A server with limits, budgets, prices and usage over a given database, in this process: what the product wires, with a light model.
import { createEgress } from '../../src/base/egress.ts'
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { type AlertSettings, openMoney } from '../../src/features/budgets/open.ts'
import type { Limits } from '../../src/features/limits/open.ts'
import { openRouting, type Routing } from '../../src/features/models/routing.ts'
import { createPriceBook } from '../../src/features/prices/book.ts'
import { type Price, perMillion } from '../../src/features/prices/price.ts'
import { estimatedRecord, knownCosts } from '../../src/features/usage/estimated.ts'
import { createUsageWriter } from '../../src/features/usage/writer.ts'
import type { Model } from '../../src/wire/model.ts'
import { middayClock as clock } from './midday.ts'
import { type RunningServer, type ServerExtras, startServer } from './server.ts'

/** A running server with its limits. */
export interface LimitedServer extends RunningServer {
  readonly limits: Limits
  /** Resolves when all that is settled so far is in the database. */
  settled(): Promise<void>
}

/** What a model's tokens cost here: 1 and 2 USD per million, so 1,000 and 2,000 nano-units each. */
export function testPrice(model: string): Price {
  return {
    id: `price of ${model}`,
    provider: 'local',
    model,
    currency: 'USD',
    from: null,
    input: perMillion(1),
    cached: perMillion(0.1),
    output: perMillion(2),
    tiers: [],
    source: 'a test',
    sourcedOn: '2026-11-26',
  }
}

/** Starts one. Several of them over one PostgreSQL are nodes of one installation. */
export async function startLimitedServer(
  database: Database,
  models: readonly Model[],
  options: {
    readonly leaseMs?: number
    /** As in LedgerParts: no limit to it where an outcome must be exact over several nodes. */
    readonly patienceMs?: number
    readonly queueLength?: number
    readonly alerting?: AlertSettings
    /** Whether operators can set aliases. */
    readonly aliases?: boolean
  } = {},
): Promise<LimitedServer> {
  const log = createLog({ level: 'silent' })
  const notices = await createNotices(database, { log })
  const writer = createUsageWriter({ database, log })
  const egress = createEgress()
  const money = await openMoney({
    ...{ database, notices, clock, log, knownCosts, egress, currency: 'USD' },
    // Longer than any machine stands still.
    leaseMs: options.leaseMs ?? 600_000,
    ...(options.patienceMs !== undefined && { patienceMs: options.patienceMs }),
    alerting: { webhookPrivate: 'allow', backoffMs: 20, ...options.alerting },
    onEstimated: (calls) => writer.write(calls.map(estimatedRecord)),
  })
  const { limits } = money
  const prices = createPriceBook({ currency: 'USD' })
  prices.replace({ rows: models.map(({ card }) => testPrice(card.name)), rates: [] })
  const usage = { writer, prices, keepsContent: () => false }
  const acts = createActs(database, clock, notices)
  let routing: Routing | undefined
  const open: ServerExtras['routing'] = async (parts) =>
    (routing = await openRouting({ acts, notices, clock, ...parts }))
  const server = await startServer(models, {
    ...{ clock, usage, limits, parts: { money, acts } },
    ...(options.aliases === true && { routing: open }),
    ...(options.queueLength !== undefined && { queueLength: options.queueLength }),
  })
  return {
    ...server,
    limits,
    async settled() {
      // A client has its answer a moment before the call is settled; the open reservation was written before the first token.
      for (let open = true; open; ) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await writer.flush()
        await limits.ledger.flush()
        const rows = database.query.selectFrom('reservations').select('id').where('state', '=', 'open').limit(1)
        open = (await rows.executeTakeFirst()) !== undefined
      }
    },
    async stop() {
      await server.stop()
      await routing?.stop()
      await money.stop()
      await egress.close()
      await writer.stop()
      await notices.close()
    },
  }
}
