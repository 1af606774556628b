// What becomes of a node that died: its open reservations are charged as reserved and marked as estimated, the rest of its blocks comes back.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import type { Amounts } from './account.ts'
import { moveBalances } from './balances.ts'
import { returnBlocks, type Transaction } from './ledger-store.ts'

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

/**
 * Settles what dead nodes left. Any node may do it; each dead one is dealt with once. `self` is the node that looks: it lives, however long
 * ago its last beat was.
 */
export async function reclaimDead(parts: ReclaimParts, self?: string): Promise<void> {
  const { query } = parts.database
  const now = parts.clock.now()
  const dead = await query.selectFrom('ledger_nodes').select('id').where('lease_until', '<', now).execute()
  for (const { id } of dead) {
    if (id === self) continue
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
  await moveBalances(
    database,
    transaction,
    calls.map(({ row: { id, at, key_id: key, workspace, model }, charged: by }) => ({
      id,
      at,
      key,
      workspace,
      model,
      by,
    })),
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
