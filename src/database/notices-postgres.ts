// One connection that listens on a channel of PostgreSQL, is probed, and is opened again when it breaks. Knows nothing of what is said.

import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type Pg from 'pg'
import type { Log } from '../base/log.ts'
import { connectTimeoutMs, postgresDriver } from './postgres.ts'

/** Who is told what. */
export interface ListeningEvents {
  heard(payload: string): void
  /** The connection was away and listens again: whatever was said in between is lost. */
  restored(): void
  readonly log?: Log
}

/** The connection. */
export interface Listening {
  /** Whether what is said now is heard. */
  live(): boolean
  close(): Promise<void>
}

/** A silent peer is asked this often and must answer within as long, in milliseconds: notices are promised within a second or a gap. */
const probeMs = 1_000

/** The time of an answer passes in so many pieces: a process that stood still has missed one of them, not the answer. */
const probePieces = 10

/** Pauses between attempts to connect, in milliseconds. */
const pauses = [100, 200, 400, 800, 1_600]

/** Listens; throws where the first connection fails, and from then on keeps trying by itself. */
export async function listenOnPostgres(url: string, channel: string, events: ListeningEvents): Promise<Listening> {
  const stopped = new AbortController()
  const { signal } = stopped
  let live = false
  const keep = async (first: Pg.Client) => {
    for (let client: Pg.Client | undefined = first; client !== undefined; ) {
      live = true
      await untilBroken(client, signal)
      live = false
      void client.end().catch(() => {})
      if (signal.aborted) return
      events.log?.warn('the connection that listens for notices of other nodes broke: opening it again')
      client = await reopen(url, channel, events, signal)
      if (client === undefined) return
      events.log?.info('listening for notices of other nodes again')
      events.restored()
    }
  }
  const keeping = keep(await open(url, channel, events))
  return {
    live: () => live,
    async close() {
      stopped.abort()
      await keeping
    },
  }
}

async function open(url: string, channel: string, events: ListeningEvents): Promise<Pg.Client> {
  const { pg } = postgresDriver()
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
    keepAlive: true,
    // Seen in pg_stat_activity.
    application_name: channel,
  })
  // What breaks is seen by the end of the connection or by the probe; without a listener it would end the process.
  client.on('error', () => {})
  client.on('notification', ({ payload }) => events.heard(payload ?? ''))
  try {
    await client.connect()
    await client.query(`listen ${pg.escapeIdentifier(channel)}`)
    // Says that a node is here: `load` refuses to replace the tables under it. Ends with the connection.
    await client.query('select pg_advisory_lock_shared(hashtextextended($1, 0))', [channel])
    return client
  } catch (error) {
    void client.end().catch(() => {})
    throw error
  }
}

/** Tries until it is open; undefined when told to stop. */
async function reopen(
  url: string,
  channel: string,
  events: ListeningEvents,
  signal: AbortSignal,
): Promise<Pg.Client | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await open(url, channel, events)
    } catch {
      await pause(pauses[Math.min(attempt, pauses.length - 1)] ?? probeMs, signal)
    }
  }
  return undefined
}

/** Resolves when the connection ended, does not answer a probe, or `signal` aborts. */
async function untilBroken(client: Pg.Client, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([over.signal, signal])
  client.once('end', () => over.abort())
  while (!either.aborted) {
    await pause(probeMs, either)
    if (either.aborted) break
    if (!(await answers(client, either))) over.abort()
  }
  over.abort()
}

/** Whether the peer answers a question within `probeMs` of this process's own time. */
async function answers(client: Pg.Client, signal: AbortSignal): Promise<boolean> {
  let open = true
  const answer = client.query('select 1').then(
    () => true,
    () => false,
  )
  void answer.then(() => {
    open = false
  })
  const silence = async () => {
    for (let piece = 0; open && piece < probePieces && !signal.aborted; piece++) {
      await pause(probeMs / probePieces, signal)
      // What arrived meanwhile is read before the time is looked at.
      await turn()
    }
    return false
  }
  return await Promise.race([answer, silence()])
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal }).catch(() => {})
}
