// Kysely over PostgreSQL 15 or later through pg. Knows no table. The operator's own url decides where it connects, so egress does not.

import { type Dialect, PostgresDialect, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { type Failure, fail } from '../base/errors.ts'

/** Connections at once; a request holds one for a query or a short transaction. */
const connections = 10

/** How long opening a connection may take, in milliseconds. */
export const connectTimeoutMs = 5_000

/** Opens a pool for `postgres://…` and gives Kysely's dialect for it. Connects at the first query. */
export function postgresDialect(url: string): Dialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    types: { getTypeParser },
  })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {})
  return new PostgresDialect({
    pool: {
      options: pool.options,
      end: () => pool.end(),
      connect: async () => {
        const client = await pool.connect().catch(rethrow)
        return {
          query: (...parameters: Parameters<typeof client.query>) =>
            (client.query(...parameters) as unknown as Promise<unknown>).catch(rethrow),
          release: () => client.release(),
        } as unknown as PostgresPoolClient
      },
    },
  })
}

/** Times and money are 64-bit integers in the tables; up to 2^53 a number holds them exactly, and no value of ours is larger. */
const getTypeParser: typeof pg.types.getTypeParser = (type: number, format?: unknown) =>
  type === pg.types.builtins.INT8
    ? (text: string) => {
        const value = Number(text)
        if (!Number.isSafeInteger(value)) throw new RangeError(`the database holds ${text}, which is no safe integer`)
        return value
      }
    : pg.types.getTypeParser(type, format as 'text')

/** Classes of SQLSTATE for "not now": connection, resources, operator intervention (PostgreSQL manual, appendix A). */
const passing = /^(08|53|57)|^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_)/

function rethrow(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const silent = error instanceof Error && /timeout|terminated|Connection/.test(error.message) && code === ''
  throw passing.test(code) || silent ? unavailable(error as Error) : error
}

function unavailable(error: Error): Failure {
  return fail('database_unavailable', { reason: error.message || String(Reflect.get(error, 'code')) }, error)
}
