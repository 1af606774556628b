// Which alerts of a budget were raised in its window, and whether whoever is to be told has been.
import { sql } from 'kysely'
import type { Database } from '../../database/connect.ts'
import type { JobTables } from '../../queue/table.ts'
import type { BudgetStanding } from './store.ts'

/** An alert as it stands. */
export interface RaisedAlert {
  readonly threshold: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly state: 'waiting' | 'sent' | 'failed'
  /** Why the last attempt failed, where it has not arrived. */
  readonly error: string | null
}

/** The queue's name of the work that sends alerts; its jobs are called by the alert's id and the way it is told. */
export const alertJobs = 'budget-alert'

/** The ways to tell an alert. */
export const alertWays = ['webhook', 'mail'] as const

/** One of them. */
export type AlertWay = (typeof alertWays)[number]

/** What the job that tells an alert in this way is called. */
export const jobNameOf = (alert: string, way: AlertWay): string => `${alert} ${way}`

const longestError = 300

/** Those of the window that the budget stands in, the lowest threshold first. */
export async function raisedAlerts(
  { query }: Pick<Database, 'query'>,
  { budget, opensAt }: BudgetStanding,
): Promise<readonly RaisedAlert[]> {
  const named = alertWays.map((way) => sql<string>`alert.id || ${jobNameOf('', way)}`)
  const rows = await query
    .$extendTables<JobTables>()
    .selectFrom('budget_alerts as alert')
    .leftJoin('jobs as job', (join) => join.on('job.kind', '=', alertJobs).on('job.subject', 'in', named))
    .select(['alert.id', 'alert.threshold', 'alert.at', 'job.state', 'job.error'])
    .where('alert.budget', '=', budget.id)
    .where('alert.opens_at', '=', opensAt)
    .orderBy('alert.threshold')
    .orderBy('alert.at')
    .execute()
  return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((jobs) => {
    const [first] = jobs
    return first === undefined ? [] : [{ threshold: first.threshold, at: first.at, ...standingOf(jobs) }]
  })
}

/** Sent when every way has told it. Jobs that are done may be forgotten. */
function standingOf(
  jobs: readonly { readonly state: string | null; readonly error: string | null }[],
): Pick<RaisedAlert, 'state' | 'error'> {
  const open = jobs.filter(({ state }) => state !== null && state !== 'done')
  const failed = open.find(({ state }) => state === 'failed')
  const worst = failed ?? open.find(({ error }) => error !== null) ?? open[0]
  if (worst === undefined) return { state: 'sent', error: null }
  return { state: failed === undefined ? 'waiting' : 'failed', error: worst.error?.slice(0, longestError) ?? null }
}
