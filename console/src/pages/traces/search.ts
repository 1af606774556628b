// The filters of the trace list as they stand in the address, and the request they make. Pure.

/** The filters. */
export interface Filters {
  readonly model?: string
  readonly status?: string
  readonly range?: 'hour' | 'day' | 'week'
  /** A search expression of one's own. */
  readonly q?: string
}

const milliseconds = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const

/** The path of a page of the list. */
export function pathOf({ range }: Filters, cursor: string | undefined, now: number): string {
  const query = new URLSearchParams({ page_size: '50' })
  // To the minute, so that the same list has the same address for a while.
  if (range !== undefined)
    query.set('from', new Date(Math.floor(now / 60_000) * 60_000 - milliseconds[range]).toISOString())
  if (cursor !== undefined) query.set('cursor', cursor)
  return `/v1/observability/traces/search?${query}`
}

/** A text as search expressions take it. */
export const quoted = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/** The search expression of the filters. */
export function expressionOf({ model, status, q }: Filters): string {
  return [
    model !== undefined && model !== '' && `model = ${quoted(model)}`,
    status !== undefined && status !== '' && `status_code = ${quoted(status)}`,
    q !== undefined && q.trim() !== '' && `(${q})`,
  ]
    .filter((part) => part !== false)
    .join(' AND ')
}
