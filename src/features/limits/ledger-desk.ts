// What waits for the next step of a ledger: calls that begin, change or end, each with whoever waits for it.

import type { Failure } from '../../base/errors.ts'
import type { Account, Amounts, Holder } from './account.ts'
import type { Blocks, Hold } from './ledger-blocks.ts'
import type { Shortage } from './ledger-grant.ts'

/** A call that wants to begin. */
export interface ReservationRequest {
  /** A call with the same id is charged once, whatever happens. */
  readonly id: string
  /** When it began, milliseconds since 1970: decides the windows. */
  readonly at: number
  readonly holder: Holder
  readonly accounts: readonly Account[]
  readonly amounts: Amounts
  /** JSON: what a usage row needs if this node dies. */
  readonly details: string
  /** The failure to throw where an account has no room. */
  refuse(shortage: Shortage): Failure
}

/** One call in the ledger of this node. */
export interface Entry {
  readonly request: ReservationRequest
  readonly holds: Hold[]
  /** Which stretch of this node's life it began in: after a lost lease its blocks are gone. */
  readonly life: number
  amounts: Amounts
  /** False until it holds what it asked for first. */
  reserved: boolean
  settled: Amounts | undefined
  /** Waits for the next write. */
  written: Waiting | undefined
}

/** Somebody who waits for a step. */
export interface Waiting {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/** A call that is not covered by what is leased. */
export interface Caller {
  readonly entry: Entry
  readonly holds: readonly Hold[]
  readonly amounts: Amounts
  readonly waiting: Waiting
  /** `clock.elapsed()` after which it is refused even where another node may give something back, if that was asked often enough. */
  readonly patientUntil: number
  /** How often the others were asked for it. */
  asked: number
  /** Whether it has nothing yet: nobody else would settle it. */
  readonly first: boolean
  /** It was told that the database does not answer. */
  givenUp: boolean
}

/** Everything that waits for the next step. */
export interface Desk {
  readonly blocks: Blocks
  readonly dirty: Set<Entry>
  callers: Caller[]
  /** Accounts that are in the database for certain, and when their windows close. */
  readonly opened: Map<string, number>
  /** Raised by one when a lease was lost. */
  life: number
}
