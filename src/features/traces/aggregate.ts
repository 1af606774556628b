// One figure over many traces or spans: counted, summed or a percentile, by fields and by time. Reads beside the server's own queries.
import { expressionBuilder, type Kysely, type RawBuilder, sql } from 'kysely'
import { fail } from '../../base/errors.ts'
import { type Dialect, monthStart } from '../../database/dialect.ts'
import type { Tables } from '../../database/tables.ts'
import { parseExpression } from './expression.ts'
import { type Field, spanFields, traceFields } from './fields.ts'
import { filterOf } from './filter.ts'

/** How the values of a group become one. */
export const aggregations = ['count', 'count_distinct', 'sum', 'avg', 'min', 'max', 'p50', 'p90', 'p95', 'p99'] as const

/** Lengths of a time bucket, in microseconds; weeks begin on Monday, months are the calendar's. */
const lengths = {
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 604_800_000_000,
} as const

/** How long a time bucket may be; `auto` makes about sixty of the whole time. */
export const granularities = ['auto', 'second', 'minute', 'hour', 'day', 'week', 'month'] as const

/** What is asked. */
export interface Aggregation {
  readonly workspace: string
  readonly table: 'traces' | 'spans'
  /** Microseconds since 1970. */
  readonly from: number
  readonly to: number
  readonly measure: string
  readonly aggregation: (typeof aggregations)[number]
  readonly dimensions: readonly string[]
  readonly granularity: (typeof granularities)[number] | undefined
  readonly expression: string
  readonly orderBy: readonly { readonly field: string; readonly direction: 'asc' | 'desc' }[]
  readonly limit: number
}

/** One group and its figure. */
export interface AggregatedRow {
  /** Microseconds since 1970. */
  readonly bucket: number | null
  readonly dimensions: Readonly<Record<string, string | number | null>>
  readonly value: number | null
}

/** The answer: rows, and the length of a bucket in seconds where buckets are of one length. */
export interface Aggregated {
  readonly rows: readonly AggregatedRow[]
  readonly bucketSeconds: number | null
}

const mostDimensions = 5
const autoBuckets = 60

/** Runs an aggregation. Throws `invalid_value` for fields that are not there. */
export async function aggregate(query: Kysely<Tables>, dialect: Dialect, asked: Aggregation): Promise<Aggregated> {
  const fields = asked.table === 'traces' ? traceFields : spanFields
  const measure = asked.measure === '*' ? undefined : fieldNamed(fields, asked.measure, 'metric.measure')
  if (asked.dimensions.length > mostDimensions) {
    throw fail('invalid_value', { param: 'dimensions', reason: `there are ${mostDimensions} at most` })
  }
  const dimensions = asked.dimensions.map((name) => fieldNamed(fields, name, 'dimensions'))
  const granularity = asked.granularity === 'auto' ? automatic(asked.to - asked.from) : asked.granularity
  const bucket = granularity === undefined ? sql`null` : bucketOf(granularity, dialect)
  const rows = rowsOf(asked, fields, dialect, { measure, dimensions, bucket })
  const names = ['bucket', ...dimensions.map((_, index) => `d${index}`)]
  const groups = sql.join(names.map((name) => sql.ref(name)))
  const ordered = orderOf(asked, granularity !== undefined)
  const figures = figuresOf(asked.aggregation, rows, groups)
  const { rows: found } = await sql<FoundRow>`
    select * from (${figures}) as figures order by ${ordered} limit ${asked.limit}`.execute(query)
  const scale =
    measure?.toColumn !== undefined && measure.name === 'duration_ns' && asked.aggregation !== 'count' ? 1_000 : 1
  return {
    rows: found.map((row) => ({
      bucket: row.bucket === null ? null : Number(row.bucket),
      dimensions: Object.fromEntries(dimensions.map((field, index) => [field.name, row[`d${index}`] ?? null])),
      value: row.value === null ? null : Number(row.value) * scale,
    })),
    bucketSeconds: granularity === undefined || granularity === 'month' ? null : lengths[granularity] / 1_000_000,
  }
}

type FoundRow = { readonly bucket: number | string | null; readonly value: number | string | null } & {
  readonly [dimension: `d${number}`]: string | number | null
}

interface Columns {
  readonly measure: Field | undefined
  readonly dimensions: readonly Field[]
  readonly bucket: RawBuilder<unknown>
}

/** The rows in question with just their bucket, dimensions and measure. */
function rowsOf(
  asked: Aggregation,
  fields: readonly Field[],
  dialect: Dialect,
  { measure, dimensions, bucket }: Columns,
): RawBuilder<unknown> {
  const expression = parseExpression(asked.expression)
  const named = dimensions.map((field, index) => sql`${sql.ref(field.column)} as ${sql.ref(`d${index}`)}`)
  const value = measure === undefined ? sql`1` : sql.ref(measure.column)
  const columns = sql.join([sql`${bucket} as bucket`, ...named, sql`${value} as measure`])
  const condition =
    expression === undefined
      ? sql``
      : sql` and ${filterOf(expression, { fields, dialect }, expressionBuilder<Tables, 'traces' | 'spans'>())}`
  return sql`select ${columns} from ${sql.table(asked.table)}
    where workspace = ${asked.workspace} and started_at >= ${asked.from} and started_at < ${asked.to}${condition}`
}

function figuresOf(
  aggregation: Aggregation['aggregation'],
  rows: RawBuilder<unknown>,
  groups: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const percent = /^p(\d+)$/.exec(aggregation)?.[1]
  if (percent !== undefined) {
    // The nearest rank, in whole numbers: both databases count it alike.
    return sql`select ${groups}, measure as value from (
      select ${groups}, measure, row_number() over (partition by ${groups} order by measure) as place,
        count(*) over (partition by ${groups}) as size
      from (${rows}) as chosen where measure is not null
    ) as ranked where place = (size * ${sql.lit(Number(percent))} + 99) / 100`
  }
  const value = {
    count: sql`count(measure)`,
    count_distinct: sql`count(distinct measure)`,
    sum: sql`sum(measure)`,
    avg: sql`avg(measure)`,
    min: sql`min(measure)`,
    max: sql`max(measure)`,
  }[aggregation as 'count']
  return sql`select ${groups}, ${value} as value from (${rows}) as chosen group by ${groups}`
}

function bucketOf(granularity: keyof typeof lengths | 'month', dialect: Dialect): RawBuilder<unknown> {
  const at = sql.ref<number>('started_at')
  if (granularity === 'month') return monthStart(dialect, at)
  const length = sql.lit(lengths[granularity])
  // 1970 began on a Thursday.
  const shift = sql.lit(granularity === 'week' ? 3 * lengths.day : 0)
  return sql`((${at} + ${shift}) / ${length}) * ${length} - ${shift}`
}

function automatic(microseconds: number): keyof typeof lengths {
  for (const name of ['second', 'minute', 'hour', 'day'] as const) {
    if (microseconds / lengths[name] <= autoBuckets) return name
  }
  return 'week'
}

function orderOf({ orderBy, dimensions }: Aggregation, hasTime: boolean): RawBuilder<unknown> {
  const columns = orderBy.map(({ field, direction }) => {
    const index = dimensions.indexOf(field)
    const name = index >= 0 ? `d${index}` : field === 'time_bucket' ? 'bucket' : 'value'
    return sql`${sql.ref(name)} ${sql.raw(direction === 'desc' ? 'desc' : 'asc')}`
  })
  if (columns.length > 0) return sql.join(columns)
  return hasTime ? sql`bucket asc, value desc` : sql`value desc`
}

function fieldNamed(fields: readonly Field[], name: string, param: string): Field {
  const field = fields.find((known) => known.name === name && known.type !== 'MAP' && known.type !== 'ARRAY')
  if (field !== undefined) return field
  throw fail('invalid_value', { param, reason: `"${name.slice(0, 100)}" is no field that can be counted by` })
}
