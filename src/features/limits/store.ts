// Limits, tiers and who is in which, in the database.
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import type { Scope } from './account.ts'
import { type LimitNumbers, type Tier, usualTiers } from './tiers.ts'

/** Limits that an operator set for somebody, of one model or of all together. */
export interface Limit extends LimitNumbers {
  readonly scope: Scope
  readonly subject: string
  /** A model's own name, or `*`: all models together. */
  readonly model: string
  /** How many of its requests may wait in line per model. */
  readonly lineLength: number | null
  /** Its share of turns in line beside others; 1 without it. */
  readonly lineWeight: number | null
}

/** Who is in a tier. */
export interface TierAssignment {
  readonly scope: 'organisation' | 'workspace'
  readonly subject: string
  /** Null: it follows the spend. */
  readonly tier: number | null
}

/** The queries. */
export interface LimitStore {
  limits(): Promise<readonly Limit[]>
  /** Sets the numbers that are given and leaves the others. */
  put(whose: Pick<Limit, 'scope' | 'subject' | 'model'>, numbers: Partial<Limit>, now: number): Promise<Limit>
  /** False where there was none. */
  remove(whose: Pick<Limit, 'scope' | 'subject' | 'model'>): Promise<boolean>
  /** The operator's tiers, else the usual ones. */
  tiers(): Promise<readonly Tier[]>
  /** Call it within a transaction. */
  replaceTiers(tiers: readonly Tier[]): Promise<void>
  assignments(): Promise<readonly TierAssignment[]>
  assign(assignment: TierAssignment, now: number): Promise<void>
  unassign(whose: Pick<TierAssignment, 'scope' | 'subject'>): Promise<boolean>
  /** What was spent in all. */
  spentEver(whose: { readonly scope: Scope; readonly subject: string }): Promise<{ readonly money: number }>
  /** What was spent in a time, and how many tokens, over all models; nano-units. From and to are milliseconds since 1970. */
  spentBetween(
    whose: { readonly scope: Scope; readonly subject: string },
    from: number,
    to: number,
  ): Promise<{ readonly money: number; readonly tokens: number }>
}

/** The store over an open database. */
export function limitStore({ query }: Pick<Database, 'query'>): LimitStore {
  const rowsOf = (whose: Pick<Limit, 'scope' | 'subject' | 'model'>) =>
    query
      .selectFrom('limits')
      .selectAll()
      .where('scope', '=', whose.scope)
      .where('subject', '=', whose.subject)
      .where('model', '=', whose.model)
  return {
    limits: async () =>
      (await query.selectFrom('limits').selectAll().orderBy('scope').orderBy('subject').orderBy('model').execute()).map(
        limitOf,
      ),
    async put(whose, numbers, now) {
      const columns = { ...numberColumns(numbers), ...lineColumns(numbers), updated_at: now }
      const empty = { ...numberColumns(noNumbers), line_length: null, line_weight: null }
      await query
        .insertInto('limits')
        .values({ ...empty, ...columns, scope: whose.scope, subject: whose.subject, model: whose.model })
        .onConflict((conflict) => conflict.columns(['scope', 'subject', 'model']).doUpdateSet(columns))
        .execute()
      return limitOf(await rowsOf(whose).executeTakeFirstOrThrow())
    },
    async remove({ scope, subject, model }) {
      const removed = await query
        .deleteFrom('limits')
        .where('scope', '=', scope)
        .where('subject', '=', subject)
        .where('model', '=', model)
        .executeTakeFirst()
      return removed.numDeletedRows > 0n
    },
    async tiers() {
      const rows = await query.selectFrom('tiers').selectAll().orderBy('tier').orderBy('model').execute()
      return rows.length === 0 ? usualTiers : rows.map(tierOf)
    },
    async replaceTiers(tiers) {
      await query.deleteFrom('tiers').execute()
      if (tiers.length > 0) await query.insertInto('tiers').values(tiers.map(tierColumns)).execute()
    },
    assignments: () =>
      query
        .selectFrom('tier_assignments')
        .select(['scope', 'subject', 'tier'])
        .orderBy('scope')
        .orderBy('subject')
        .execute(),
    async assign(assignment, now) {
      await query
        .insertInto('tier_assignments')
        .values({ ...assignment, updated_at: now })
        .onConflict((conflict) =>
          conflict.columns(['scope', 'subject']).doUpdateSet({ tier: assignment.tier, updated_at: now }),
        )
        .execute()
    },
    async unassign({ scope, subject }) {
      const removed = await query
        .deleteFrom('tier_assignments')
        .where('scope', '=', scope)
        .where('subject', '=', subject)
        .executeTakeFirst()
      return removed.numDeletedRows > 0n
    },
    async spentEver(whose) {
      const account = await query
        .selectFrom('accounts')
        .select('spent')
        .where('id', '=', `spend:${whose.scope}:${whose.subject}@0`)
        .executeTakeFirst()
      return { money: account?.spent ?? (await spentBetween(query, whose, 0, Number.MAX_SAFE_INTEGER)).money }
    },
    spentBetween: (whose, from, to) => spentBetween(query, whose, from, to),
  }
}

async function spentBetween(
  query: Database['query'],
  { scope, subject }: { readonly scope: Scope; readonly subject: string },
  from: number,
  to: number,
): Promise<{ readonly money: number; readonly tokens: number }> {
  const sum = await query
    .selectFrom('spend')
    .select(({ fn }) => [
      fn.sum<number | string | null>('money').as('money'),
      fn.sum<number | string | null>('tokens').as('tokens'),
    ])
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .where('quarter', '>=', from)
    .where('quarter', '<', to)
    .executeTakeFirst()
  // PostgreSQL sums bigint as numeric, which comes as text.
  return { money: Number(sum?.money ?? 0), tokens: Number(sum?.tokens ?? 0) }
}

const noNumbers: LimitNumbers = {
  requestsPerSecond: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  tokensPerMonth: null,
  parallelRequests: null,
}

type NumberColumns = Pick<
  Row<'limits'>,
  'requests_per_second' | 'requests_per_minute' | 'tokens_per_minute' | 'tokens_per_month' | 'parallel_requests'
>

const columnNames = {
  requestsPerSecond: 'requests_per_second',
  requestsPerMinute: 'requests_per_minute',
  tokensPerMinute: 'tokens_per_minute',
  tokensPerMonth: 'tokens_per_month',
  parallelRequests: 'parallel_requests',
} as const satisfies Record<keyof LimitNumbers, keyof NumberColumns>

/** The numbers in the order in which they are shown. */
export const limitNames = Object.keys(columnNames) as readonly (keyof LimitNumbers)[]

function numberColumns(numbers: Partial<LimitNumbers>): NumberColumns {
  const given = limitNames.filter((name) => numbers[name] !== undefined)
  return Object.fromEntries(given.map((name) => [columnNames[name], numbers[name]])) as NumberColumns
}

function lineColumns({
  lineLength,
  lineWeight,
}: Partial<Limit>): Partial<Pick<Row<'limits'>, 'line_length' | 'line_weight'>> {
  return {
    ...(lineLength !== undefined && { line_length: lineLength }),
    ...(lineWeight !== undefined && { line_weight: lineWeight }),
  }
}

function numbersOf(row: NumberColumns): LimitNumbers {
  return Object.fromEntries(limitNames.map((name) => [name, row[columnNames[name]]])) as unknown as LimitNumbers
}

function limitOf(row: Row<'limits'>): Limit {
  const { scope, subject, model, line_length, line_weight } = row
  return { scope, subject, model, ...numbersOf(row), lineLength: line_length, lineWeight: line_weight }
}

function tierOf(row: Row<'tiers'>): Tier {
  return { tier: row.tier, model: row.model, spendAbove: row.spend_above, numbers: numbersOf(row) }
}

function tierColumns({ tier, model, spendAbove, numbers }: Tier): Row<'tiers'> {
  return { tier, model, spend_above: spendAbove, ...numberColumns({ ...noNumbers, ...numbers }) }
}
