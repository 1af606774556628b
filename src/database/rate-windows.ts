// Counters of short windows: in memory where there is one node, in the database where there may be several. Knows no limit.
import { CompiledQuery } from 'kysely'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterPostgres } from 'rate-limiter-flexible'
import type { Database } from './connect.ts'

/** How a counter counts. */
export interface WindowOptions {
  /** Tells its windows from those of others. */
  readonly keyPrefix: string
  readonly points: number
  /** Seconds. */
  readonly duration: number
  /** Whether it deletes ended windows from the table that all counters share; one of them is enough. */
  readonly clearExpiredByTimeout: boolean
}

/** A counter. A database that is away throws `database_unavailable`, as everywhere. */
export function rateWindows(
  { dialect, query }: Pick<Database, 'dialect' | 'query'>,
  { clearExpiredByTimeout, ...options }: WindowOptions,
): RateLimiterAbstract {
  if (dialect.name === 'sqlite') return new RateLimiterMemory(options)
  const storeClient = {
    query: ({ text, values }: { readonly text: string; readonly values?: readonly unknown[] }) =>
      query.executeQuery(CompiledQuery.raw(text, [...(values ?? [])])),
  }
  const table = { storeClient, storeType: 'client', tableName: 'rate_windows', tableCreated: true }
  return new RateLimiterPostgres({ ...options, ...table, clearExpiredByTimeout })
}
