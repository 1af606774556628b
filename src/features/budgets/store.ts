// Budgets in the database.
import type { WebhookKey } from '../../base/webhook-secret.ts'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import type { Scope } from '../limits/account.ts'
import type { Period } from '../limits/calendar.ts'
import { budgetAccount, type MoneyRule } from '../limits/policy.ts'

/** Money that somebody may spend in a calendar window, and who is told on the way there. */
export interface Budget extends MoneyRule {
  /** Percentages of the amount at which an alert is sent, ascending. */
  readonly thresholds: readonly number[]
  /** Address that alerts are posted to. */
  readonly webhook: string | null
  /** What its secret is made from; null where there is none, or an earlier version set it. */
  readonly webhookKey: WebhookKey | null
  /** Addresses that alerts are mailed to. */
  readonly emails: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
}

/** A budget as it stands. */
export interface BudgetStanding {
  readonly budget: Budget
  readonly opensAt: number
  readonly closesAt: number
  /** Nano-units, settled. */
  readonly spent: number
  /** Nano-units that nodes hold for calls. */
  readonly reserved: number
}

/** Which budgets. */
export interface BudgetFilter {
  readonly scope?: Scope
  readonly subject?: string
  readonly period?: Period
}

/** The queries. Over a transaction they are part of it. */
export interface BudgetStore {
  list(filter?: BudgetFilter): Promise<readonly Budget[]>
  byId(id: string): Promise<Budget | undefined>
  put(budget: Budget): Promise<void>
  /** False where there was none. */
  remove(id: string): Promise<boolean>
  /** How budgets stand at a time. Reads accounts, and for a window that nobody drew on yet what was spent in it. */
  standings(budgets: readonly Budget[], at: number): Promise<readonly BudgetStanding[]>
}

/** The store over an open database or a transaction. */
export function budgetStore({ query }: Pick<Database, 'query'>): BudgetStore {
  return {
    async list(filter = {}) {
      let rows = query.selectFrom('budgets').selectAll()
      if (filter.scope !== undefined) rows = rows.where('scope', '=', filter.scope)
      if (filter.subject !== undefined) rows = rows.where('subject', '=', filter.subject)
      if (filter.period !== undefined) rows = rows.where('period', '=', filter.period)
      return (await rows.orderBy('created_at').orderBy('id').execute()).map(budgetOf)
    },
    async byId(id) {
      const row = await query.selectFrom('budgets').selectAll().where('id', '=', id).executeTakeFirst()
      return row === undefined ? undefined : budgetOf(row)
    },
    async put(budget) {
      const { id, scope, subject, created_at, ...rest } = columnsOf(budget)
      await query
        .insertInto('budgets')
        .values({ id, scope, subject, created_at, ...rest })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(rest))
        .execute()
    },
    async remove(id) {
      const removed = await query.deleteFrom('budgets').where('id', '=', id).executeTakeFirst()
      return removed.numDeletedRows > 0n
    },
    standings: (budgets, at) => Promise.all(budgets.map((budget) => standingOf(query, budget, at))),
  }
}

async function standingOf(query: Database['query'], budget: Budget, at: number): Promise<BudgetStanding> {
  const { id, opensAt, closesAt } = budgetAccount(budget, at)
  const account = await query.selectFrom('accounts').select(['spent', 'leased']).where('id', '=', id).executeTakeFirst()
  if (account !== undefined) return { budget, opensAt, closesAt, spent: account.spent, reserved: account.leased }
  const sum = await query
    .selectFrom('spend')
    .select(({ fn }) => fn.sum<number | string | null>('money').as('money'))
    .where('scope', '=', budget.scope)
    .where('subject', '=', budget.subject)
    .where('quarter', '>=', opensAt)
    .where('quarter', '<', closesAt)
    .executeTakeFirst()
  // PostgreSQL sums bigint as numeric, which comes as text.
  return { budget, opensAt, closesAt, spent: Number(sum?.money ?? 0), reserved: 0 }
}

function budgetOf(row: Row<'budgets'>): Budget {
  const { id, scope, subject, period, amount, webhook } = row
  return {
    ...{ id, scope, subject, period, amount, webhook },
    timeZone: row.time_zone,
    hard: row.hard === 1,
    thresholds: JSON.parse(row.thresholds) as number[],
    emails: JSON.parse(row.emails ?? '[]') as string[],
    webhookKey: row.webhook_key === null ? null : (JSON.parse(row.webhook_key) as WebhookKey),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function columnsOf(budget: Budget): Row<'budgets'> {
  const { id, scope, subject, period, amount, webhook } = budget
  return {
    ...{ id, scope, subject, period, amount, webhook },
    time_zone: budget.timeZone,
    hard: budget.hard ? 1 : 0,
    thresholds: JSON.stringify(budget.thresholds),
    emails: JSON.stringify(budget.emails),
    webhook_key: budget.webhookKey && JSON.stringify(budget.webhookKey),
    created_at: budget.createdAt,
    updated_at: budget.updatedAt,
  }
}
