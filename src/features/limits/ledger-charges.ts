// What a step charges: the sums over its settled calls, by account and by quarter of an hour. Pure.
import { type Account, type Amounts, chargeOf, subjectsOf } from './account.ts'
import type { Entry } from './ledger.ts'
import { type Block, type Hold, releasedOf } from './ledger-blocks.ts'
import type { SpendChange } from './ledger-store.ts'

/** How the charges of a step change one account. */
export interface Change {
  readonly account: Account
  spent: number
  /** What of this node's block is charged or given back, and so no longer leased. */
  released: number
}

/** All charges of a step. */
export interface Charges {
  readonly changes: Map<string, Change>
  readonly spend: readonly SpendChange[]
  /** What was taken from a block here and is not charged after all: another call with the same id was. */
  readonly restores: ReadonlyMap<Block, number>
}

/** What is known of a call in the database whose node lost its lease. */
export interface KnownReservation extends Amounts {
  readonly state: 'open' | 'settled' | 'estimated'
}

/** What a step found out while it wrote the reservations. */
export interface Findings {
  /** Ids that were written; a settled call that is missing here was charged before. */
  readonly written: ReadonlySet<string>
  /** Calls that began before the node lost its lease, as others left them. */
  readonly before: ReadonlyMap<string, KnownReservation>
  readonly life: number
}

const quarterMs = 15 * 60_000

/** Sums up. */
export function sumCharges(settled: readonly Entry[], findings: Findings): Charges {
  const changes = new Map<string, Change>()
  const spend = new Map<string, SpendChange>()
  const restores = new Map<Block, number>()
  for (const entry of settled) {
    const charged = entry.settled ?? { money: 0, tokens: 0 }
    const stray = entry.life !== findings.life
    const known = findings.before.get(entry.request.id)
    if (known?.state === 'settled' || (!stray && !findings.written.has(entry.request.id))) {
      if (!stray) for (const held of entry.holds) add(restores, held.block, releasedOf(held, charged))
      continue
    }
    const already = known ?? { money: 0, tokens: 0 }
    for (const held of entry.holds) {
      const change = changeOf(changes, held)
      change.spent += chargeOf(held.account, charged) - chargeOf(held.account, already)
      if (!stray) change.released += releasedOf(held, charged)
    }
    addSpend(spend, entry, { money: charged.money - already.money, tokens: charged.tokens - already.tokens })
  }
  return { changes, spend: sorted(spend), restores }
}

/** The change of an account, made where it is the first. */
export function changeOf(changes: Map<string, Change>, { account }: Pick<Hold, 'account'>): Change {
  const change = changes.get(account.id) ?? { account, spent: 0, released: 0 }
  changes.set(account.id, change)
  return change
}

/** The call's additions to the quarter of an hour in which it began. */
export function spendChanges(
  call: { readonly at: number; readonly key: string; readonly workspace: string; readonly model: string },
  { money, tokens }: Amounts,
): readonly SpendChange[] {
  const quarter = call.at - (call.at % quarterMs)
  return subjectsOf(call).map((who) => ({ ...who, quarter, model: call.model, money, tokens }))
}

function addSpend(sums: Map<string, SpendChange>, { request }: Entry, amounts: Amounts): void {
  if (amounts.money === 0 && amounts.tokens === 0) return
  for (const change of spendChanges({ at: request.at, ...request.holder }, amounts)) {
    const id = [change.scope, change.subject, change.quarter, change.model].join('\n')
    const sum = sums.get(id)
    sums.set(
      id,
      sum === undefined ? change : { ...sum, money: sum.money + change.money, tokens: sum.tokens + change.tokens },
    )
  }
}

/** In one order everywhere, so that nodes never wait for each other in a ring. */
function sorted(sums: ReadonlyMap<string, SpendChange>): readonly SpendChange[] {
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change)
}

function add(sums: Map<Block, number>, block: Block | undefined, amount: number): void {
  if (block !== undefined && amount > 0) sums.set(block, (sums.get(block) ?? 0) + amount)
}
