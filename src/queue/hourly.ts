// Work that is due once an hour, on whichever node takes the job. Knows no work.

import type { Kysely } from 'kysely'
import type { Clock } from '../base/clock.ts'
import { createQueue } from './queue.ts'
import type { JobTables } from './table.ts'
import { startWorker, type Worker } from './worker.ts'

const hourMs = 3_600_000

/** What is due. */
export interface HourlyParts {
  readonly query: Kysely<JobTables>
  readonly dialect: { readonly rowLocks: boolean }
  readonly clock: Clock
  readonly kind: string
  /** Does the work; it may run again after a crash half-way. `signal` aborts when the worker stops. */
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly onError: (error: unknown) => void
}

/** Runs it now, where nobody has lately, and every hour from then on. */
export async function startHourly({ query, dialect, clock, kind, run, onError }: HourlyParts): Promise<Worker> {
  const queue = createQueue({ query, dialect, clock })
  const schedule = async (runAt: number) => {
    const ready = query.selectFrom('jobs').select('id').where('kind', '=', kind).where('state', '=', 'ready')
    if ((await ready.executeTakeFirst()) === undefined) await queue.enqueue(kind, 'all', { runAt })
  }
  await schedule(clock.now())
  return startWorker(queue, {
    kind,
    clock,
    pollMs: 60_000,
    handle: async (_, signal) => {
      await schedule(clock.now() + hourMs)
      await run(signal)
    },
    onError,
  })
}
