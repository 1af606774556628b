// Lists of traces and spans, newest first, by time and by a search expression. Reads beside the server's own queries.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { fail } from '../../base/errors.ts'
import type { Dialect } from '../../database/dialect.ts'
import type { Row, Tables } from '../../database/tables.ts'
import { parseExpression } from './expression.ts'
import { type Field, spanFields, traceFields } from './fields.ts'
import { filterOf } from './filter.ts'
import { type Way, wayTo } from './way.ts'

/** What is looked for. */
export interface Search {
  readonly workspace: string
  /** Microseconds since 1970; the end is not part of it. */
  readonly from?: number
  readonly to?: number
  readonly expression?: string
  readonly limit: number
  /** Where the page before ended. */
  readonly cursor?: string
}

/** One page. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** Asks for the next page; undefined at the end. */
  readonly cursor: string | undefined
}

/** The searches. */
export interface TraceSearch {
  traces(search: Search): Promise<Page<Row<'traces'>>>
  spans(search: Search): Promise<Page<Row<'spans'>>>
  /** The values that a field has most often among the latest thousands, for lists to choose from. */
  options(table: 'traces' | 'spans', workspace: string, field: string): Promise<readonly string[]>
}

/** How many of the latest rows options are gathered from: a list to choose from needs no more. */
const optionRows = 5_000
const mostOptions = 100

/** The searches over a reader's connection. */
export function traceSearch(query: Kysely<Tables>, dialect: Dialect): TraceSearch {
  return {
    traces: (search) => find(query, dialect, 'traces', traceFields, search),
    spans: (search) => find(query, dialect, 'spans', spanFields, search),
    async options(table, workspace, name) {
      const fields = table === 'traces' ? traceFields : spanFields
      const field = fields.find((known) => known.name === name)
      if (field === undefined || field.type === 'MAP')
        throw fail('not_found', { what: 'field', id: name.slice(0, 100) })
      const column = sql.ref<string | number | null>(field.column)
      const { rows } = await sql<{ value: string | number | null }>`
        select value from (
          select ${column} as value from ${sql.table(table)} where workspace = ${workspace}
          order by started_at desc limit ${optionRows}
        ) as latest where value is not null group by value order by count(*) desc limit ${mostOptions}`.execute(query)
      const values = rows.map((row) => String(row.value)).filter((value) => value !== '')
      return field.type === 'ARRAY' ? [...new Set(values.flatMap((value) => JSON.parse(value) as string[]))] : values
    },
  }
}

async function find<Name extends 'traces' | 'spans'>(
  query: Kysely<Tables>,
  dialect: Dialect,
  table: Name,
  fields: readonly Field[],
  search: Search,
): Promise<Page<Row<Name>>> {
  const id = table === 'traces' ? ('trace_id' as const) : ('span_id' as const)
  const expression = parseExpression(search.expression ?? '')
  const after = search.cursor === undefined ? undefined : readCursor(search.cursor)
  let select = (query as Kysely<Pick<Tables, 'traces'>>)
    .selectFrom(table as 'traces')
    .selectAll(table as 'traces')
    .where('workspace', '=', search.workspace)
  const range = { workspace: search.workspace, ...timesOf(search, after?.at) }
  const way: Way =
    table === 'traces' && expression !== undefined
      ? await wayTo(expression, { query, dialect, ...range })
      : { by: 'plan' }
  if (way.by === 'ids') select = amongOnly(query, way.ids, search.workspace) as unknown as typeof select
  if (search.from !== undefined) select = select.where('started_at', '>=', search.from)
  if (search.to !== undefined) select = select.where('started_at', '<', search.to)
  if (after !== undefined) {
    // Where the walk begins; the rest tells those of the same microsecond apart.
    select = select.where('started_at', '<=', after.at)
    const column = sql.ref<string>(id)
    select = select.where(({ or, and, eb }) =>
      or([eb('started_at', '<', after.at), and([eb('started_at', '=', after.at), eb(column, '<', after.id)])]),
    )
  }
  const inTime = select
  if (expression !== undefined) {
    select = select.where((builder) =>
      filterOf(expression, { fields, dialect, byTime: way.by === 'time' }, builder as never),
    )
  }
  const page = (since: number | undefined) =>
    (since === undefined ? select : select.where('started_at', '>=', since))
      .orderBy('started_at', 'desc')
      .orderBy(sql.ref(id), 'desc')
      .limit(search.limit + 1)
      .execute()
  const reach = (depth: number) =>
    inTime.clearSelect().select('started_at').orderBy('started_at', 'desc').offset(depth).limit(1).executeTakeFirst()
  const found = way.by === 'time' ? await walk(page, reach, search.limit) : await page(undefined)
  const rows = found as unknown as (Row<Name> & {
    readonly started_at: number
    readonly trace_id: string
    readonly span_id?: string
  })[]
  const items = rows.slice(0, search.limit)
  const last = rows.length > search.limit ? items.at(-1) : undefined
  return { items, cursor: last === undefined ? undefined : writeCursor(last.started_at, last.span_id ?? last.trace_id) }
}

/** How many of the latest are looked through first, before all. */
const walks = [5_000, 100_000]

/**
 * The latest first, so that what fits often is found among them. Asked for all at once, PostgreSQL expects a text to fit nearly nowhere and
 * reads the whole table (340 ms of a million traces, 15 in two steps).
 */
async function walk<Found>(
  page: (since: number | undefined) => Promise<readonly Found[]>,
  reach: (depth: number) => Promise<{ readonly started_at: number } | undefined>,
  limit: number,
): Promise<readonly Found[]> {
  for (const depth of walks) {
    const since = (await reach(depth))?.started_at
    if (since === undefined) break
    const found = await page(Number(since))
    if (found.length > limit) return found
  }
  return await page(undefined)
}

/** Only these, however many others there are: the first table of a cross join is the one that SQLite goes through. */
function amongOnly(query: Kysely<Tables>, ids: RawBuilder<unknown>, workspace: string) {
  const candidates = sql<{ readonly candidate: string }>`(select trace_id as candidate from (${ids}) as ids)`
  return query
    .selectFrom(candidates.as('candidates'))
    .crossJoin('traces')
    .selectAll('traces')
    .whereRef('trace_id', '=', 'candidate')
    .where('workspace', '=', workspace)
}

/** The time that is left to look through. */
function timesOf({ from, to }: Search, before: number | undefined) {
  const end = Math.min(to ?? Number.POSITIVE_INFINITY, before === undefined ? Number.POSITIVE_INFINITY : before + 1)
  return { ...(from !== undefined && { from }), ...(Number.isFinite(end) && { to: end }) }
}

function writeCursor(at: number, id: string): string {
  return Buffer.from(`${at}.${id}`).toString('base64url')
}

function readCursor(cursor: string): { readonly at: number; readonly id: string } {
  const [, at, id] = /^(\d{1,16})\.([0-9a-f]{16,32})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (at === undefined || id === undefined) {
    throw fail('invalid_value', { param: 'cursor', reason: 'it is not one that an answer of this server gave' })
  }
  return { at: Number(at), id }
}
