// Moves balances of calls that were charged before: a price of the past that changed, a true cost in the place of an estimate. Knows no reason.
import type { Database } from '../../database/connect.ts'
import { forUpdate } from '../../database/dialect.ts'
import type { Row } from '../../database/tables.ts'
import { type Account, type Amounts, type ChargedAccount, subjectsOf } from './account.ts'
import { sumSpend } from './ledger-charges.ts'
import { addSpend, lockAccounts, type Transaction } from './ledger-store.ts'

/** A call whose charge changes. */
export interface CallChange {
  readonly id: string
  /** When it began, milliseconds since 1970: its windows are those of then. */
  readonly at: number
  readonly key: string
  readonly workspace: string
  readonly model: string
  /** What is added to its charge; negative takes away. */
  readonly by: Amounts
}

/** What an account stands at after a change. */
export interface MovedAccount extends ChargedAccount {
  /** Nodes hold more of it than is left: what they do not need must come back. */
  readonly overdrawn: boolean
}

/** Adds the changes to every balance that covers the calls. The accounts `others` are locked with those, in one order. */
export async function moveBalances(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  changes: readonly CallChange[],
  others: readonly string[] = [],
): Promise<readonly MovedAccount[]> {
  if (changes.length === 0) return []
  const subjects = new Set(changes.flatMap(subjectsOf).map(({ subject }) => subject))
  const accounts = await transaction
    .selectFrom('accounts')
    .selectAll()
    .where('subject', 'in', [...subjects])
    .where('unit', '!=', 'parallel')
    .where('closes_at', '>', Math.min(...changes.map(({ at }) => at)))
    .orderBy('id')
    .execute()
  const additions = accounts
    .map((account) => ({ account, amount: additionTo(account, changes) }))
    .filter(({ amount }) => amount !== 0)
  const ids = new Set([...others, ...additions.map(({ account }) => account.id)])
  await lockAccounts({ dialect }, transaction, [...ids].sort())
  const moved: MovedAccount[] = []
  for (const { account, amount } of additions) {
    const { spent, leased } = await transaction
      .updateTable('accounts')
      .set(({ eb }) => ({ spent: eb('spent', '+', amount) }))
      .where('id', '=', account.id)
      .returning(['spent', 'leased'])
      .executeTakeFirstOrThrow()
    const { capacity } = account
    moved.push({ account: accountOf(account), spent, overdrawn: capacity !== null && spent + leased > capacity })
  }
  await addSpend({ dialect }, transaction, sumSpend(changes.map(({ by, ...call }) => ({ call, amounts: by }))))
  return moved
}

/** Adds the changes to what is known of calls that are settled or estimated, so that a later true cost is counted from there. */
export async function moveReservations(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  changes: readonly CallChange[],
): Promise<void> {
  const by = new Map(changes.map((change) => [change.id, change.by]))
  const reading = transaction
    .selectFrom('reservations')
    .selectAll()
    .where('id', 'in', [...by.keys()])
    .where('state', '!=', 'open')
    .orderBy('id')
  const rows = await forUpdate(dialect, reading).execute()
  if (rows.length === 0) return
  const moved = rows.map((row) => {
    const { money, tokens } = by.get(row.id) ?? { money: 0, tokens: 0 }
    return { ...row, money: row.money + money, tokens: row.tokens + tokens }
  })
  // One statement for all: the rows are there, so each is the update of a conflict.
  await transaction
    .insertInto('reservations')
    .values(moved)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(({ ref }) => ({ money: ref('excluded.money'), tokens: ref('excluded.tokens') })),
    )
    .execute()
}

/**
 * Puts the true cost in the place of an estimated one and closes the reservation; what changes by that, or undefined where the call is not
 * estimated. The caller moves the balances.
 */
export async function closeEstimate(
  transaction: Transaction,
  id: string,
  actual: Amounts,
): Promise<CallChange | undefined> {
  // The state alone first: this takes the row's lock, and what it holds is read under it.
  const row = await transaction
    .updateTable('reservations')
    .set({ state: 'settled' })
    .where('id', '=', id)
    .where('state', '=', 'estimated')
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  await transaction
    .updateTable('reservations')
    .set({ ...actual })
    .where('id', '=', id)
    .execute()
  const { at, key_id: key, workspace, model } = row
  return { id, at, key, workspace, model, by: { money: actual.money - row.money, tokens: actual.tokens - row.tokens } }
}

function additionTo(account: Row<'accounts'>, changes: readonly CallChange[]): number {
  if (account.unit === 'parallel') return 0
  const { unit } = account
  return changes.filter((change) => covers(account, change)).reduce((sum, { by }) => sum + by[unit], 0)
}

function covers(account: Row<'accounts'>, call: CallChange): boolean {
  const mine = subjectsOf(call).some(({ scope, subject }) => scope === account.scope && subject === account.subject)
  const inWindow = account.opens_at <= call.at && call.at < account.closes_at
  return mine && inWindow && (account.model === '*' || account.model === call.model)
}

function accountOf({ opens_at, closes_at, id, scope, subject, model, unit, capacity }: Row<'accounts'>): Account {
  return { id, scope, subject, model, unit, capacity, opensAt: opens_at, closesAt: closes_at }
}
