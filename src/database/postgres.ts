// Kysely over PostgreSQL 15 or later through pg. Knows no table. The operator's own url decides where it connects, so egress does not.

import { createRequire } from 'node:module'
import {
  type DatabaseIntrospector,
  type Dialect,
  type Kysely,
  PostgresDialect,
  PostgresIntrospector,
  type PostgresPoolClient,
  sql,
} from 'kysely'
import type Pg from 'pg'
import type PgCursor from 'pg-cursor'
import { type Failure, fail } from '../base/errors.ts'

/** What a pool may be. */
export interface PostgresOptions {
  /** Connections at once; a request holds one for a query or a short transaction. */
  readonly connections?: number
  /** How long one statement may run, in milliseconds; 0 sets no limit. */
  readonly statementTimeoutMs?: number
  /** Refuses every write. */
  readonly readOnly?: boolean
}

/** How long opening a connection, or waiting for a free one, may take, in milliseconds. */
export const connectTimeoutMs = 5_000

/** After the server's own limit this much is given to the network, in milliseconds; then the connection counts as dead. */
const answerAllowanceMs = 2_000

/** A statement of a request takes milliseconds; one that takes this long waits for a lock or for a server in trouble. */
const requestStatementMs = 10_000

// Loading them takes 20 ms, which no start on SQLite should pay for: they are there when the first pool is.
let loaded: { readonly pg: typeof Pg; readonly Cursor: typeof PgCursor } | undefined

/** The driver and its cursors. */
export function postgresDriver(): NonNullable<typeof loaded> {
  if (loaded !== undefined) return loaded
  const load = createRequire(import.meta.url)
  loaded = { pg: load('pg') as typeof Pg, Cursor: load('pg-cursor') as typeof PgCursor }
  return loaded
}

/** Opens a pool for `postgres://…` and gives Kysely's dialect for it. Connects at the first query. */
export function postgresDialect(url: string, options: PostgresOptions = {}): Dialect {
  const { connections = 10, statementTimeoutMs = requestStatementMs, readOnly = false } = options
  const { pg, Cursor } = postgresDriver()
  const pool = new pg.Pool({
    // Compiling a report costs more than it saves: sums of a million calls take 20 ms, and PostgreSQL's compiler 50 to 200.
    connectionString: readOnly ? withOption(url, '-c default_transaction_read_only=on -c jit=off') : url,
    application_name: 'galerne',
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    // A peer that vanished without a word is found by the kernel, also under an idle connection.
    keepAlive: true,
    // A node that stopped half-way must not hold its locks against the others.
    ...(statementTimeoutMs > 0 && {
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
    }),
    types: { getTypeParser: parserOf(pg.types) },
  })
  // A connection that breaks is replaced by the pool; without a listener it would end the process, idle or in use.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const answerMs = statementTimeoutMs > 0 ? statementTimeoutMs + answerAllowanceMs : undefined
  const dialect = new PostgresDialect({
    cursor: Cursor,
    pool: {
      options: pool.options,
      end: () => pool.end(),
      connect: async () => guard(await pool.connect().catch(rethrow), answerMs),
    },
  })
  return {
    createAdapter: () => dialect.createAdapter(),
    createDriver: () => dialect.createDriver(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: ownTables,
  }
}

/**
 * Sees the tables of our schema alone, without their columns. Kysely's own looks up every column of every schema, and fails where another
 * program drops a table at that moment (seen on 2026-11-26: `schema "…" does not exist` at a start).
 */
function ownTables(query: Kysely<unknown>): DatabaseIntrospector {
  const getTables = async () => {
    const { rows } = await sql<{ name: string; schema: string }>`
      select tablename as name, schemaname as schema from pg_catalog.pg_tables
      where schemaname = current_schema()`.execute(query)
    return rows.map((row) => ({ ...row, isView: false, isForeign: false, columns: [] }))
  }
  const getSchemas = () => new PostgresIntrospector(query).getSchemas()
  return { getSchemas, getTables }
}

/** Adds to the options that the server is started with, keeping the operator's own. */
function withOption(url: string, option: string): string {
  const target = new URL(url)
  target.searchParams.set('options', `${target.searchParams.get('options') ?? ''} ${option}`.trim())
  return target.href
}

type Sent = Parameters<Pg.PoolClient['query']>

/**
 * A connection whose errors have our names, which waits no longer than `answerMs`, and which is thrown away instead of going back to the
 * pool once it has failed to answer.
 */
function guard(client: Pg.PoolClient, answerMs: number | undefined): PostgresPoolClient {
  let dead: Failure | undefined
  const answer = async (pending: Promise<unknown>): Promise<unknown> => {
    const late = Promise.withResolvers<never>()
    const timer = answerMs && setTimeout(() => late.reject(new Error('timeout: no answer to a query')), answerMs)
    try {
      return await (answerMs === undefined ? pending : Promise.race([pending, late.promise]))
    } catch (error) {
      const named = nameOf(error)
      if (named !== undefined && sqlState(error) === undefined) dead = named
      throw named ?? error
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    query: (...sent: Sent) => {
      if (dead !== undefined) return Promise.reject(dead)
      const pending: unknown = client.query(...sent)
      if (!(pending instanceof postgresDriver().Cursor)) return answer(pending as Promise<unknown>)
      return { read: (rows: number) => answer(pending.read(rows)), close: () => pending.close() }
    },
    release: () => client.release(dead),
  } as unknown as PostgresPoolClient
}

/** Times and money are 64-bit integers in the tables; up to 2^53 a number holds them exactly, and no value of ours is larger. */
function parserOf(types: typeof Pg.types): typeof Pg.types.getTypeParser {
  return (type: number, format?: unknown) =>
    type === types.builtins.INT8
      ? (text: string) => {
          const value = Number(text)
          if (!Number.isSafeInteger(value)) throw new RangeError(`the database holds ${text}, which is no safe integer`)
          return value
        }
      : types.getTypeParser(type, format as 'text')
}

/**
 * SQLSTATE for "not now" (PostgreSQL manual, appendix A): connection, authorisation, transactions that collided or were idle, a server
 * that became read-only, resources, locks, operator intervention, system errors.
 */
const passing = /^(08|28|40|53|57|58)|^(25006|25P03|55P03)$/

/** The server's own code for what it says is wrong; undefined where it said nothing. */
function sqlState(error: unknown): string | undefined {
  return error instanceof postgresDriver().pg.DatabaseError ? error.code : undefined
}

/** The failure that an error of the connection or the server is; undefined for a fault in the statement. */
function nameOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined
  const state = sqlState(error)
  const code = 'code' in error ? String(error.code) : ''
  const silent = code === '' && /timeout|terminated|connection/i.test(error.message)
  const away = state === undefined ? silent || /^E[A-Z_]+$/.test(code) : passing.test(state)
  return away ? fail('database_unavailable', { reason: error.message || code }, error) : undefined
}

function rethrow(error: unknown): never {
  throw nameOf(error) ?? error
}
