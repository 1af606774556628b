// Kysely over Node's own SQLite: nothing to install. Knows no table.

import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type QueryResult,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'
import { Failure, fail } from '../base/errors.ts'
import { teach } from './sqlite-functions.ts'

/** How long a write waits for another connection's write, in milliseconds. */
const busyTimeout = 5_000

/** Statements kept prepared; the product has about half as many. */
const preparedLimit = 512

/** Kysely's dialect for one file. */
export interface OpenedSqlite extends Dialect {
  /** Runs the action once the transaction that is open now has been committed; forgotten when it is rolled back. */
  afterCommit(action: () => void): void
}

/** Opens the file at `path` (made with mode 0600 where absent; `:memory:` is taken) and gives Kysely's dialect for it. */
export function sqliteDialect(path: string): OpenedSqlite {
  const database = open(path)
  const config = { database }
  const pending: (() => void)[] = []
  return {
    afterCommit: (action) => void pending.push(action),
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => new PatientDriver(config, pending),
    createQueryCompiler: () => new SqliteDialect(config).createQueryCompiler(),
    createIntrospector: (kysely) => new SqliteDialect(config).createIntrospector(kysely),
  }
}

/** The file of `sqlite:<path>` or `sqlite:///<absolute path>`; `:memory:` as it is, `''` where no path follows. */
export function sqlitePath(url: string): string {
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
  return path === ':memory:' || path === '' ? path : resolve(path)
}

function open(path: string): SqliteDatabase {
  if (path !== ':memory:') {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // SQLite would make it with the umask's mode; -wal and -shm take the mode of this file.
    closeSync(openSync(path, 'a', 0o600))
  }
  const database = new DatabaseSync(path, { timeout: busyTimeout })
  try {
    // synchronous=normal loses nothing when the process dies, and at most the last commits when power fails; 8 × the inserts of full.
    database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on')
    // 32 MB of pages, for indexes are written all over; and twice the usual 4 MB of log before it is carried over: a page that is written
    // again meanwhile is carried once. Together a third less of the processor for each row of a trace (measured).
    database.exec('pragma cache_size = -32768; pragma wal_autocheckpoint = 2000')
    // Reads the header: a file that is no database is found here, not at the first request.
    database.prepare('pragma schema_version').get()
    // From here on waiting is ours: SQLite's own would stop this thread, and with it a transaction of another connection here.
    database.exec('pragma busy_timeout = 0')
    teach(database)
  } catch (error) {
    database.close()
    throw error
  }
  return adapt(database)
}

function adapt(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>()
  const prepare = (sql: string): SqliteStatement => {
    const statement = database.prepare(sql)
    return {
      // Asked once: the engine makes an object for every column.
      reader: statement.columns().length > 0,
      all: (values) => named(() => statement.all(...inputs(values))),
      run: (values) => named(() => statement.run(...inputs(values))),
      // A cursor that is open across awaits must not share a statement.
      iterate: (values) => named(() => database.prepare(sql).iterate(...inputs(values))),
    }
  }
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = prepared.get(sql)
      if (known !== undefined) return known
      if (prepared.size >= preparedLimit) prepared.clear()
      const statement = named(() => prepare(sql))
      prepared.set(sql, statement)
      return statement
    },
  }
}

/** Kysely passes what the code gave it; the types of `tables.ts` allow only what SQLite takes. */
function inputs(values: readonly unknown[]): SQLInputValue[] {
  return values as SQLInputValue[]
}

/** SQLite's primary result codes for "not now": aborted, busy, locked, read-only, input/output error, full, cannot open. */
const passing = new Set([4, 5, 6, 8, 10, 13, 14])

function named<Result>(action: () => Result): Result {
  try {
    return action()
  } catch (error) {
    throw namedSqlite(error)
  }
}

/** `database_unavailable` for what may pass, else the error as it is. */
export function namedSqlite<Fault>(error: Fault): Fault | Failure {
  const code = sqliteCode(error)
  if (code === undefined || !passing.has(code)) return error
  return fail('database_unavailable', { reason: error instanceof Error ? error.message : String(error) }, error)
}

/** The primary result code of an error that SQLite raised (https://www.sqlite.org/rescode.html), else undefined. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

/** SQLite can roll back schema changes; Kysely's own adapter says no and would run migrations without a transaction. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** Waits for other connections without stopping the thread, and takes the write lock where a transaction begins, not half-way. */
class PatientDriver extends SqliteDriver {
  readonly #pending: (() => void)[]
  #connection: DatabaseConnection | undefined

  constructor(config: SqliteDialectConfig, pending: (() => void)[]) {
    super(config)
    this.#pending = pending
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    // There is one connection, and Kysely hands it to one query or transaction at a time.
    this.#connection ??= patient(await super.acquireConnection())
    return this.#connection
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    this.#pending.length = 0
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection)
    for (const action of this.#pending.splice(0)) action()
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    this.#pending.length = 0
    await super.rollbackTransaction(connection)
  }
}

const busy = 5

/** Pauses between attempts, in milliseconds: short at first, for most writes take less than one. */
const pauses = [1, 2, 4, 8, 16, 25]

function patient(connection: DatabaseConnection): DatabaseConnection {
  return {
    async executeQuery<Result>(query: CompiledQuery): Promise<QueryResult<Result>> {
      for (let attempt = 0, waited = 0; ; attempt++) {
        try {
          return await connection.executeQuery<Result>(query)
        } catch (error) {
          if (!(error instanceof Failure) || sqliteCode(error.cause) !== busy || waited >= busyTimeout) throw error
          const pause = pauses[Math.min(attempt, pauses.length - 1)] ?? 1
          waited += pause
          await delay(pause)
        }
      }
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  }
}
