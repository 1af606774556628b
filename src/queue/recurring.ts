// Runs the same work again and again, on whichever node takes the job: one waits for its turn, and those that are done go. Knows no work.

import type { Kysely } from 'kysely'
import type { Clock } from '../base/clock.ts'
import { createQueue } from './queue.ts'
import type { JobTables } from './table.ts'
import { startWorker, type Worker } from './worker.ts'

/** What is due, and how often. */
export interface RecurringParts {
  readonly query: Kysely<JobTables>
  readonly dialect: { readonly rowLocks: boolean }
  readonly clock: Clock
  readonly kind: string
  /** Milliseconds from one beginning to the next, at least; an hour. */
  readonly everyMs?: number
  /** Does the work; it may run again after a crash half-way. `signal` aborts when the worker stops. */
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly onError: (error: unknown) => void
}

const hourMs = 3_600_000

/** Runs it now, unless another node waits with it, and again from then on. */
export async function startRecurring(parts: RecurringParts): Promise<Worker> {
  const { query, dialect, clock, kind, everyMs = hourMs, run, onError } = parts
  const queue = createQueue({ query, dialect, clock })
  const schedule = async (runAt: number) => {
    if (!(await queue.isWaiting(kind))) await queue.enqueue(kind, 'all', { runAt })
  }
  await schedule(clock.now())
  return startWorker(queue, {
    kind,
    clock,
    pollMs: Math.min(60_000, everyMs),
    handle: async (_, signal) => {
      await schedule(clock.now() + everyMs)
      await run(signal)
      await queue.removeDone(kind)
    },
    onError,
  })
}
