// Puts a word in the place of names that are unique, wherever a table mentions them. Knows no table by name but the audit log's, which is a chain.
import { setImmediate as turn } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { likeAnyCase, listTables } from '../../database/dialect.ts'
import type { Tables } from '../../database/tables.ts'
import type { Places } from './forget-calls.ts'

/** What stands where somebody was named. */
const nobody = 'removed'

/** Its entries hold pseudonyms, and are bound by hashes. */
const chain = 'audit_log'

/** Rows of one transaction. */
const piece = 100

/** Finds the names in a text, whole, whatever the case. */
export async function patternOf(query: Kysely<Tables>, names: readonly string[]): Promise<RegExp> {
  const addresses = await addressesOf(query)
  return new RegExp(names.map((name) => whole(name, addresses)).join('|'), 'giu')
}

/** How many rows named them. */
export async function forgetMentions({ database, search }: Places, names: readonly string[]): Promise<number> {
  const { query, dialect } = database
  const pattern = await patternOf(query, names)
  let mentions = 0
  for (const { name: table, key, texts } of await listTables(dialect, query)) {
    if (table === chain || texts.length === 0) continue
    const named = texts.flatMap((column) => names.map((name) => likeAnyCase(dialect, sql.ref(column), `%${name}%`)))
    const { rows } = await sql<Record<string, unknown>>`
      select ${columns(key)} from ${sql.table(table)} where ${sql.join(named, sql` or `)}`.execute(search)
    for (let from = 0; from < rows.length; from += piece) {
      const some = rows.slice(from, from + piece)
      await query.transaction().execute(async (transaction) => {
        for (const row of some) mentions += await rewrite(transaction, { table, key, texts }, row, pattern)
      })
      await turn()
    }
  }
  return mentions
}

/** Addresses of who is here or invited. */
async function addressesOf(query: Kysely<Tables>): Promise<readonly string[]> {
  const people = await query.selectFrom('users').select('email').execute()
  const invited = await query.selectFrom('invites').select('email').execute()
  return [...people, ...invited].map(({ email }) => email)
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/**
 * The name as a pattern that does not find it inside a longer one: ann@example.org is not in joann@example.org, nor in the address
 * ann@example.org.uk of somebody else; but it is in the file's name ann@example.org.csv.
 */
function whole(name: string, addresses: readonly string[]): string {
  if (!name.includes('@')) return `(?<![\\p{L}\\p{N}_])${escaped(name)}(?![\\p{L}\\p{N}_])`
  const longer = addresses.filter((address) => address.startsWith(`${name.toLowerCase()}.`))
  const endings = longer.map((address) => `|${escaped(address.slice(name.length))}`).join('')
  return `(?<![\\p{L}\\p{N}._%+'-])${escaped(name)}(?![\\p{L}\\p{N}_-]${endings})`
}

const columns = (names: readonly string[]) => sql.join(names.map((name) => sql.ref(name)))

/** One row without the names; one that is named by them goes. 1 where it was there. */
async function rewrite(
  transaction: Kysely<Tables>,
  { table, key, texts }: { readonly table: string; readonly key: readonly string[]; readonly texts: readonly string[] },
  found: Readonly<Record<string, unknown>>,
  pattern: RegExp,
): Promise<number> {
  const here = sql.join(
    key.map((column) => sql`${sql.ref(column)} = ${found[column]}`),
    sql` and `,
  )
  const { rows } = await sql<Record<string, unknown>>`
    select ${columns(texts)} from ${sql.table(table)} where ${here}`.execute(transaction)
  const [row] = rows
  if (row === undefined) return 0
  if (key.some((column) => typeof found[column] === 'string' && found[column].search(pattern) >= 0)) {
    await sql`delete from ${sql.table(table)} where ${here}`.execute(transaction)
    return 1
  }
  const changes = texts.flatMap((column) => {
    const text = row[column]
    const changed = typeof text === 'string' ? text.replaceAll(pattern, nobody) : text
    return changed === text ? [] : [sql`${sql.ref(column)} = ${changed}`]
  })
  // The database's search takes more for equal than ours: `_` stands for any character, and a longer name holds a shorter one.
  if (changes.length === 0) return 0
  await sql`update ${sql.table(table)} set ${sql.join(changes)} where ${here}`.execute(transaction)
  return 1
}
