// The thread where long reads of SQLite run, over connections of its own that cannot write. Talks to reader-thread.ts, knows no query.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { teach } from './sqlite-functions.ts'

/** What the thread is asked for. A connection is opened at its first question; a cursor is known by the question that opened it. */
export type ReaderQuestion =
  | {
      readonly type: 'all'
      readonly id: number
      readonly connection: number
      readonly sql: string
      readonly values: readonly SQLInputValue[]
    }
  | {
      readonly type: 'open'
      readonly id: number
      readonly connection: number
      readonly sql: string
      readonly values: readonly SQLInputValue[]
    }
  | { readonly type: 'next'; readonly id: number; readonly cursor: number; readonly rows: number }
  | { readonly type: 'end'; readonly id: number; readonly cursor: number }

/** What it answers. */
export type ReaderAnswer =
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly errcode?: number } }

type Rows = Iterator<unknown>

const { path } = workerData as { readonly path: string }
const connections = new Map<number, DatabaseSync>()
const cursors = new Map<number, Rows>()

function connection(id: number): DatabaseSync {
  const known = connections.get(id)
  if (known !== undefined) return known
  const opened = new DatabaseSync(path, { readOnly: true, timeout: 5_000 })
  // 64 MB of pages: a report reads the same ones again and again.
  opened.exec('pragma cache_size = -65536')
  teach(opened)
  connections.set(id, opened)
  return opened
}

function rowsOf(question: ReaderQuestion): readonly unknown[] {
  switch (question.type) {
    case 'all':
      return connection(question.connection)
        .prepare(question.sql)
        .all(...question.values)
    case 'open':
      cursors.set(
        question.id,
        connection(question.connection)
          .prepare(question.sql)
          .iterate(...question.values),
      )
      return []
    case 'next':
      return take(cursors.get(question.cursor), question.rows)
    case 'end':
      cursors.get(question.cursor)?.return?.()
      cursors.delete(question.cursor)
      return []
  }
}

/** SQLITE_ABORT: the thread that had this cursor was given up. An end of the rows in its place would cut them in silence. */
const aborted = 4

function take(cursor: Rows | undefined, count: number): readonly unknown[] {
  if (cursor === undefined) throw Object.assign(new Error('the read was given up'), { errcode: aborted })
  const rows: unknown[] = []
  while (rows.length < count) {
    const { done, value } = cursor.next()
    if (done === true) break
    rows.push(value)
  }
  return rows
}

parentPort?.on('message', (question: ReaderQuestion | 'close') => {
  if (question === 'close') {
    // A thread that is merely ended leaves its connections open, and the file is in use until the process ends.
    for (const opened of connections.values()) opened.close()
    return parentPort?.close()
  }
  let answer: ReaderAnswer
  try {
    answer = { id: question.id, rows: rowsOf(question) }
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number }
    answer = { id: question.id, error: { message, ...(errcode !== undefined && { errcode }) } }
  }
  parentPort?.postMessage(answer)
})
