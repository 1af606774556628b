// News between nodes: PostgreSQL's LISTEN/NOTIFY where there is one, within the process on SQLite, which has one process. Knows no feature.

import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Log } from '../base/log.ts'
import type { Database } from './connect.ts'
import { currentSchema } from './dialect.ts'
import { type Listening, listenOnPostgres } from './notices-postgres.ts'
import type { Tables } from './tables.ts'

/** What a listener is told: a payload, or that some may have been missed and what it keeps must be read afresh. */
export type Notice = { readonly type: 'notice'; readonly payload: string } | { readonly type: 'gap' }

/** The line to the other nodes, and to the other parts of this one. */
export interface Notices {
  /**
   * False while nothing can arrive, until the gap has been told. What a listener keeps is not to be trusted then: ask the database.
   */
  readonly live: boolean
  /**
   * Tells every listener of the channel on every node, this one too. `within` a transaction: on commit, and never where it is rolled back.
   * The payload is a short text, an id for instance; the truth stays in the tables. Throws `RangeError` beyond `longestNotice` bytes.
   */
  publish(channel: string, payload: string, options?: { readonly within?: Kysely<Tables> }): Promise<void>
  /** Returns the function that ends the subscription. A listener must not throw. */
  subscribe(channel: string, listener: (notice: Notice) => void): () => void
  close(): Promise<void>
}

/** PostgreSQL takes less than 8,000 bytes, our envelope included (its manual, NOTIFY). */
export const longestNotice = 7_000

/** Opens the line; when this resolves, nothing published from now on is missed without a gap being told. */
export async function createNotices(database: Database, { log }: { readonly log?: Log } = {}): Promise<Notices> {
  const listeners = new Map<string, Set<(notice: Notice) => void>>()
  const tell = (channel: string, notice: Notice) => {
    for (const listener of [...(listeners.get(channel) ?? [])]) listener(notice)
  }
  const gap = () => {
    for (const channel of [...listeners.keys()]) tell(channel, { type: 'gap' })
  }
  const line =
    database.dialect.name === 'sqlite'
      ? withinProcess(database, tell)
      : await betweenNodes(database, tell, { gap, ...(log !== undefined && { log }) })
  return {
    get live() {
      return line.live()
    },
    async publish(channel, payload, { within } = {}) {
      if (Buffer.byteLength(channel) + Buffer.byteLength(payload) > longestNotice) {
        throw new RangeError(`a notice of ${channel} is longer than ${longestNotice} bytes`)
      }
      await line.publish(channel, payload, within)
    },
    subscribe(channel, listener) {
      const others = listeners.get(channel) ?? new Set()
      listeners.set(channel, others.add(listener))
      return () => void others.delete(listener)
    },
    close: () => line.close(),
  }
}

/** What differs. */
interface Line {
  live(): boolean
  publish(channel: string, payload: string, within: Kysely<Tables> | undefined): Promise<void>
  close(): Promise<void>
}

type Tell = (channel: string, notice: Notice) => void

function withinProcess({ afterCommit }: Database, tell: Tell): Line {
  let closed = false
  const later = (channel: string, payload: string) =>
    setImmediate(() => {
      if (!closed) tell(channel, { type: 'notice', payload })
    })
  return {
    live: () => !closed,
    async publish(channel, payload, within) {
      if (within?.isTransaction === true) afterCommit?.(() => later(channel, payload))
      else later(channel, payload)
    },
    async close() {
      closed = true
    },
  }
}

async function betweenNodes(
  { url, dialect, query }: Database,
  tell: Tell,
  { gap, log }: { readonly gap: () => void; readonly log?: Log },
): Promise<Line> {
  const shared = sharedChannel((await currentSchema(dialect, query)) ?? '')
  const listening: Listening = await listenOnPostgres(url, shared, {
    heard(message) {
      const [channel, payload] = JSON.parse(message) as [string, string]
      tell(channel, { type: 'notice', payload })
    },
    restored: gap,
    ...(log !== undefined && { log }),
  })
  return {
    live: () => listening.live(),
    async publish(channel, payload, within) {
      await sql`select pg_notify(${shared}, ${JSON.stringify([channel, payload])})`.execute(within ?? query)
    },
    close: () => listening.close(),
  }
}

/** The one channel of all notices. PostgreSQL's belong to the database, not to the schema; ours must not reach another Galerne's. */
export function sharedChannel(schema: string): string {
  return `galerne_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
}
