// Opens limits and the ledger over a database and keeps them fresh: what is set on one node counts on all.

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import { actsChannel } from '../audit/acts.ts'
import type { Amounts, ChargedAccount } from './account.ts'
import { type CallChange, closeEstimate, moveBalances, moveReservations } from './balances.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { LedgerParts } from './ledger-steps.ts'
import type { Transaction } from './ledger-store.ts'
import { createPolicy, type MoneyRule, type Policy } from './policy.ts'
import { createRates, type Rates } from './rates.ts'
import { limitStore } from './store.ts'

/** What the wrappers of models need of limits. */
export interface Limits {
  readonly policy: Policy
  readonly rates: Rates
  readonly ledger: Ledger
  /** Changes the charges of calls that are not open any more, within the transaction that changes what they cost. */
  recharge(transaction: Transaction, changes: readonly CallChange[]): Promise<void>
  /** Puts the true cost in the place of an estimated one; false where the call is not estimated. */
  reconcile(transaction: Transaction, id: string, actual: Amounts): Promise<boolean>
  /** Writes what is settled, gives back what is held. */
  stop(): Promise<void>
}

/** What limits are made of. */
export interface LimitsOptions extends Pick<LedgerParts, 'knownCosts' | 'onEstimated' | 'leaseMs' | 'patienceMs'> {
  readonly database: Database
  readonly notices: Notices
  readonly clock: Clock
  readonly log: Log
  readonly budgets: () => Promise<readonly MoneyRule[]>
  /** Told within the transaction of accounts that were charged. */
  readonly onCharged?: (transaction: Transaction, charged: readonly ChargedAccount[]) => Promise<void>
}

/** Acts after which rules are read again. */
const concerns = /^(rate_limit|tier|budget|spend_)/
const wantedChannel = 'ledger-wanted'
const tierChannel = 'tiers'

/** Reads the rules and starts the ledger. */
export async function openLimits(options: LimitsOptions): Promise<Limits> {
  const { database, notices, clock, log } = options
  const policy = await createPolicy({ store: limitStore(database), budgets: options.budgets })
  // One read at a time, and one more for what came meanwhile.
  let reading: Promise<void> | undefined
  let again = false
  const reload = (): void => {
    again = true
    reading ??= (async () => {
      while (again) {
        again = false
        await policy.reload()
      }
    })()
      // The database is away: the notice of the gap reads again when it is back.
      .catch((error: unknown) => log.warn({ err: error }, 'limits could not be read again'))
      .finally(() => {
        reading = undefined
      })
  }
  const told = async (transaction: Transaction, charged: readonly ChargedAccount[]) => {
    const moved = charged.filter(({ account, spent }) => policy.noteSpend(account, spent))
    for (const { account } of moved) await notices.publish(tierChannel, account.id, { within: transaction })
    await options.onCharged?.(transaction, charged)
  }
  const move = async (transaction: Transaction, changes: readonly CallChange[]) => {
    const moved = await moveBalances(database, transaction, changes)
    await told(transaction, moved)
    for (const { account } of moved.filter(({ overdrawn }) => overdrawn)) {
      await notices.publish(wantedChannel, account.id, { within: transaction })
    }
  }
  const ledger = createLedger({
    database,
    clock,
    log,
    ...(options.leaseMs !== undefined && { leaseMs: options.leaseMs }),
    ...(options.patienceMs !== undefined && { patienceMs: options.patienceMs }),
    ...(options.knownCosts !== undefined && { knownCosts: options.knownCosts }),
    ...(options.onEstimated !== undefined && { onEstimated: options.onEstimated }),
    askOthers: (account) => void notices.publish(wantedChannel, account).catch(() => {}),
    onCharged: told,
  })
  const unsubscribe = [
    notices.subscribe(actsChannel, (notice) => {
      if (notice.type === 'gap' || concerns.test(notice.payload)) reload()
    }),
    notices.subscribe(tierChannel, reload),
    notices.subscribe(wantedChannel, (notice) => {
      if (notice.type === 'notice') ledger.yieldAccount(notice.payload)
    }),
  ]
  return {
    policy,
    rates: createRates({ database, clock }),
    ledger,
    async recharge(transaction, changes) {
      await moveReservations(database, transaction, changes)
      await move(transaction, changes)
    },
    async reconcile(transaction, id, actual) {
      const change = await closeEstimate(transaction, id, actual)
      if (change !== undefined) await move(transaction, [change])
      return change !== undefined
    },
    async stop() {
      for (const end of unsubscribe) end()
      await reading
      await ledger.stop()
    },
  }
}
