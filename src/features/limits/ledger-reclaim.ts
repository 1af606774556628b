// What becomes of a node that died: its open reservations are charged as reserved and marked as estimated, the rest of its blocks comes back.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import { type Amounts, subjectsOf } from './account.ts'
import { spendChanges } from './ledger-charges.ts'
import { addSpend, lockAccounts, returnBlocks, type SpendChange, type Transaction } from './ledger-store.ts'

/** A call whose node died before it was settled. */
export interface EstimatedCall extends Amounts {
  readonly id: string
  readonly at: number
  readonly key: string
  readonly workspace: string
  readonly model: string
  /** JSON, as it was reserved with. */
  readonly details: string
}

/** What others know of the calls of a node that died. */
export interface ReclaimHooks {
  /** True costs, of calls whose usage was written before the end. */
  readonly knownCosts?: (transaction: Transaction, ids: readonly string[]) => Promise<ReadonlyMap<string, Amounts>>
  /** Told of the calls that were charged as reserved; again until it succeeds, so a call may come twice. */
  readonly onEstimated?: (calls: readonly EstimatedCall[]) => Promise<void>
}

/** What a reclaim works with. */
interface ReclaimParts extends ReclaimHooks {
  readonly database: Database
  readonly clock: Clock
  readonly log?: Log
}

/** Settles what dead nodes left. Any node may do it; each dead one is dealt with once. */
export async function reclaimDead(parts: ReclaimParts): Promise<void> {
  const { query } = parts.database
  const now = parts.clock.now()
  const dead = await query.selectFrom('ledger_nodes').select('id').where('lease_until', '<', now).execute()
  for (const { id } of dead) {
    const count = await query.transaction().execute((transaction) => reclaim(parts, transaction, id, now))
    if (count !== undefined)
      parts.log?.warn({ node: id, estimated: count }, 'a node died; its open calls are charged as reserved')
  }
  await report(parts)
}

/** Tells of estimated calls that nobody was told of yet; a crash in between tells twice, never not at all. */
async function report({ database: { query }, onEstimated }: ReclaimParts): Promise<void> {
  if (onEstimated === undefined) return
  const untold = await query
    .selectFrom('reservations')
    .selectAll()
    .where('state', '=', 'estimated')
    .where('details', '!=', '')
    .orderBy('id')
    .limit(500)
    .execute()
  if (untold.length === 0) return
  await onEstimated(untold.map(estimatedCall))
  const ids = untold.map(({ id }) => id)
  await query.updateTable('reservations').set({ details: '' }).where('id', 'in', ids).execute()
}

async function reclaim(
  parts: ReclaimParts,
  transaction: Transaction,
  node: string,
  now: number,
): Promise<number | undefined> {
  const { database } = parts
  const gone = await transaction
    .deleteFrom('ledger_nodes')
    .where('id', '=', node)
    .where('lease_until', '<', now)
    .returning('id')
    .executeTakeFirst()
  if (gone === undefined) return undefined
  const open = await transaction
    .selectFrom('reservations')
    .selectAll()
    .where('node', '=', node)
    .where('state', '=', 'open')
    .orderBy('id')
    .execute()
  const known =
    (await parts.knownCosts?.(
      transaction,
      open.map(({ id }) => id),
    )) ?? new Map<string, Amounts>()
  const calls = open.map((row) => ({ row, charged: known.get(row.id) ?? { money: row.money, tokens: row.tokens } }))
  for (const { row, charged } of calls) {
    const state = known.has(row.id) ? 'settled' : 'estimated'
    await transaction
      .updateTable('reservations')
      .set({ state, ...charged })
      .where('id', '=', row.id)
      .execute()
  }
  const held = await transaction.selectFrom('blocks').select('account').where('node', '=', node).execute()
  await charge(
    database,
    transaction,
    calls,
    held.map(({ account }) => account),
  )
  await returnBlocks(database, transaction, node)
  return open.length - known.size
}

function estimatedCall({
  id,
  at,
  key_id,
  workspace,
  model,
  money,
  tokens,
  details,
}: Row<'reservations'>): EstimatedCall {
  return { id, at, key: key_id, workspace, model, money, tokens, details }
}

/**
 * Puts the true cost in the place of an estimated one; false where the call is not estimated. The difference goes to the windows in which
 * the call began.
 */
export async function reconcile(database: Database, id: string, actual: Amounts): Promise<boolean> {
  return await database.query.transaction().execute(async (transaction) => {
    const row = await transaction
      .updateTable('reservations')
      .set({ state: 'settled' })
      .where('id', '=', id)
      .where('state', '=', 'estimated')
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) return false
    await transaction
      .updateTable('reservations')
      .set({ ...actual })
      .where('id', '=', id)
      .execute()
    const charged = { money: actual.money - row.money, tokens: actual.tokens - row.tokens }
    await charge(database, transaction, [{ row, charged }])
    return true
  })
}

/** Charges calls to every account that covers them. `others` are locked with those, in one order. */
async function charge(
  database: Pick<Database, 'dialect'>,
  transaction: Transaction,
  calls: readonly { readonly row: Row<'reservations'>; readonly charged: Amounts }[],
  others: readonly string[] = [],
): Promise<void> {
  if (calls.length === 0) return
  const subjects = new Set(calls.flatMap(({ row }) => holderSubjects(row)).map(({ subject }) => subject))
  const accounts = await transaction
    .selectFrom('accounts')
    .selectAll()
    .where('subject', 'in', [...subjects])
    .where('unit', '!=', 'parallel')
    .where('closes_at', '>', Math.min(...calls.map(({ row }) => row.at)))
    .orderBy('id')
    .execute()
  const additions = accounts
    .map((account) => ({ account, amount: chargeTo(account, calls) }))
    .filter(({ amount }) => amount !== 0)
  const ids = new Set([...others, ...additions.map(({ account }) => account.id)])
  await lockAccounts(database, transaction, [...ids].sort())
  for (const { account, amount } of additions) {
    await transaction
      .updateTable('accounts')
      .set(({ eb }) => ({ spent: eb('spent', '+', amount) }))
      .where('id', '=', account.id)
      .execute()
  }
  for (const { row, charged } of calls) await addSpend(transaction, spendOf(row, charged))
}

function chargeTo(account: Row<'accounts'>, calls: readonly { row: Row<'reservations'>; charged: Amounts }[]): number {
  if (account.unit === 'parallel') return 0
  const { unit } = account
  return calls.filter(({ row }) => covers(account, row)).reduce((sum, { charged }) => sum + charged[unit], 0)
}

function covers(account: Row<'accounts'>, row: Row<'reservations'>): boolean {
  const mine = holderSubjects(row).some(({ scope, subject }) => scope === account.scope && subject === account.subject)
  const inWindow = account.opens_at <= row.at && row.at < account.closes_at
  return mine && inWindow && (account.model === '*' || account.model === row.model)
}

const holderSubjects = (row: Row<'reservations'>) => subjectsOf({ key: row.key_id, workspace: row.workspace })

function spendOf(row: Row<'reservations'>, charged: Amounts): readonly SpendChange[] {
  return spendChanges({ at: row.at, key: row.key_id, workspace: row.workspace, model: row.model }, charged)
}

// A batch line that is tried again must be known as charged; no retry comes later than this.
const keptMs = 48 * 3_600_000

/** Forgets reservations that were settled long ago, and empty blocks. */
export async function prune({ query }: Database, now: number): Promise<void> {
  await query
    .deleteFrom('reservations')
    .where('state', '=', 'settled')
    .where('at', '<', now - keptMs)
    .execute()
}
