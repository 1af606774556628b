// Questions about usage, answered from the sums: what was called, by whom, in which span of time. Never reads a log of rows.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import { shadowName, type UsageRow } from './row.ts'
import { sumWidths } from './store.ts'

/** What sums can be told apart by. `member` is the person who holds the key. */
export type Dimension = 'workspace' | 'key' | 'model' | 'provider' | 'operation' | 'class' | 'member'

/** A question. Times are milliseconds since 1970. */
export interface UsageQuestion {
  /** Length of a span. */
  readonly width: keyof typeof sumWidths
  /** Spans that begin from here on, and before `to`. */
  readonly from: number
  readonly to: number
  /** Absent: one answer for the whole time. */
  readonly byTime?: boolean
  readonly groupBy: readonly Dimension[]
  /** Only these; absent: all. An empty list asks for nothing. */
  readonly workspaces?: readonly string[]
  readonly keys?: readonly string[]
  readonly models?: readonly string[]
  readonly members?: readonly string[]
  readonly operations?: readonly UsageRow['operation'][]
  readonly class?: UsageRow['class']
  /** False: without the copies that aliases send to shadows. */
  readonly shadows?: boolean
  /** What to add up; absent: everything. Each costs time. */
  readonly amounts?: readonly Amount[]
}

/** What can be added up. */
export type Amount = keyof typeof amounts

/** One answer: a group, and what it adds up to. Currencies are never added to each other. What was not asked for is 0. */
export interface UsageSum {
  /** Where the span begins; null where the question has none. */
  readonly start: number | null
  /** The group's value of each dimension asked for; a member may be null. */
  readonly group: Readonly<Partial<Record<Dimension, string | null>>>
  readonly currency: 'USD' | 'EUR'
  readonly requests: number
  readonly errors: number
  readonly estimated: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly reasoningTokens: number
  /** Nano-units. */
  readonly cost: number
  readonly durationMs: number
  readonly queueMs: number
  readonly firstTokenMs: number
  /** How many calls `firstTokenMs` is the sum of. */
  readonly firstTokens: number
}

const amounts = {
  requests: 'requests',
  errors: 'errors',
  estimated: 'estimated',
  promptTokens: 'prompt_tokens',
  cachedTokens: 'cached_tokens',
  completionTokens: 'completion_tokens',
  reasoningTokens: 'reasoning_tokens',
  cost: 'cost',
  durationMs: 'duration_ms',
  queueMs: 'queue_ms',
  firstTokenMs: 'first_token_ms',
  firstTokens: 'first_tokens',
} as const

const allAmounts = Object.keys(amounts) as readonly Amount[]

const columns = {
  workspace: 'sums.workspace',
  key: 'sums.key_id',
  model: 'sums.model',
  provider: 'sums.provider',
  operation: 'sums.operation',
  class: 'sums.class',
  member: 'keys.user_id',
} as const satisfies Record<Dimension, string>

/** Whether the sums of all workspaces and keys together can answer. */
function isOfAll({ groupBy, workspaces, keys, members, shadows }: UsageQuestion): boolean {
  const apart = groupBy.some((name) => name === 'workspace' || name === 'key' || name === 'member')
  return !apart && workspaces === undefined && keys === undefined && members === undefined && shadows !== false
}

/** Asks. Answers come in the order of time, then of the groups. */
export async function sumUsage(query: Kysely<Tables>, question: UsageQuestion): Promise<readonly UsageSum[]> {
  const { byTime = false, groupBy, members, operations, workspaces, keys, models } = question
  if ([workspaces, keys, models, members, operations].some((only) => only?.length === 0)) return []
  const table = isOfAll(question) ? ('usage_totals' as 'usage_sums') : 'usage_sums'
  let selected = query
    .selectFrom(`${table} as sums`)
    .where('width', '=', sumWidths[question.width])
    .where('start', '>=', question.from)
    .where('start', '<', question.to)
    // A sum that repricing moved to another currency, or that retention took away.
    .where('requests', '<>', 0)
    .select('currency')
    .groupBy('currency')
    .select((question.amounts ?? allAmounts).map((name) => sumOf(amounts[name]).as(name)))
  if (groupBy.includes('member') || members !== undefined) {
    selected = selected.leftJoin('keys', 'keys.id', 'sums.key_id') as unknown as typeof selected
  }
  if (byTime) selected = selected.select('start').groupBy('start').orderBy('start')
  for (const name of groupBy) {
    const column = sql.ref<string | null>(columns[name])
    selected = selected
      .select(column.as(`group_${name}`))
      .groupBy(column)
      .orderBy(column)
  }
  const only = { workspace: workspaces, key: keys, model: models, member: members, operation: operations } as const
  for (const [name, values] of Object.entries(only) as [Dimension, readonly string[] | undefined][]) {
    if (values !== undefined) selected = selected.where(sql.ref(columns[name]), 'in', [...values])
  }
  if (question.class !== undefined) selected = selected.where('class', '=', question.class)
  if (question.shadows === false) selected = selected.where('sums.workspace', '<>', shadowName)
  const rows = await selected.orderBy('currency').execute()
  return rows.map((row) => answerOf(row as Readonly<Record<string, unknown>>, groupBy))
}

/** PostgreSQL's sums of integers are decimals; ours fit. */
const sumOf = (column: string) => sql<number>`cast(sum(${sql.ref(column)}) as bigint)`

function answerOf(row: Readonly<Record<string, unknown>>, groupBy: readonly Dimension[]): UsageSum {
  const group: Partial<Record<Dimension, string | null>> = {}
  for (const name of groupBy) group[name] = (row[`group_${name}`] ?? null) as string | null
  const sum: Record<string, unknown> = { start: row['start'] ?? null, group, currency: row['currency'] }
  for (const name of allAmounts) sum[name] = row[name] ?? 0
  return sum as unknown as UsageSum
}
