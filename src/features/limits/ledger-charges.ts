// What a step charges: the sums over its settled calls, by account and by quarter of an hour. Pure.

import { type Account, type Amounts, chargeOf, subjectsOf } from './account.ts'
import { type Block, type Hold, releasedOf } from './ledger-blocks.ts'
import type { Entry } from './ledger-desk.ts'
import type { KnownReservation, SpendChange } from './ledger-store.ts'

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
  const spent: ChargedCall[] = []
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
    const amounts = { money: charged.money - already.money, tokens: charged.tokens - already.tokens }
    spent.push({ call: { at: entry.request.at, ...entry.request.holder }, amounts })
  }
  return { changes, spend: sumSpend(spent), restores }
}

/** The change of an account, made where it is the first. */
export function changeOf(changes: Map<string, Change>, { account }: Pick<Hold, 'account'>): Change {
  const change = changes.get(account.id) ?? { account, spent: 0, released: 0 }
  changes.set(account.id, change)
  return change
}

/** What a call adds to what was spent. */
export interface ChargedCall {
  readonly call: { readonly at: number; readonly key: string; readonly workspace: string; readonly model: string }
  readonly amounts: Amounts
}

/** The sums of what calls add to the quarters of an hour in which they began; in one order everywhere, so that nodes never wait for each other in a ring. */
export function sumSpend(calls: readonly ChargedCall[]): readonly SpendChange[] {
  const sums = new Map<string, SpendChange>()
  for (const { call, amounts } of calls) {
    const { money, tokens } = amounts
    if (money === 0 && tokens === 0) continue
    const quarter = call.at - (call.at % quarterMs)
    for (const { scope, subject } of subjectsOf(call)) {
      const id = `${scope}\n${subject}\n${quarter}\n${call.model}`
      const sum = sums.get(id)
      if (sum === undefined) sums.set(id, { scope, subject, quarter, model: call.model, money, tokens })
      else sums.set(id, { ...sum, money: sum.money + money, tokens: sum.tokens + tokens })
    }
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change)
}

function add(sums: Map<Block, number>, block: Block | undefined, amount: number): void {
  if (block !== undefined && amount > 0) sums.set(block, (sums.get(block) ?? 0) + amount)
}
