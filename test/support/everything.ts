// Reads every table of a database, whatever there is, for tests of what must not be stored.
import { sql } from 'kysely'
import type { Database } from '../../src/database/connect.ts'
import { listTables } from '../../src/database/dialect.ts'

/** Every row, by the name of its table, as JSON. */
export async function readEverything({ dialect, query }: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const tables = new Map<string, readonly string[]>()
  for (const { name } of await listTables(dialect, query)) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(query)
    tables.set(
      name,
      rows.map((row) => JSON.stringify(row)),
    )
  }
  return tables
}

/** Names of the tables that mention one of the words, each with the first row that does. */
export async function mentionsOf(database: Database, words: readonly string[]): Promise<readonly string[]> {
  const tables = await readEverything(database)
  return [...tables].flatMap(([name, rows]) => {
    const found = rows.find((row) => words.some((word) => row.toLowerCase().includes(word.toLowerCase())))
    return found === undefined ? [] : [`${name}: ${found}`]
  })
}
