// The way of usage into the database: buffered, in batches, in order, never shed. Where there is no room or no database, no call begins.

import { setImmediate as turn } from 'node:timers/promises'
import { fail } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { UsageJournal } from './journal.ts'
import type { UsageRecord } from './row.ts'
import { writeUsage } from './store.ts'

/** A place in the buffer, held from before a call begins until its row is written. */
export interface UsagePlace {
  /** Hands in the call's row. It is written soon; this never waits. */
  record(record: UsageRecord): void
  /** Gives the place back where there is no row. Does nothing after `record`. */
  free(): void
}

/** Takes usage. */
export interface UsageWriter {
  /**
   * A place for a call that is about to begin. Throws `database_unavailable` while the last write failed or the buffer is full: what
   * could not be counted is not served.
   */
  admit(): UsagePlace
  /** Writes records of calls that nobody holds a place for (a node died, say). Resolves once they are committed. */
  write(records: readonly UsageRecord[]): Promise<void>
  /** Resolves once everything handed in so far is committed; rejects where the database is away. */
  flush(): Promise<void>
  /** Rows handed in and not yet written, for /metrics. */
  waiting(): number
  /** Writes what is left and stops; throws where that fails, after one last try. */
  stop(): Promise<void>
}

/** What a writer is made of. Times are milliseconds. */
export interface WriterOptions {
  readonly database: Pick<Database, 'query' | 'dialect'>
  readonly log: Log
  /** Keeps rows over a SIGKILL until they are committed. */
  readonly journal?: UsageJournal
  /** Calls in flight and rows not yet written, together, at most; 20,000 (a row is about 1 kB). */
  readonly places?: number
  /** How long rows gather before they are written; 20. */
  readonly gatherMs?: number
  /** Pause after a write that failed; 250. */
  readonly retryMs?: number
}

/** Rows in one transaction at most: it holds SQLite's only write lock for about 10 ms. */
const largestBatch = 512

/** Starts a writer. */
export function createUsageWriter(options: WriterOptions): UsageWriter {
  const { database, log, journal, places = 20_000, gatherMs = 20, retryMs = 250 } = options
  const waiting: UsageRecord[] = []
  let held = 0
  let away: unknown
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, largestBatch)
      await writeUsage(database, batch)
      // Only now: rows of a write that failed stay first in line. A commit whose answer was lost is repeated without effect.
      waiting.splice(0, batch.length)
      journal?.keep(waiting)
      held -= batch.length
      if (away !== undefined) log.info({ waiting: waiting.length }, 'usage is written again')
      away = undefined
      // SQLite's writes never wait, so a long line of batches would let nobody else in.
      await turn()
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing ??= writeAll()
      .catch((error: unknown) => {
        if (away === undefined)
          log.error({ error, waiting: waiting.length }, 'usage cannot be written; no call is taken until it is')
        away = error
        schedule(retryMs)
        throw error
      })
      .finally(() => {
        writing = undefined
        // Rows that came in after the last batch was taken.
        if (waiting.length > 0 && away === undefined) schedule(0)
      })
    return writing
  }
  const schedule = (afterMs: number) => {
    timer ??= setTimeout(() => {
      timer = undefined
      flush().catch(() => {})
    }, afterMs)
  }
  return {
    admit() {
      if (away !== undefined) throw fail('database_unavailable', { reason: 'usage cannot be written' }, away)
      if (held >= places) throw fail('database_unavailable', { reason: 'usage is written too slowly' })
      held += 1
      return placeIn(
        (record) => {
          journal?.append(record)
          waiting.push(record)
          if (writing === undefined) schedule(waiting.length >= largestBatch ? 0 : gatherMs)
        },
        () => (held -= 1),
      )
    },
    write: (records) => writeUsage(database, records),
    async flush() {
      while (waiting.length > 0) await flush()
    },
    waiting: () => waiting.length,
    async stop() {
      try {
        while (waiting.length > 0) await flush()
        journal?.remove()
      } finally {
        clearTimeout(timer)
        timer = undefined
      }
    },
  }
}

function placeIn(take: (record: UsageRecord) => void, free: () => void): UsagePlace {
  let open = true
  return {
    record(record) {
      if (!open) return
      open = false
      take(record)
    },
    free() {
      if (open) free()
      open = false
    },
  }
}
