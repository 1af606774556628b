// One step of a node: everything that waits goes into one transaction, and counts here only once it is known to be in the database.

import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import { type Account, type ChargedAccount, drawOf } from './account.ts'
import { type Block, setHold } from './ledger-blocks.ts'
import { type Charges, changeOf, sumCharges } from './ledger-charges.ts'
import type { Caller, Desk, Entry, Waiting } from './ledger-desk.ts'
import { type Decision, decide, type Standing } from './ledger-grant.ts'
import { prune, type ReclaimHooks, reclaimDead } from './ledger-reclaim.ts'
import {
  type AccountChange,
  addNode,
  addSpend,
  beat,
  lockAccounts,
  openAccounts,
  readReservations,
  removeNode,
  reservationRow,
  type Transaction,
  writeAccounts,
  writeReservations,
} from './ledger-store.ts'

/** What a ledger is made of, and its times in milliseconds. */
export interface LedgerParts extends ReclaimHooks {
  readonly database: Database
  readonly clock: Clock
  readonly log?: Log
  /** How long a dead node keeps its blocks from the others; 10,000. */
  readonly leaseMs?: number
  /** Steps are at least this far apart, so that many calls share one; 2. */
  readonly paceMs?: number
  /** How long a call waits for other nodes to give back what they do not need, at least; 400. */
  readonly patienceMs?: number
  /** Asks the other nodes for what is free of an account. */
  readonly askOthers?: (account: string) => void
  /** Told within the transaction how accounts that were charged stand now. */
  readonly onCharged?: (transaction: Transaction, charged: readonly ChargedAccount[]) => Promise<void>
}

/** Runs steps. */
export interface Steps {
  /** Milliseconds to wait before the next one; undefined where the database did not answer. */
  run(heartbeat: boolean): Promise<number | undefined>
  /** Whether this node's blocks are its own for certain, without asking. */
  leased(): boolean
  /** Gives back everything. */
  leave(): Promise<void>
}

/** What a step took from the desk and decided. It counts when the transaction is known to be committed. */
interface Plan {
  readonly taken: readonly { readonly entry: Entry; readonly settled: boolean; readonly written: Waiting | undefined }[]
  readonly returns: ReadonlyMap<Block, number>
  charges: Charges | undefined
  decision: Decision<Caller> | undefined
}

/** Where a step writes. */
interface Place {
  readonly transaction: Transaction
  readonly node: string
}

// Rows of one statement; PostgreSQL takes 65,535 parameters and SQLite 32,766.
const mostEntries = 500
// Another node needs about this long to hear of a wish and to give back.
const contendedPauseMs = 25
// And it is given as many turns, however long ago the call began: on a machine under load steps are slow here and there alike.
const fewestAsks = 16
const pruneEveryMs = 3_600_000

/** Steps over the desk. */
export function createSteps(desk: Desk, parts: LedgerParts & { readonly leaseMs: number }): Steps {
  const { database, clock, log } = parts
  let node: string | undefined
  /** Of this node, the last one that is known to be in the database. */
  let step = 0
  let leasedUntil = Number.NEGATIVE_INFINITY
  let prunedAt = clock.elapsed()
  /** A step whose answer did not come: the next one finds out whether it is in the database. */
  let unsure: Plan | undefined

  /** True while the node is known to the others. */
  const announce = async (transaction: Transaction): Promise<boolean> => {
    const leaseUntil = clock.now() + parts.leaseMs
    if (node === undefined) {
      node = newId('node', clock)
      step = -1
      await addNode(transaction, node, leaseUntil)
      return true
    }
    const counted = await beat(transaction, node, leaseUntil)
    if (counted === undefined) return false
    if (unsure !== undefined) (counted > step + 1 ? confirm : undo)(desk, unsure)
    unsure = undefined
    step = counted - 1
    return true
  }
  const attempt = async (): Promise<Plan | 'lost'> =>
    await database.query.transaction().execute(async (transaction) => {
      if (!(await announce(transaction))) return 'lost'
      const plan = take(desk)
      unsure = plan
      await write(plan, desk, { transaction, node: node ?? '' }, parts)
      return plan
    })
  const forget = () => {
    if (unsure !== undefined) undo(desk, unsure)
    unsure = undefined
    node = undefined
    leasedUntil = Number.NEGATIVE_INFINITY
  }
  return {
    leased: () => clock.elapsed() < leasedUntil,
    async run(heartbeat) {
      if (heartbeat) returnIdle(desk)
      const begun = clock.elapsed()
      try {
        await openMissing(desk, parts)
        const plan = await attempt()
        if (plan === 'lost') {
          log?.warn({ node }, 'the lease of the ledger is lost: the database did not answer for longer than it lasts')
          forget()
          desk.life += 1
          desk.blocks.clear()
          refuseAll(desk, fail('database_unavailable', { reason: 'this node was cut off from it for too long' }))
          return 0
        }
        confirm(desk, plan)
        unsure = undefined
        step += 1
        // Less than the whole lease, for clocks that do not run alike.
        leasedUntil = begun + parts.leaseMs * 0.8
        if (heartbeat) await reclaimDead(parts, node)
        if (clock.elapsed() - prunedAt > pruneEveryMs) {
          prunedAt = clock.elapsed()
          await prune(database, clock.now())
          for (const [id, closesAt] of desk.opened) if (closesAt < clock.now()) desk.opened.delete(id)
        }
        return answer(desk, plan, parts)
      } catch (error) {
        log?.warn({ err: error }, 'a step of the ledger failed')
        for (const { written } of unsure?.taken ?? []) written?.reject(error)
        refuseAll(desk, error)
        return undefined
      }
    },
    async leave() {
      if (node === undefined || desk.dirty.size > 0 || unsure !== undefined) return
      // What still runs is charged as reserved when the lease ends.
      if ([...desk.blocks.all()].every(({ open }) => open === 0)) await removeNode(database, node)
      forget()
    },
  }
}

/** Accounts that nobody drew on before, or not on this node. */
async function openMissing(desk: Desk, { database }: LedgerParts): Promise<void> {
  const missing = new Map<string, Account>()
  for (const { holds } of [...desk.dirty, ...desk.callers]) {
    for (const { account } of holds) if (!desk.opened.has(account.id)) missing.set(account.id, account)
  }
  if (missing.size === 0) return
  await openAccounts(database, [...missing.values()])
  for (const { id, closesAt } of missing.values()) desk.opened.set(id, closesAt)
}

const isOpened = (desk: Desk, { holds }: Pick<Entry, 'holds'>) =>
  holds.every(({ account }) => desk.opened.has(account.id))

/** What no call has drawn on since the last beat goes back with the next step. */
function returnIdle(desk: Desk): void {
  for (const block of desk.blocks.all()) {
    if (!block.used) {
      block.target = 0
      block.wanted = block.amount > block.open
      if (block.amount === 0 && block.stored === 0) desk.blocks.drop(block.account.id)
    }
    block.used = block.open > 0
  }
}

/** Takes what waits to be written, and what is to be given back. */
function take(desk: Desk): Plan {
  const ready = [...desk.dirty].filter((entry) => isOpened(desk, entry)).slice(0, mostEntries)
  const taken = ready.map((entry) => {
    desk.dirty.delete(entry)
    const { written } = entry
    entry.written = undefined
    return { entry, settled: entry.settled !== undefined, written }
  })
  const returns = new Map<Block, number>()
  for (const block of desk.blocks.all()) {
    const free = block.wanted ? block.amount - block.open : 0
    block.wanted = false
    if (free <= 0) continue
    block.amount -= free
    returns.set(block, free)
  }
  return { taken, returns, charges: undefined, decision: undefined }
}

/** Writes a plan and decides about the callers. */
async function write(plan: Plan, desk: Desk, place: Place, parts: LedgerParts): Promise<void> {
  const { transaction, node } = place
  const { life } = desk
  const settled = plan.taken.filter((taken) => taken.settled).map(({ entry }) => entry)
  const open = plan.taken.filter((taken) => !taken.settled && taken.entry.life === life).map(({ entry }) => entry)
  const settledRow = (entry: Entry) => reservationRow(entry.request, 'settled', node, entry.settled ?? entry.amounts)
  const stray = settled.filter((entry) => entry.life !== life)
  const before = await readReservations(
    parts.database,
    transaction,
    stray.map(({ request }) => request.id),
  )
  await writeReservations(parts.database, transaction, stray.map(settledRow), 'open or estimated')
  const written = await writeReservations(parts.database, transaction, [
    ...settled.filter((entry) => entry.life === life).map(settledRow),
    ...open.map((entry) => reservationRow(entry.request, 'open', node, entry.amounts)),
  ])
  const charges = sumCharges(settled, { written, before, life })
  for (const [{ account }, free] of plan.returns) changeOf(charges.changes, { account }).released += free
  plan.charges = charges
  const callers = desk.callers.filter(({ entry }) => isOpened(desk, entry))
  const limited = callers.flatMap(({ holds }) => holds.flatMap(({ account, block }) => (block ? [account] : [])))
  const accounts = new Map(limited.map((account) => [account.id, account]))
  // Places among parallel requests come and go without a change of the balance.
  for (const [id, { spent, released }] of charges.changes) {
    if (spent === 0 && released === 0) charges.changes.delete(id)
  }
  for (const { account } of charges.changes.values()) if (!accounts.has(account.id)) accounts.set(account.id, account)
  const figures = await lockAccounts(parts.database, transaction, [...accounts.keys()].sort())
  const standing = new Map<string, Standing>()
  for (const id of accounts.keys()) {
    const { spent, released } = charges.changes.get(id) ?? { spent: 0, released: 0 }
    const found = figures.get(id) ?? { spent: 0, leased: 0 }
    const mine = (desk.blocks.find(id)?.stored ?? 0) - released
    standing.set(id, { spent: found.spent + spent, leased: found.leased - released, mine })
  }
  const decision = decide(callers, standing)
  plan.decision = decision
  for (const [id, { spent, leased }] of standing) {
    const block = desk.blocks.find(id)
    if (block !== undefined)
      block.room = (block.account.capacity ?? 0) - spent - leased - (decision.grants.get(id) ?? 0)
  }
  const asked = decision.accepted.map(({ entry, amounts }) => reservationRow(entry.request, 'open', node, amounts))
  await writeReservations(parts.database, transaction, asked)
  const changed = [...accounts.values()].filter(({ id }) => charges.changes.has(id) || decision.grants.has(id))
  await writeAccounts(
    parts.database,
    transaction,
    node,
    changed.map((account) => accountChange(account, standing, decision, desk)).sort(byAccount),
  )
  await addSpend(parts.database, transaction, charges.spend)
  const charged = changed
    .filter(({ id }) => (charges.changes.get(id)?.spent ?? 0) !== 0)
    .map((account): ChargedAccount => ({ account, spent: standing.get(account.id)?.spent ?? 0 }))
  if (charged.length > 0) await parts.onCharged?.(transaction, charged)
}

function accountChange(
  account: Account,
  standing: ReadonlyMap<string, Standing>,
  { grants }: Decision<Caller>,
  desk: Desk,
): AccountChange {
  const { spent, leased, mine } = standing.get(account.id) ?? { spent: 0, leased: 0, mine: 0 }
  const granted = grants.get(account.id) ?? 0
  const block = desk.blocks.find(account.id)
  return {
    account: block?.account ?? account,
    figures: { spent, leased: leased + granted },
    ...(block !== undefined && { block: mine + granted }),
  }
}

const byAccount = (a: AccountChange, b: AccountChange) => (a.account.id < b.account.id ? -1 : 1)

/** The plan is in the database. */
function confirm(desk: Desk, { taken, charges, decision }: Plan): void {
  for (const { released, account } of charges?.changes.values() ?? []) {
    const block = desk.blocks.find(account.id)
    if (block !== undefined) block.stored -= released
  }
  for (const [block, restored] of charges?.restores ?? []) block.amount += restored
  for (const [id, granted] of decision?.grants ?? []) {
    const block = desk.blocks.find(id)
    if (block === undefined) continue
    block.amount += granted
    block.stored += granted
  }
  for (const { written } of taken) written?.resolve()
  for (const caller of decision?.accepted ?? []) settleCaller(desk, caller, true)
}

/** The plan is not in the database: everything is as it was before it. */
function undo(desk: Desk, { taken, returns, decision }: Plan): void {
  for (const [block, free] of returns) block.amount += free
  for (const { entry, settled } of taken) if (settled) desk.dirty.add(entry)
  for (const caller of decision?.accepted ?? []) settleCaller(desk, caller, false)
}

/** A caller that was given up meanwhile, because the answer did not come, holds no more than before. */
function settleCaller(desk: Desk, caller: Caller, written: boolean): void {
  const { entry, amounts } = caller
  if (!caller.givenUp && written) {
    entry.amounts = amounts
    caller.waiting.resolve()
    desk.callers = desk.callers.filter((other) => other !== caller)
    return
  }
  if (entry.settled !== undefined) return
  for (const held of entry.holds) setHold(held, drawn(held.account, entry))
  if (caller.first && written) {
    entry.settled = { money: 0, tokens: 0 }
    desk.dirty.add(entry)
  }
}

function drawn(account: Account, { amounts, reserved }: Entry): number {
  return reserved ? drawOf(account, amounts) : 0
}

/** Who waits is told that it will not be. */
function refuseAll(desk: Desk, error: unknown): void {
  for (const caller of desk.callers) {
    caller.givenUp = true
    caller.waiting.reject(error)
  }
  desk.callers = []
  for (const entry of desk.dirty) {
    entry.written?.reject(error)
    entry.written = undefined
    if (entry.settled === undefined) desk.dirty.delete(entry)
  }
}

/** Tells the callers that did not fit; those for whom another node may make room wait a little. Milliseconds until the next step. */
function answer(desk: Desk, { decision }: Plan, parts: LedgerParts): number {
  const now = parts.clock.elapsed()
  let patient = 0
  for (const { call, shortage } of decision?.refused ?? []) {
    if (shortage.contended && (now < call.patientUntil || call.asked < fewestAsks)) {
      patient += 1
      call.asked += 1
      parts.askOthers?.(shortage.account.id)
      continue
    }
    desk.callers = desk.callers.filter((other) => other !== call)
    call.waiting.reject(call.entry.request.refuse(shortage))
  }
  return patient > 0 && patient === desk.callers.length ? contendedPauseMs : 0
}
