// The way of a search: few traces may fit one of its conditions, and are found by that one first; many are met on a walk by time.
import { expressionBuilder, type Kysely, type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../../database/dialect.ts'
import type { Tables } from '../../database/tables.ts'
import type { Expression } from './expression.ts'
import { traceFields } from './fields.ts'
import { filterOf } from './filter.ts'

/** A span of time, in microseconds since 1970; the end is not part of it. */
export interface TimeRange {
  readonly workspace: string
  readonly from?: number
  readonly to?: number
}

/** More than so many are no shortcut: among so many, a walk by time soon meets a page of them. */
const most = 5_000

/** Different names of a workspace's traces that are looked through for a text; where there are more, the index is read from end to end. */
const mostNames = 1_000

/** Names that fit, each with an index of its own; many names are found soon by time. */
const mostFitting = 50

/** Columns that have an index by time. */
const timed: ReadonlySet<string> = new Set('state model key_id conversation user_name name'.split(' '))

type Ids = RawBuilder<unknown>

interface Search extends TimeRange {
  readonly query: Kysely<Tables>
  readonly dialect: Dialect
}

/** The way to the traces that fit. */
export type Way =
  /** They are few: a statement that gives their ids, `trace_id` its column. */
  | { readonly by: 'ids'; readonly ids: Ids }
  /** They are many, also lately: by time until a page is full. An index of the condition would lead to all of them first. */
  | { readonly by: 'time' }
  /** The database knows best: an index by a condition and by time, or what it knows of the values. */
  | { readonly by: 'plan' }

/** Fields whose conditions may fit many, and which no index has in the order of time. */
const untimed: ReadonlySet<string> = new Set(['tags', 'root_span_name', 'duration_ns'])

/** Finds the way by counting, as far as it matters, what fits each condition. */
export async function wayTo(expression: Expression, search: Search): Promise<Way> {
  let best: { readonly ids: Ids; readonly count: number } | undefined
  const parts = requiredOf(expression)
  for (const part of parts) {
    const ids = await idsOf(part, search)
    if (ids === undefined) continue
    const { rows } = await sql<{ count: number }>`select count(*) as count from (${ids}) as ids`.execute(search.query)
    const count = Number(rows[0]?.count)
    if (count <= most && count < (best?.count ?? Number.POSITIVE_INFINITY)) best = { ids, count }
    // Nothing to gain from a shorter list.
    if (count <= most / 10) break
  }
  if (best !== undefined) return { by: 'ids', ids: best.ids }
  const isUntimed = (part: Expression) => 'field' in part && untimed.has(part.field.name)
  return parts.some(isUntimed) && !parts.some(isEquality) ? { by: 'time' } : { by: 'plan' }
}

/** The conditions that must hold, all of them. */
function requiredOf(expression: Expression): readonly Expression[] {
  if (expression.type === 'and') return expression.parts.flatMap(requiredOf)
  if (expression.type === 'has' && expression.all)
    return expression.values.map((value) => ({ ...expression, values: [value] }))
  return [expression]
}

async function idsOf(part: Expression, search: Search): Promise<Ids | undefined> {
  if (!('field' in part) || part.type === 'exists') return undefined
  const column = traceFields.find(({ name }) => name === part.field.name)?.column
  if (part.type === 'has') return column === 'tags' ? taggedIds(part.values.map(String), search) : undefined
  const condition = filterOf(
    part,
    { fields: traceFields, dialect: search.dialect },
    expressionBuilder<Tables, 'traces' | 'spans'>(),
  )
  const chosen = (where: RawBuilder<unknown>) =>
    sql`select trace_id from traces where workspace = ${search.workspace} and ${where}${within(search)} limit ${most + 1}`
  if (column === 'duration' && (part.type === 'between' || (part.type === 'compare' && part.operator !== '!='))) {
    return sql`select trace_id from traces where workspace = ${search.workspace} and ${condition} limit ${most + 1}`
  }
  if (column !== undefined && timed.has(column) && isEquality(part)) return chosen(sql`${condition}`)
  if (column !== 'name' || part.type !== 'compare' || part.operator === '!=') return undefined
  const names = await namesThat(condition, search)
  if (names === 'too many') return undefined
  if (names === undefined) return chosen(sql`${condition}`)
  if (names.length === 0) return chosen(sql`1 = 0`)
  // One by one: for a list of names PostgreSQL would find all of them before the first.
  const each = names.map((name) => sql`select trace_id from (${chosen(sql`name = ${name}`)}) as named`)
  return sql`select trace_id from (${sql.join(each, sql` union all `)}) as all_named limit ${most + 1}`
}

function isEquality(part: Expression): boolean {
  return part.type === 'in' || (part.type === 'compare' && part.operator === '=')
}

function within({ from, to }: TimeRange): RawBuilder<unknown> {
  const after = from === undefined ? sql`` : sql` and started_at >= ${from}`
  return to === undefined ? after : sql`${after} and started_at < ${to}`
}

function taggedIds(tags: readonly string[], search: Search): Ids {
  // Grouped outside: by themselves SQLite would go through all tags in the order of traces.
  return sql`select trace_id from (select trace_id from trace_tags
    where workspace = ${search.workspace} and tag in (${sql.join(tags)})${within(search)} limit ${most + 1}) as tagged
    group by trace_id`
}

/**
 * The names that fit among all that there are; undefined where there are more than can be looked through. From one name the index leads to
 * the next, however many traces have it.
 */
async function namesThat(
  condition: ReturnType<typeof filterOf>,
  { query, workspace }: Search,
): Promise<readonly string[] | 'too many' | undefined> {
  const least = (rest: RawBuilder<unknown>) => sql`select min(name) from traces where workspace = ${workspace}${rest}`
  const { rows } = await sql<{ name: string; place: number }>`
    with recursive names(name, place) as (
      select (${least(sql``)}), 1
      union all
      select (${least(sql` and name > names.name`)}), place + 1 from names
      where names.name is not null and place < ${mostNames}
    )
    select name, place from names where name is not null and (place = ${mostNames} or ${condition})`.execute(query)
  if (rows.some(({ place }) => Number(place) === mostNames)) return undefined
  return rows.length > mostFitting ? 'too many' : rows.map(({ name }) => name)
}
