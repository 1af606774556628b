// Traces as one thing: the store, the buffer before it, the searches beside it, and where finished calls are handed in.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Reader } from '../../database/reader.ts'
import type { FinishedCall } from '../usage/finished-call.ts'
import { traceBuffer } from './buffer.ts'
import type { SpanExporter } from './export.ts'
import { feedbackStore } from './feedback.ts'
import { phasesOf } from './phases.ts'
import { spanOfCall } from './record.ts'
import type { RedactSpans } from './redact.ts'
import { createRefusals } from './refused.ts'
import type { TraceParts } from './routes.ts'
import type { OwnedSpan } from './rows.ts'
import { traceSearch } from './search.ts'
import { traceStore } from './store.ts'

/** What traces stand on. */
export interface TraceFoundation {
  readonly database: Database
  readonly reader: Reader
  readonly clock: Clock
  readonly log: Log
  /** Whether what is said is kept, where the request asked so or not. */
  keepsContent(workspace: string, asked: boolean | undefined): boolean
  /** Blacks out what applications send; without it nothing is. */
  readonly redact?: RedactSpans
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
export function openTraces(foundation: TraceFoundation): Traces {
  const { database, reader, clock, log, keepsContent, redact, exporter } = foundation
  const store = traceStore(database)
  const buffer = traceBuffer(store, { clock, log })
  const refusals = createRefusals(clock)
  const offer = (owned: OwnedSpan) => {
    buffer.offer([owned])
    exporter?.offer([owned.span, ...phasesOf(owned.span)])
  }
  return {
    store,
    buffer,
    search: traceSearch(reader.query, database.dialect),
    reader: { query: reader.query, dialect: database.dialect },
    feedback: feedbackStore(database, clock, buffer.settled),
    keepsContent,
    ...(redact !== undefined && { redact }),
    record(call) {
      if (call.row.status !== 'ok' && call.row.class === 'interactive') refusals.remember(call.row.requestId)
      offer(spanOfCall(call))
    },
    refused(request) {
      const span = refusals.spanOf(request)
      if (span !== undefined) offer(span)
    },
    lost: () => ({ exported: exporter?.dropped() ?? 0, refusals: refusals.passedOver() }),
    async close() {
      await Promise.all([buffer.close(), exporter?.close()])
    },
  }
}
