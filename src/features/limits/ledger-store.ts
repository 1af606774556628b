// The ledger's tables: one transaction per step of a node, whatever the number of calls in it. Knows SQL, not when a step is due.

import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/connect.ts'
import { lockTable } from '../../database/dialect.ts'
import { insertMany } from '../../database/insert-many.ts'
import type { NewRow, Row, Tables } from '../../database/tables.ts'
import type { Account, Amounts, Holder } from './account.ts'

/** What is known of a call in the database whose node lost its lease. */
export interface KnownReservation extends Amounts {
  readonly state: 'open' | 'settled' | 'estimated'
}

/** How an account stands in the database. */
export interface Figures {
  readonly spent: number
  /** What nodes hold of it together. */
  readonly leased: number
}

/** How a step changes an account. */
export interface AccountChange {
  readonly account: Account
  readonly figures: Figures
  /** What the node holds of it after the step; undefined leaves that alone. */
  readonly block?: number
}

/** An addition to what was charged in a quarter of an hour. */
export type SpendChange = NewRow<'spend'>

/** A transaction of the ledger. */
export type Transaction = Kysely<Tables>

/** Adds the node; its blocks are its own until the lease ends. */
export async function addNode(transaction: Transaction, node: string, leaseUntil: number): Promise<void> {
  await transaction.insertInto('ledger_nodes').values({ id: node, step: 0, lease_until: leaseUntil }).execute()
}

/** Renews the lease and counts the step; undefined where others took the node for dead. Holds the node's row until the end. */
export async function beat(transaction: Transaction, node: string, leaseUntil: number): Promise<number | undefined> {
  const row = await transaction
    .updateTable('ledger_nodes')
    .set(({ eb }) => ({ step: eb('step', '+', 1), lease_until: leaseUntil }))
    .where('id', '=', node)
    .returning('step')
    .executeTakeFirst()
  return row?.step
}

/**
 * Writes reservations; the ids that were written. One that was settled stays as it is, and so does one that was charged as estimated: a
 * call with the same id is charged once. Only whoever made the estimated one themselves writes over it.
 */
export async function writeReservations(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  rows: readonly NewRow<'reservations'>[],
  over: 'open' | 'open or estimated' = 'open',
): Promise<ReadonlySet<string>> {
  const insertion = over === 'open' ? reservationInsertion : anyReservationInsertion
  const written = await insertMany<'reservations', { readonly id: string }>(transaction, dialect, insertion, rows)
  return new Set(written.map(({ id }) => id))
}

function reservationsOver(states: string) {
  return {
    table: 'reservations',
    columns: ['id', 'node', 'state', 'at', 'key_id', 'workspace', 'model', 'money', 'tokens', 'details'],
    rest: `on conflict (id) do update set node = excluded.node, state = excluded.state, money = excluded.money,
      tokens = excluded.tokens where reservations.state in (${states}) returning id`,
  } as const
}

const reservationInsertion = reservationsOver("'open'")
const anyReservationInsertion = reservationsOver("'open', 'estimated'")

/** Reads accounts and keeps others from changing them until the end. In the order of their ids, so that nodes never wait for each other in a ring. */
export async function lockAccounts(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  ids: readonly string[],
): Promise<Map<string, Figures>> {
  if (ids.length === 0) return new Map()
  const reading = transaction
    .selectFrom('accounts')
    .select(['id', 'spent', 'leased'])
    .where('id', 'in', [...ids])
    .orderBy('id')
  const rows = await (dialect.rowLocks ? reading.forUpdate() : reading).execute()
  return new Map(rows.map(({ id, spent, leased }) => [id, { spent, leased }]))
}

/** Makes the accounts that are not there, with what was spent in their window so far: a budget set in mid-month counts the whole month. */
export async function openAccounts(
  { query, dialect }: Pick<Database, 'query' | 'dialect'>,
  accounts: readonly Account[],
): Promise<void> {
  await query.transaction().execute(async (transaction) => {
    // What is settled meanwhile would be in the sum or in the account, or in neither.
    await lockTable(dialect, transaction, 'accounts')
    for (const account of accounts) {
      const spent = await spentIn(transaction, account)
      await transaction
        .insertInto('accounts')
        .values({ ...accountColumns(account), spent, leased: 0 })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
    }
  })
}

/** What was charged in the account's window, by the quarters of an hour: what an account that nobody opened yet would stand at. */
export async function spentIn(transaction: Transaction, account: Account): Promise<number> {
  if (account.unit === 'parallel') return 0
  let sum = transaction
    .selectFrom('spend')
    .select(({ fn }) =>
      fn.coalesce(fn.sum<number>(account.unit === 'money' ? 'money' : 'tokens'), sql<number>`0`).as('sum'),
    )
    .where('scope', '=', account.scope)
    .where('subject', '=', account.subject)
    .where('quarter', '>=', account.opensAt)
    .where('quarter', '<', account.closesAt)
  if (account.model !== '*') sum = sum.where('model', '=', account.model)
  // PostgreSQL sums bigint as numeric, which comes as text.
  return Number((await sum.executeTakeFirst())?.sum ?? 0)
}

const accountInsertion = {
  table: 'accounts',
  columns: ['id', 'scope', 'subject', 'model', 'unit', 'capacity', 'opens_at', 'closes_at', 'spent', 'leased'],
  rest: 'on conflict (id) do update set capacity = excluded.capacity, spent = excluded.spent, leased = excluded.leased',
} as const

const blockInsertion = {
  table: 'blocks',
  columns: ['node', 'account', 'amount'],
  rest: 'on conflict (node, account) do update set amount = excluded.amount',
} as const

const spendInsertion = {
  table: 'spend',
  columns: ['scope', 'subject', 'quarter', 'model', 'money', 'tokens'],
  rest: `on conflict (scope, subject, quarter, model) do update set money = spend.money + excluded.money,
    tokens = spend.tokens + excluded.tokens`,
} as const

/** Writes the accounts that a step changed, and what the node holds of them. */
export async function writeAccounts(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  node: string,
  changes: readonly AccountChange[],
): Promise<void> {
  const accounts = changes.map(({ account, figures }) => ({ ...accountColumns(account), ...figures }))
  await insertMany(transaction, dialect, accountInsertion, accounts)
  const blocks = changes.flatMap(({ account, block }) =>
    block === undefined ? [] : [{ node, account: account.id, amount: block }],
  )
  await insertMany(transaction, dialect, blockInsertion, blocks)
}

/** Adds to what was charged. */
export async function addSpend(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  changes: readonly SpendChange[],
): Promise<void> {
  await insertMany(
    transaction,
    dialect,
    spendInsertion,
    changes.map((change) => ({ ...change })),
  )
}

function accountColumns({ opensAt, closesAt, ...account }: Account): Omit<Row<'accounts'>, 'spent' | 'leased'> {
  const { id, scope, subject, model, unit, capacity } = account
  return { id, scope, subject, model, unit, capacity, opens_at: opensAt, closes_at: closesAt }
}

/** A reservation's row. */
export function reservationRow(
  call: { readonly id: string; readonly at: number; readonly holder: Holder; readonly details: string },
  state: Row<'reservations'>['state'],
  node: string,
  { money, tokens }: Amounts,
): NewRow<'reservations'> {
  const { key, workspace, model } = call.holder
  return { id: call.id, node, state, at: call.at, key_id: key, workspace, model, money, tokens, details: call.details }
}

/** Reservations as they are, held until the end. */
export async function readReservations(
  { dialect }: Pick<Database, 'dialect'>,
  transaction: Transaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownReservation>> {
  if (ids.length === 0) return new Map()
  const reading = transaction
    .selectFrom('reservations')
    .select(['id', 'state', 'money', 'tokens'])
    .where('id', 'in', [...ids])
    .orderBy('id')
  const rows = await (dialect.rowLocks ? reading.forUpdate() : reading).execute()
  return new Map(rows.map(({ id, ...known }) => [id, known]))
}

/** Gives back all that the node holds. A node with open reservations stays until its lease ends. */
export async function removeNode(database: Database, node: string): Promise<void> {
  await database.query.transaction().execute(async (transaction) => {
    const open = await transaction
      .selectFrom('reservations')
      .select('id')
      .where('node', '=', node)
      .where('state', '=', 'open')
      .limit(1)
      .executeTakeFirst()
    if (open !== undefined) return
    const removed = await transaction
      .deleteFrom('ledger_nodes')
      .where('id', '=', node)
      .returning('id')
      .executeTakeFirst()
    if (removed !== undefined) await returnBlocks(database, transaction, node)
  })
}

/** Takes the node's blocks out of what is leased. */
export async function returnBlocks(
  database: Pick<Database, 'dialect'>,
  transaction: Transaction,
  node: string,
): Promise<void> {
  const blocks = await transaction
    .deleteFrom('blocks')
    .where('node', '=', node)
    .returning(['account', 'amount'])
    .execute()
  const held = blocks.filter(({ amount }) => amount !== 0).sort((a, b) => (a.account < b.account ? -1 : 1))
  await lockAccounts(
    database,
    transaction,
    held.map(({ account }) => account),
  )
  for (const { account, amount } of held) {
    await transaction
      .updateTable('accounts')
      .set(({ eb }) => ({ leased: eb('leased', '-', amount) }))
      .where('id', '=', account)
      .execute()
  }
}
