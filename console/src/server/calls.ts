// Which calls of models are meant, as it stands in the address of a page: the same question to the calls and to their sums. Pure.
import type { Static } from 'typebox'
import type { BudgetObject } from '../../../src/wire/limit-objects.ts'

/** What calls are narrowed to. */
export interface CallFilters {
  /** A day or time in UTC; `to` is no longer part of it. */
  readonly from?: string
  readonly to?: string
  /** Each a line where there are several. */
  readonly workspace?: string
  readonly key?: string
  readonly model?: string
  readonly class?: 'interactive' | 'batch'
  /** Id of the request that made them. */
  readonly request?: string
  /** Id of the batch that they are lines of. */
  readonly batch?: string
  readonly state?: 'failed'
  /** Without the copies that aliases send to shadows, which no budget counts. */
  readonly shadows?: 'false'
}

/** The query of a list of calls. */
export function callsQuery({ state, ...filters }: CallFilters): string {
  return queryOf({ ...filters, ...(state === 'failed' && { failed: 'true' }) })
}

/** The query of their sums. */
export function sumsQuery({ state: _, request: __, batch: ___, ...filters }: CallFilters): string {
  return queryOf({ from: '1970-01-01', ...filters, width: 'total' })
}

/** The query of a report of sums by day and group. */
export const daysQuery = (filters: CallFilters, group: string): string =>
  queryOf({ ...filters, width: 'day', group_by: group })

function queryOf(fields: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    for (const line of value?.split('\n') ?? []) query.append(name, line)
  }
  return String(query)
}

/** An address's time for a time in milliseconds since 1970. */
export const timeIn = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** The calls that a budget was spent on. */
export function callsOfBudget(
  budget: Pick<Static<typeof BudgetObject>, 'scope' | 'subject' | 'keys' | 'opens_at'>,
): CallFilters {
  const { scope, subject, keys, opens_at: opened } = budget
  const whose = scope === 'organisation' ? ({ shadows: 'false' } as const) : { [scope]: keys?.join('\n') ?? subject }
  return { from: timeIn(opened * 1_000), ...whose }
}
