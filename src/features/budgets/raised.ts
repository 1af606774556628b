// Which alerts of a budget were raised in its window, and whether whoever is to be told has been.
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

/** The queue's name of the work that sends alerts. */
export const alertJobs = 'budget-alert'

const longestError = 300

/** Those of the window that the budget stands in, the lowest threshold first. */
export async function raisedAlerts(
  { query }: Pick<Database, 'query'>,
  { budget, opensAt }: BudgetStanding,
): Promise<readonly RaisedAlert[]> {
  const rows = await query
    .$extendTables<JobTables>()
    .selectFrom('budget_alerts as alert')
    .leftJoin('jobs as job', (join) => join.onRef('job.subject', '=', 'alert.id').on('job.kind', '=', alertJobs))
    .select(['alert.threshold', 'alert.at', 'job.state', 'job.error'])
    .where('alert.budget', '=', budget.id)
    .where('alert.opens_at', '=', opensAt)
    .orderBy('alert.threshold')
    .orderBy('alert.at')
    .execute()
  return rows.map(({ threshold, at, state, error }) => {
    // Jobs that are done may be forgotten.
    const sent = state === null || state === 'done'
    return {
      ...{ threshold, at, state: sent ? 'sent' : state === 'failed' ? 'failed' : 'waiting' },
      error: sent ? null : (error?.slice(0, longestError) ?? null),
    }
  })
}
