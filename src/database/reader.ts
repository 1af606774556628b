// Heavy reads (reports, searches, exports) beside the server's own queries: on SQLite in a thread with its own connection, so that the server
// never stands still; on PostgreSQL over a small pool of their own. Knows no query.

import { Kysely } from 'kysely'
import type { Database } from './connect.ts'
import { postgresDialect } from './postgres.ts'
import { readerDialect } from './reader-thread.ts'
import { sqlitePath } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** A second, read-only way into a database. */
export interface Reader {
  /**
   * Builds and runs reads, `stream` included. A read that takes longer than `readLimitMs`, on PostgreSQL with all of its stream, ends
   * with `deadline_exceeded` or `database_unavailable`: a long export goes page by page. Writes are refused by the database itself.
   */
  readonly query: Kysely<Tables>
  close(): Promise<void>
}

/** How long one read may take, in milliseconds. */
export const readLimitMs = 60_000

/** Reads at once, on PostgreSQL. */
const connections = 3

/** Opens nothing before the first read. A `:memory:` database can only be read through its one connection, so there that is the reader. */
export function openReader({ dialect, query, url }: Database): Reader {
  if (dialect.name === 'postgres') {
    const options = { connections, statementTimeoutMs: readLimitMs, readOnly: true }
    return closing(new Kysely<Tables>({ dialect: postgresDialect(url, options) }))
  }
  const path = sqlitePath(url)
  return path === ':memory:'
    ? { query, close: async () => {} }
    : closing(new Kysely({ dialect: readerDialect(path, readLimitMs) }))
}

function closing(query: Kysely<Tables>): Reader {
  return { query, close: () => query.destroy() }
}
