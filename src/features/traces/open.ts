// Traces as one thing: the store, the buffer before it, the searches beside it, and where finished calls are handed in.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Reader } from '../../database/reader.ts'
import type { FinishedCall } from '../usage/finished-call.ts'
import { traceBuffer } from './buffer.ts'
import type { SpanExporter } from './export.ts'
import { feedbackStore } from './feedback.ts'
import { spansOfCall } from './record.ts'
import type { TraceParts } from './routes.ts'
import { traceSearch } from './search.ts'
import { traceStore } from './store.ts'

/** What traces stand on. */
export interface TraceFoundation {
  readonly database: Database
  readonly reader: Reader
  readonly clock: Clock
  readonly log: Log
  /** Whether the workspace asks that what is said is kept. */
  keepsContent(workspace: string): boolean
  /** Hands this server's spans on as well. */
  readonly exporter?: SpanExporter
}

/** Open traces. */
export interface Traces extends TraceParts {
  /** Takes a call that is over. Never waits, never throws. */
  record(call: FinishedCall): void
  /** Writes what waits. */
  close(): Promise<void>
}

/** Opens them over a database. */
export function openTraces({ database, reader, clock, log, keepsContent, exporter }: TraceFoundation): Traces {
  const store = traceStore(database)
  const buffer = traceBuffer(store, { log })
  return {
    store,
    buffer,
    search: traceSearch(reader.query, database.dialect),
    reader: { query: reader.query, dialect: database.dialect },
    feedback: feedbackStore(database, clock, buffer.settled),
    keepsContent,
    record(call) {
      const spans = spansOfCall(call)
      buffer.offer(spans)
      exporter?.offer(spans.map(({ span }) => span))
    },
    async close() {
      await Promise.all([buffer.close(), exporter?.close()])
    },
  }
}
