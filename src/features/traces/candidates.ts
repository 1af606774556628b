// Few traces may fit one condition of a search: they are found by that condition's index first, instead of walking all traces by time.
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
const most = 2_000

/** Different names of a workspace's traces that are looked through for a text; where there are more, the index is read from end to end. */
const mostNames = 1_000

/** Names that fit, each with an index of its own; many names are found soon by time. */
const mostFitting = 200

/** Columns that have an index by time. */
const timed: ReadonlySet<string> = new Set('state model key_id conversation user_name name'.split(' '))

type Ids = RawBuilder<unknown>

interface Search extends TimeRange {
  readonly query: Kysely<Tables>
  readonly dialect: Dialect
}

/** A statement that gives the ids of the only traces that can fit, `trace_id` its column; undefined where they are too many to name. */
export async function candidatesOf(expression: Expression, search: Search): Promise<Ids | undefined> {
  let best: { readonly ids: Ids; readonly count: number } | undefined
  for (const part of requiredOf(expression)) {
    const ids = await idsOf(part, search)
    if (ids === undefined) continue
    const { rows } = await sql<{ count: number }>`select count(*) as count from (${ids}) as ids`.execute(search.query)
    const count = Number(rows[0]?.count)
    if (count <= most && count < (best?.count ?? Number.POSITIVE_INFINITY)) best = { ids, count }
    // Nothing to gain from a shorter list.
    if (count <= most / 10) break
  }
  return best?.ids
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
  if (column !== undefined && timed.has(column) && (part.type === 'in' || isEquality(part)))
    return chosen(sql`${condition}`)
  if (column !== 'name' || part.type !== 'compare' || part.operator === '!=') return undefined
  const names = await namesThat(condition, search)
  if (names === 'too many') return undefined
  if (names === undefined) return chosen(sql`${condition}`)
  return chosen(names.length === 0 ? sql`1 = 0` : sql`name in (${sql.join(names)})`)
}

function isEquality(part: Expression): boolean {
  return part.type === 'compare' && part.operator === '='
}

function within({ from, to }: TimeRange): RawBuilder<unknown> {
  const after = from === undefined ? sql`` : sql` and started_at >= ${from}`
  return to === undefined ? after : sql`${after} and started_at < ${to}`
}

function taggedIds(tags: readonly string[], search: Search): Ids {
  return sql`select distinct trace_id from trace_tags
    where workspace = ${search.workspace} and tag in (${sql.join(tags)})${within(search)} limit ${most + 1}`
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
