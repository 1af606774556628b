// Decides which of the waiting calls fit into what is left of their accounts, and how much to lease for them. Pure: no database, no clock.
import { type Account, type Amounts, drawOf } from './account.ts'
import { type Hold, setHold } from './ledger-blocks.ts'
import type { Figures } from './ledger-store.ts'

/** A call that needs more than is leased. */
export interface Asking {
  readonly holds: readonly Hold[]
  /** What it wants to hold in all. */
  readonly amounts: Amounts
}

/** The account that a call did not fit into. */
export interface Shortage {
  readonly account: Account
  readonly figures: Figures
  /** Other nodes hold enough of it to make room, if they do not need it. */
  readonly contended: boolean
}

/** An account's figures after this step's charges. */
export interface Standing extends Figures {
  /** What this node holds of it. */
  readonly mine: number
}

/** What was decided. */
export interface Decision<Call> {
  /** They hold what they wanted, from now on. */
  readonly accepted: readonly Call[]
  readonly refused: readonly { readonly call: Call; readonly shortage: Shortage }[]
  /** What to lease in addition, by account. */
  readonly grants: ReadonlyMap<string, number>
}

// Of what is left of an account, the part that one node leases ahead of need: near its end nearly nothing, so that no node keeps the last of it.
const aheadPart = 8
const firstAhead = 4

const nothing: Standing = { spent: 0, leased: 0, mine: 0 }

/** Goes through the calls in order of arrival. */
export function decide<Call extends Asking>(
  calls: readonly Call[],
  standing: ReadonlyMap<string, Standing>,
): Decision<Call> {
  const grants = new Map<string, number>()
  const room = (hold: Hold) => {
    const { spent, leased } = standing.get(hold.account.id) ?? nothing
    return (hold.account.capacity ?? 0) - spent - leased - (grants.get(hold.account.id) ?? 0)
  }
  const missing = (hold: Hold, amounts: Amounts) => {
    if (hold.block === undefined) return 0
    const open = hold.block.open + drawOf(hold.account, amounts) - hold.amount
    return Math.max(0, open - hold.block.amount - (grants.get(hold.account.id) ?? 0))
  }
  const accepted: Call[] = []
  const refused: { call: Call; shortage: Shortage }[] = []
  for (const call of calls) {
    const short = call.holds.find((hold) => missing(hold, call.amounts) > Math.max(0, room(hold)))
    if (short !== undefined) {
      const known = standing.get(short.account.id) ?? nothing
      const elsewhere = known.leased - known.mine
      const contended = elsewhere > 0 && missing(short, call.amounts) <= Math.max(0, room(short)) + elsewhere
      refused.push({ call, shortage: { account: short.account, figures: known, contended } })
      continue
    }
    for (const hold of call.holds) {
      const lacking = missing(hold, call.amounts)
      if (lacking > 0) grants.set(hold.account.id, (grants.get(hold.account.id) ?? 0) + lacking)
      setHold(hold, drawOf(hold.account, call.amounts))
    }
    accepted.push(call)
  }
  leaseAhead(accepted, grants, room)
  return { accepted, refused, grants }
}

/** Whoever had to ask will ask again: each time twice as much, up to a part of what is left. */
function leaseAhead(accepted: readonly Asking[], grants: Map<string, number>, room: (hold: Hold) => number): void {
  const holds = new Map(accepted.flatMap((call) => call.holds.map((hold) => [hold.account.id, hold])))
  for (const [id, granted] of [...grants]) {
    const hold = holds.get(id)
    if (hold?.block === undefined || granted === 0) continue
    hold.block.target = Math.max(hold.block.target * 2, hold.amount * firstAhead)
    grants.set(id, granted + Math.max(0, Math.min(hold.block.target, Math.floor(room(hold) / aheadPart))))
  }
}
