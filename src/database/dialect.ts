// All that differs between the databases, in one place. Machines that may not know a database are handed these facts.

import { type Expression, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
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

/** A table of this database and its columns, in their order. Left out: views, what the database computes, and the tables of migrations. */
export interface TableShape {
  readonly name: string
  readonly columns: readonly string[]
}

/** A table with what its columns are for. */
export interface DescribedTable extends TableShape {
  /** Those of its primary key; all where it has none. */
  readonly key: readonly string[]
  /** Those that hold text. */
  readonly texts: readonly string[]
}

/** The tables that hold what a copy must hold, by name. */
export async function listTables(dialect: Dialect, database: Kysely<Tables>): Promise<readonly DescribedTable[]> {
  interface Column {
    readonly name: string
    readonly column: string
    readonly is_text: number
    readonly in_key: number
  }
  const listed =
    dialect.name === 'sqlite'
      ? sql<Column>`select t.name, c.name as "column", lower(c.type) = 'text' as is_text, c.pk > 0 as in_key
          from pragma_table_list t join pragma_table_xinfo(t.name) c
          where t.schema = 'main' and t.type = 'table' and c.hidden = 0 and t.name not like 'sqlite\\_%' escape '\\'
          order by t.name, c.cid`
      : sql<Column>`select t.table_name as name, c.column_name as "column",
            case when c.data_type = 'text' then 1 else 0 end as is_text,
            (select count(*)::int from pg_index i
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
              where i.indrelid = format('%I.%I', t.table_schema, t.table_name)::regclass
                and i.indisprimary and a.attname = c.column_name) as in_key
          from information_schema.tables t
          join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
          where t.table_schema = current_schema() and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
          order by t.table_name, c.ordinal_position`
  const { rows } = await listed.execute(database)
  const tables = Map.groupBy(rows, ({ name }) => name)
  return [...tables]
    .filter(([name]) => !name.startsWith('kysely_migration'))
    .map(([name, found]) => {
      const columns = found.map(({ column }) => column)
      const key = found.filter(({ in_key }) => in_key > 0).map(({ column }) => column)
      const texts = found.filter(({ is_text }) => is_text > 0).map(({ column }) => column)
      return { name, columns, key: key.length > 0 ? key : columns, texts }
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Lets SQLite count its rows again, so that it chooses indexes by what there is; some milliseconds. PostgreSQL does so by itself. */
export async function refreshStatistics(dialect: Dialect, database: Kysely<Tables>): Promise<void> {
  // https://www.sqlite.org/pragma.html#pragma_optimize: every table, a sample of each.
  if (dialect.name === 'sqlite') await sql`pragma optimize = 0x10002`.execute(database)
}

/** Locks the rows that a query reads until the transaction ends; on SQLite the transaction itself is the lock. */
export function forUpdate<Query extends { forUpdate(): Query }>(dialect: Dialect, query: Query): Query {
  return dialect.rowLocks ? query.forUpdate() : query
}

/** One member of a JSON object in a text column, as text; null where it is not there. */
export function jsonText(dialect: Dialect, column: Expression<unknown>, key: string): RawBuilder<string | null> {
  return dialect.name === 'sqlite'
    ? sql`cast(json_extract(${column}, ${`$."${key.replaceAll('"', '')}"`}) as text)`
    : sql`(${column}::jsonb ->> ${key})`
}

/** Whether a text fits a LIKE pattern, capital or small. */
export function likeAnyCase(dialect: Dialect, column: Expression<unknown>, pattern: string): RawBuilder<SqlBool> {
  return dialect.name === 'sqlite'
    ? sql`lower(${column}) like lower(${pattern})`
    : sql`${column}::text ilike ${pattern}`
}

/** Whether a regular expression occurs in a text. The pattern must be checked before: SQLite's connection runs it in linear time. */
export function matches(dialect: Dialect, column: Expression<unknown>, pattern: string): RawBuilder<SqlBool> {
  return dialect.name === 'sqlite' ? sql`${column} regexp ${pattern}` : sql`${column}::text ~ ${pattern}`
}

/** The beginning of the month (UTC) that a time lies in; both in microseconds since 1970. */
export function monthStart(dialect: Dialect, at: Expression<number>): RawBuilder<number> {
  return dialect.name === 'sqlite'
    ? sql`(strftime('%s', ${at} / 1000000, 'unixepoch', 'start of month') * 1000000)`
    : sql`(extract(epoch from date_trunc('month', to_timestamp(${at} / 1000000.0) at time zone 'UTC'))::bigint * 1000000)`
}

/**
 * Whether a statement failed for what it says, so that it fails again however often it is tried: data that a column cannot hold, or a
 * constraint (SQLSTATE classes 22 and 23; SQLite's result codes for too big, constraint and mismatch).
 */
export function isRefusedForGood(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const [code, result] = [Reflect.get(error, 'code') as unknown, Reflect.get(error, 'errcode') as unknown]
  if (typeof result === 'number') return [18, 19, 20].includes(result & 0xff)
  return error instanceof RangeError || (typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code))
}
