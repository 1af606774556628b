// A usage report as the rows of a chart: a day each, with a value for each group. Pure.
import type { Static } from 'typebox'
import type { UsageObject } from '../../../../src/wire/usage-report.ts'

/** What can be drawn. */
export type Measure = 'cost' | 'tokens' | 'requests'

/** One span and group as the API answers it. */
export type UsageEntry = Static<typeof UsageObject> & { readonly [group: string]: unknown }

/** A chart. */
export interface Chart {
  /** The largest groups, the largest first; smaller ones are together in the last. */
  readonly groups: readonly string[]
  /** What the last one holds, a line each; empty where there is none. */
  readonly rest: string
  /** Every day from the first to the last, also those on which nothing was used. */
  readonly days: readonly { readonly day: string; readonly values: Readonly<Record<string, number>> }[]
}

const mostGroups = 6
/** Groups that have no colour of their own. */
export const others = '…'

const oneDay = 86_400_000

/** The chart of a report; `span` is its first day and its last. */
export function chartOf(
  entries: readonly UsageEntry[],
  group: string,
  measure: Measure,
  span: { readonly first: number; readonly last: number },
): Chart {
  const totals = new Map<string, number>()
  for (const entry of entries)
    totals.set(groupOf(entry, group), (totals.get(groupOf(entry, group)) ?? 0) + amountOf(entry, measure))
  const ordered = [...totals].sort((one, other) => other[1] - one[1]).map(([name]) => name)
  const shown = ordered.length > mostGroups ? ordered.slice(0, mostGroups - 1) : ordered
  const days = new Map<string, Record<string, number>>()
  for (let day = span.first; day <= span.last; day += oneDay) days.set(new Date(day).toISOString(), {})
  for (const entry of entries) {
    const day = entry.start ?? ''
    const name = shown.includes(groupOf(entry, group)) ? groupOf(entry, group) : others
    const values = days.get(day) ?? {}
    values[name] = (values[name] ?? 0) + amountOf(entry, measure)
    days.set(day, values)
  }
  return {
    groups: shown.length < ordered.length ? [...shown, others] : shown,
    rest: ordered.slice(shown.length).join('\n'),
    days: [...days].sort(([one], [other]) => (one < other ? -1 : 1)).map(([day, values]) => ({ day, values })),
  }
}

function groupOf(entry: UsageEntry, group: string): string {
  const name = entry[group]
  return typeof name === 'string' ? name : ''
}

/** Money in whole units: a chart needs no nano-units. */
function amountOf(entry: UsageEntry, measure: Measure): number {
  if (measure === 'cost') return entry.cost_nano / 1e9
  return measure === 'requests' ? entry.requests : entry.prompt_tokens + entry.completion_tokens
}
