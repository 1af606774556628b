// A server with everything that counts, over a given database, and short ways to ask it.
import { createEgress } from '../../src/base/egress.ts'
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { openReader } from '../../src/database/reader.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { openMoney } from '../../src/features/budgets/open.ts'
import { keyVerifier } from '../../src/features/keys/verify.ts'
import type { Limits } from '../../src/features/limits/open.ts'
import { estimatedRecord, knownCosts } from '../../src/features/usage/estimated.ts'
import { type OpenUsage, openUsage } from '../../src/features/usage/open.ts'
import { createEchoModel } from './echo-model.ts'
import { middayClock as clock } from './midday.ts'
import { adminKey, startServer } from './server.ts'

/** The answer to a request, its body parsed where it is JSON. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body by asserting on it
  readonly body: any
}

/** The server. */
export interface AccountingServer {
  readonly url: string
  readonly usage: OpenUsage
  readonly limits: Limits
  /** Resolves when all that clients had answers of is counted and charged. */
  settled(): Promise<void>
  /** Asks as the administrator, or with another key. */
  send(method: string, path: string, body?: object, key?: string): Promise<Answer>
  stop(): Promise<void>
}

/** Starts it with the model `echo`, which takes `tokenMs` for each token. */
export async function startAccounting(
  database: Database,
  currency: 'USD' | 'EUR' = 'USD',
  tokenMs = 0,
): Promise<AccountingServer> {
  const notices = await createNotices(database)
  const reader = openReader(database)
  const log = createLog({ level: 'silent' })
  const usage = await openUsage({ database, reader, notices, currency, clock, log })
  const keys = keyVerifier(database, clock, notices)
  const acts = createActs(database, clock, notices, keys.forget)
  const egress = createEgress()
  const money = await openMoney({
    ...{ database, notices, clock, log, knownCosts, egress, currency, alerting: {}, leaseMs: 1000 },
    onEstimated: (calls) => usage.writer.write(calls.map(estimatedRecord)),
  })
  const { limits } = money
  const server = await startServer([createEchoModel({ tokenMs })], {
    ...{ clock, usage, limits, keys },
    parts: { acts, money, accounting: { ...usage, limits } },
  })
  return {
    url: server.url,
    usage,
    limits,
    async settled() {
      // A client has its answer a moment before the call is settled; the open reservation was written before the first token.
      for (let open = true; open; ) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await usage.writer.flush()
        await limits.ledger.flush()
        const rows = database.query.selectFrom('reservations').select('id').where('state', '=', 'open').limit(1)
        open = (await rows.executeTakeFirst()) !== undefined
      }
    },
    async send(method, path, body, key = adminKey) {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      const type = answer.headers.get('content-type') ?? ''
      return { status: answer.status, type, text, body: text.startsWith('{') ? JSON.parse(text) : undefined }
    },
    async stop() {
      await server.stop()
      await money.stop()
      await egress.close()
      await usage.close()
      await reader.close()
      await notices.close()
    },
  }
}
