// Kysely over the thread of reader-worker.ts: starts it at the first read, ends it when a read takes too long, starts it again after. Knows no query.

import { once } from 'node:events'
import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { type Failure, fail } from '../base/errors.ts'
import { programUrl } from '../base/program-files.ts'
import type { ReaderAnswer, ReaderQuestion } from './reader-worker.ts'
import { namedSqlite } from './sqlite.ts'

/** Connections of the thread: as many reads can be open at once. They take turns, for it is one thread. */
const connections = 4

/** What one read may hold in memory, in megabytes; beyond it the thread ends and the read fails, the server goes on. */
const heapMegabytes = 512

/** Kysely's dialect for reading the file at `path`; each read may take `limitMs` milliseconds, or as long as it takes with 0. */
export function readerDialect(path: string, limitMs: number): Dialect {
  return {
    createAdapter: () => new SeveralConnections(),
    createDriver: () => new ReaderDriver(path, limitMs),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
  }
}

/** The thread has a connection for each reader, so that Kysely need not make them wait for each other. */
class SeveralConnections extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

class ReaderDriver implements Driver {
  readonly #thread: ReaderThread
  readonly #free: DatabaseConnection[]
  readonly #waiting: ((connection: DatabaseConnection) => void)[] = []

  constructor(path: string, limitMs: number) {
    this.#thread = new ReaderThread(path, limitMs)
    this.#free = Array.from({ length: connections }, (_, index) => connectionOf(this.#thread, index))
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#free.pop() ?? (await new Promise((resolve) => this.#waiting.push(resolve)))
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(connection)
    else next(connection)
  }

  /** A transaction of reads sees one state of the database from its first read on. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async destroy(): Promise<void> {
    await this.#thread.end()
  }
}

function connectionOf(thread: ReaderThread, connection: number): DatabaseConnection {
  return {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const values = parameters as SQLInputValue[]
      return { rows: (await thread.ask((id) => ({ type: 'all', id, connection, sql, values }))) as Row[] }
    },
    async *streamQuery<Row>({ sql, parameters }: CompiledQuery, size: number): AsyncIterableIterator<QueryResult<Row>> {
      const values = parameters as SQLInputValue[]
      let cursor = 0
      await thread.ask((id) => {
        cursor = id
        return { type: 'open', id, connection, sql, values }
      })
      try {
        for (;;) {
          const rows = (await thread.ask((id) => ({ type: 'next', id, cursor, rows: size }))) as Row[]
          if (rows.length > 0) yield { rows }
          if (rows.length < size) return
        }
      } finally {
        await thread.ask((id) => ({ type: 'end', id, cursor }))
      }
    },
  }
}

interface Pending {
  resolve(rows: readonly unknown[]): void
  reject(failure: Error): void
  readonly timer: NodeJS.Timeout | undefined
}

/** The thread and the questions that it owes answers to. */
class ReaderThread {
  readonly #path: string
  readonly #limitMs: number
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #asked = 0

  constructor(path: string, limitMs: number) {
    this.#path = path
    this.#limitMs = limitMs
  }

  /** The rows; throws what SQLite says, `deadline_exceeded` beyond the limit, `database_unavailable` where the thread ended. */
  ask(question: (id: number) => ReaderQuestion): Promise<readonly unknown[]> {
    const worker = this.#worker ?? this.#start()
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      // Node cannot interrupt SQLite: the thread computes its statement to the end, but nobody waits for it any more.
      const late = () => this.#abandon(worker, fail('deadline_exceeded'))
      const timer = this.#limitMs === 0 ? undefined : setTimeout(late, this.#limitMs)
      this.#pending.set(id, { resolve, reject, timer })
      // A process that waits for rows stays; one that waits for nothing ends, thread or not.
      worker.ref()
      worker.postMessage(question(id))
    })
  }

  /** Closes the connections and ends the thread; what is still being read is given up. */
  async end(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    const idle = this.#pending.size === 0
    const ended = once(worker, 'exit')
    if (idle) {
      this.#worker = undefined
      worker.ref()
      worker.postMessage('close')
    } else this.#abandon(worker, fail('database_unavailable', { reason: 'it is being closed' }))
    await ended
  }

  #start(): Worker {
    const worker = new Worker(programUrl('database/reader-worker'), {
      execArgv: [],
      workerData: { path: this.#path },
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    })
    const ended = (error: unknown) => {
      const reason = error instanceof Error ? error.message : 'the thread that reads ended'
      this.#abandon(worker, fail('database_unavailable', { reason }, error))
    }
    worker.on('message', (answer: ReaderAnswer) => this.#answered(worker, answer))
    worker.on('error', ended)
    worker.on('exit', ended)
    worker.unref()
    this.#worker = worker
    return worker
  }

  #answered(worker: Worker, answer: ReaderAnswer): void {
    const pending = this.#pending.get(answer.id)
    if (pending === undefined || worker !== this.#worker) return
    this.#pending.delete(answer.id)
    clearTimeout(pending.timer)
    if (this.#pending.size === 0) worker.unref()
    if ('rows' in answer) pending.resolve(answer.rows)
    else pending.reject(namedSqlite(Object.assign(new Error(answer.error.message), answer.error)))
  }

  /** Gives up a thread with all that was asked of it; the next question starts another. */
  #abandon(worker: Worker, failure: Failure): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    void worker.terminate()
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(failure)
    }
    this.#pending.clear()
  }
}
