// Inserts many rows of one table by statements of few shapes: their text is made once and stays prepared. Knows no table.

import { CompiledQuery, type Kysely } from 'kysely'
import type { Dialect } from './dialect.ts'
import type { Tables } from './tables.ts'

/** What is inserted. Names come from the code, never from a caller. */
export interface Insertion<Name extends keyof Tables> {
  readonly table: Name
  readonly columns: readonly (keyof Tables[Name] & string)[]
  /** The rest of the statement: `on conflict … do nothing returning …`. */
  readonly rest?: string
}

/** Rows of one statement at most; SQLite takes 32,766 values. Few rows are one statement, which is one round trip; many are powers of two. */
const largestPiece = 64
const few = 8

const texts = new Map<string, string>()

/** Inserts the rows and gives what the statements return. Building a statement of 64 rows anew takes longer than running it. */
export async function insertMany<Name extends keyof Tables, Returned = unknown>(
  query: Kysely<Tables>,
  dialect: Dialect,
  insertion: Insertion<Name>,
  rows: readonly { readonly [column: string]: unknown }[],
): Promise<readonly Returned[]> {
  const returned: Returned[] = []
  for (let from = 0; from < rows.length; ) {
    const left = rows.length - from
    const length = left <= few ? left : Math.min(largestPiece, 2 ** Math.floor(Math.log2(left)))
    const values: unknown[] = []
    for (const row of rows.slice(from, from + length)) for (const column of insertion.columns) values.push(row[column])
    const result = await query.executeQuery<Returned>(CompiledQuery.raw(textOf(dialect, insertion, length), values))
    for (const row of result.rows) returned.push(row)
    from += length
  }
  return returned
}

function textOf<Name extends keyof Tables>(
  dialect: Dialect,
  { table, columns, rest = '' }: Insertion<Name>,
  rows: number,
): string {
  const key = `${dialect.name} ${rows} ${table} ${columns.length} ${rest}`
  const known = texts.get(key)
  if (known !== undefined) return known
  let place = 0
  const mark = () => (dialect.name === 'sqlite' ? '?' : `$${++place}`)
  const lines = Array.from({ length: rows }, () => `(${columns.map(mark).join(', ')})`)
  const names = columns.map((column) => `"${column}"`).join(', ')
  const text = `insert into "${table}" (${names}) values ${lines.join(', ')} ${rest}`.trimEnd()
  texts.set(key, text)
  return text
}
