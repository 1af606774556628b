// A server with aliases and usage over a given database, in this process: what the product wires, with light models.
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import type { Post } from '../../src/features/models/rollback-posts.ts'
import { openRouting } from '../../src/features/models/routing.ts'
import { createPriceBook } from '../../src/features/prices/book.ts'
import { createUsageWriter } from '../../src/features/usage/writer.ts'
import type { Model } from '../../src/wire/model.ts'
import { testPrice } from './limited-server.ts'
import { adminKey, type RunningServer, startServer, testKey } from './server.ts'

/** An answer with its body read. */
export interface RoutedAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
  readonly body: any
}

/** A running server with its aliases. */
export interface RoutedServer extends RunningServer {
  /** As an administrator. */
  admin(method: string, path: string, body?: object): Promise<RoutedAnswer>
  /** A chat of one word as somebody who may use models; what it says of itself goes into the body or the headers. */
  chat(model: string, body?: object, headers?: Record<string, string>): Promise<RoutedAnswer>
  /** Resolves when all usage is in the database. */
  flush(): Promise<void>
}

/** Starts one. Several of them over one PostgreSQL are nodes of one installation. */
export async function startRoutedServer(
  database: Database,
  models: readonly Model[],
  post?: Post,
): Promise<RoutedServer> {
  const log = createLog({ level: 'silent' })
  const notices = await createNotices(database, { log })
  const writer = createUsageWriter({ database, log })
  const prices = createPriceBook({ currency: 'USD' })
  prices.replace({ rows: models.map(({ card }) => testPrice(card.name)), rates: [] })
  const acts = createActs(database, systemClock, notices)
  const opened: { stop(): Promise<void> }[] = []
  const server = await startServer(models, {
    usage: { writer, prices, keepsContent: () => false },
    parts: { acts },
    async routing(parts) {
      const routing = await openRouting({
        ...{ acts, notices, clock: systemClock, ...parts },
        ...(post !== undefined && { webhooks: { post, secretOf: ({ seed }) => `whsec_${seed}` }, backoffMs: 20 }),
      })
      opened.push(routing)
      return routing
    },
  })
  const ask = async (key: string, method: string, path: string, body?: object, headers = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  return {
    ...server,
    admin: (method, path, body) => ask(adminKey, method, path, body),
    chat: (model, body = {}, headers = {}) =>
      ask(
        testKey,
        'POST',
        '/v1/chat/completions',
        { model, messages: [{ role: 'user', content: 'word' }], ...body },
        headers,
      ),
    flush: () => writer.flush(),
    async stop() {
      await server.stop()
      for (const one of opened) await one.stop()
      await writer.stop()
      await notices.close()
    },
  }
}
