// Deletes traces, and what was said in them, when their workspace has kept them long enough: once an hour, on one node.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import { refreshStatistics } from '../../database/dialect.ts'
import { startRecurring } from '../../queue/recurring.ts'
import type { JobTables } from '../../queue/table.ts'
import type { Worker } from '../../queue/worker.ts'
import type { SettingsBook, UsageSettings } from '../usage/settings.ts'
import type { TraceStore } from './store.ts'

const dayMicroseconds = 86_400_000_000

/** Traces of one transaction: with their spans they hold SQLite's only write lock for some milliseconds. */
const piece = 100

/** What was deleted. */
export interface DeletedTraces {
  readonly traces: number
  readonly contents: number
}

/** Deletes what is older than its workspace's rules allow. `now`: milliseconds since 1970. */
export async function deleteOldTraces(
  store: Pick<TraceStore, 'removeTraces' | 'removeContents'>,
  settings: ReadonlyMap<string, Pick<UsageSettings, 'traceDays' | 'contentDays'>>,
  now: number,
  signal?: AbortSignal,
): Promise<DeletedTraces> {
  const repeat = async (remove: (before: number) => Promise<number>, days: number | null) => {
    if (days === null) return 0
    const before = now * 1_000 - days * dayMicroseconds
    let deleted = 0
    for (let count = piece; count >= piece && signal?.aborted !== true; deleted += count) {
      count = await remove(before)
      // SQLite's writes never wait: others must get a turn.
      await turn()
    }
    return deleted
  }
  const deleted = { traces: 0, contents: 0 }
  for (const [workspace, { traceDays, contentDays }] of settings) {
    deleted.contents += await repeat((before) => store.removeContents(workspace, before, piece), contentDays)
    deleted.traces += await repeat((before) => store.removeTraces(workspace, before, piece), traceDays)
  }
  return deleted
}

/** Runs the deletion every hour. */
export async function startTraceRetention(parts: {
  readonly database: Pick<Database, 'query' | 'dialect'>
  readonly store: TraceStore
  readonly settings: Pick<SettingsBook, 'all'>
  readonly clock: Clock
  readonly log: Log
}): Promise<Worker> {
  const { database, store, settings, clock, log } = parts
  return await startRecurring({
    ...{ query: database.query.$extendTables<JobTables>().$pickTables<'jobs'>(), dialect: database.dialect, clock },
    kind: 'trace-retention',
    run: async (signal) => {
      const deleted = await deleteOldTraces(store, settings.all(), clock.now(), signal)
      if (deleted.traces + deleted.contents > 0) log.info(deleted, 'old traces deleted')
      await refreshStatistics(database.dialect, database.query)
    },
    onError: (error) => log.warn({ error }, 'old traces could not be deleted; it is tried again'),
  })
}
