// All that differs between the databases, in one place. Machines that may not know a database are handed these facts.

import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/** Which database is behind the connection, and what it can do. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /**
   * Rows can be locked one by one, and others passed over (`for update skip locked`). Without it there is one writer at a time, and the
   * statement that writes is itself the lock.
   */
  readonly rowLocks: boolean
}

/** SQLite through node:sqlite. */
export const sqlite: Dialect = { name: 'sqlite', rowLocks: false }

/** PostgreSQL 15 or later through pg. */
export const postgres: Dialect = { name: 'postgres', rowLocks: true }

/**
 * Lets no other transaction write the table until this one ends, for rules over several rows ("only where there is none"). Readers go on.
 * On SQLite a transaction begins with the only write lock there is.
 */
export async function lockTable(dialect: Dialect, transaction: Kysely<Tables>, table: keyof Tables): Promise<void> {
  if (dialect.name === 'sqlite') return
  await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(transaction)
}

/**
 * The schema that unnamed tables lie in: PostgreSQL's search path decides, and other programs may have tables of the same name in other
 * schemas. Undefined on SQLite, where a file is one schema.
 */
export async function currentSchema(dialect: Dialect, database: Kysely<Tables>): Promise<string | undefined> {
  if (dialect.name === 'sqlite') return undefined
  const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(database)
  return rows[0]?.name ?? undefined
}
