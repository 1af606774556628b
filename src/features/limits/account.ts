// What an account of the ledger is: a balance of money, tokens or parallel requests for one calendar window. Types only.

/** Whose limit or balance it is. */
export type Scope = 'organisation' | 'workspace' | 'key'

/** Money in nano-units, tokens, or requests that run at the same time. */
export type Unit = 'money' | 'tokens' | 'parallel'

/** One balance. Two calls share it when its id is the same. */
export interface Account {
  /** The rule it comes from and its window, as in `budget_01…@1767225600000`. */
  readonly id: string
  readonly scope: Scope
  readonly subject: string
  /** A model's own name, or `*`. */
  readonly model: string
  readonly unit: Unit
  /** Milliseconds since 1970; `closesAt` belongs to the next window. */
  readonly opensAt: number
  readonly closesAt: number
  /** What may be spent; null: it is only counted. */
  readonly capacity: number | null
}

/** What a call takes of its accounts, by unit. Parallel requests are always one. */
export interface Amounts {
  /** Nano-units. */
  readonly money: number
  readonly tokens: number
}

/** Whose call it is. */
export interface Holder {
  readonly key: string
  readonly workspace: string
  readonly model: string
}

/** The one organisation of an installation, as subject of limits and budgets. */
export const organisation = 'organisation'

/** Who pays for a call, from the nearest to the whole house. */
export function subjectsOf(holder: Pick<Holder, 'key' | 'workspace'>): readonly { scope: Scope; subject: string }[] {
  return [
    { scope: 'key', subject: holder.key },
    { scope: 'workspace', subject: holder.workspace },
    { scope: 'organisation', subject: organisation },
  ]
}

/** What of the amounts an account counts while a call is open. */
export function drawOf({ unit }: Account, amounts: Amounts): number {
  return unit === 'parallel' ? 1 : amounts[unit]
}

/** What of the amounts an account keeps when a call is settled: a place among parallel requests comes back whole. */
export function chargeOf({ unit }: Account, amounts: Amounts): number {
  return unit === 'parallel' ? 0 : amounts[unit]
}

/** An account after a charge. */
export interface ChargedAccount {
  readonly account: Account
  readonly spent: number
}
