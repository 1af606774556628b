// What this node holds of each account: blocks leased from the database, out of which calls reserve without asking it. Pure arithmetic, no waiting.
import { type Account, type Amounts, chargeOf, drawOf } from './account.ts'

/** A node's part of an account. Free is what is leased and not reserved. */
export interface Block {
  account: Account
  /** Leased by this node and not charged yet; includes what is open. */
  amount: number
  /** Reserved by calls that run. */
  open: number
  /** What the database says that the node holds: charges and returns that are not written yet are still in it. */
  stored: number
  /** What was left of the account when the database was asked last, beyond what nodes hold. */
  room: number
  /** How much more than needed to lease at once; grows while calls keep asking. */
  target: number
  /** Whether a call drew on it since the last beat. */
  used: boolean
  /** Another node needs it, or the capacity was lowered: what is free goes back with the next step. */
  wanted: boolean
}

/** What one call holds of one account. */
export interface Hold {
  readonly account: Account
  /** Undefined where the account is only counted. */
  readonly block: Block | undefined
  amount: number
}

/** All blocks of this node, by the account's id. */
export interface Blocks {
  of(account: Account): Block
  all(): IterableIterator<Block>
  find(id: string): Block | undefined
  drop(id: string): void
  clear(): void
  /** Whether another node needs some of them. */
  areWanted(): boolean
}

/** No blocks yet. */
export function createBlocks(): Blocks {
  const blocks = new Map<string, Block>()
  return {
    of(account) {
      let block = blocks.get(account.id)
      if (block === undefined) {
        block = {
          account,
          amount: 0,
          open: 0,
          stored: 0,
          room: account.capacity ?? 0,
          target: 0,
          used: true,
          wanted: false,
        }
        blocks.set(account.id, block)
      }
      // The newest rule counts. What was leased ahead under a higher capacity may be more than is left: it goes back first.
      if ((account.capacity ?? 0) < (block.account.capacity ?? 0)) block.wanted = true
      block.account = account
      block.used = true
      return block
    },
    all: () => blocks.values(),
    find: (id) => blocks.get(id),
    drop: (id) => void blocks.delete(id),
    clear: () => blocks.clear(),
    areWanted() {
      for (const { wanted } of blocks.values()) if (wanted) return true
      return false
    },
  }
}

/** The holds of a call that has none yet. */
export function emptyHolds(blocks: Blocks, accounts: readonly Account[]): Hold[] {
  return accounts.map((account) => ({
    account,
    block: account.capacity === null ? undefined : blocks.of(account),
    amount: 0,
  }))
}

/** Whether the holds can grow to the amounts out of what is leased already and nobody else wants. */
export function fits(holds: readonly Hold[], amounts: Amounts): boolean {
  return holds.every(({ account, block, amount }) => {
    const more = drawOf(account, amounts) - amount
    return block === undefined || more <= 0 || (!block.wanted && more <= block.amount - block.open)
  })
}

/** Sets the holds to the amounts. */
export function hold(holds: readonly Hold[], amounts: Amounts): void {
  for (const held of holds) setHold(held, drawOf(held.account, amounts))
}

/** Sets a hold to an amount. */
export function setHold(held: Hold, amount: number): void {
  if (held.block !== undefined) held.block.open += amount - held.amount
  held.amount = amount
}

/** Charges a call: what it held and did not use is free again. A charge beyond what was held comes out of nothing leased. */
export function release(holds: readonly Hold[], amounts: Amounts): void {
  for (const held of holds) {
    const charge = releasedOf(held, amounts)
    const { block, amount } = held
    if (block === undefined) continue
    block.open -= amount
    block.amount -= charge
  }
}

/** What of a charge was leased before. */
export function releasedOf({ account, block, amount }: Hold, amounts: Amounts): number {
  return block === undefined ? 0 : Math.min(chargeOf(account, amounts), amount)
}
