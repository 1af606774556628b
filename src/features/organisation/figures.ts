// What a key's holder sees of it with the key alone: the limits that hold, what this month has cost, what is left, and the last failures.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Tables } from '../../database/tables.ts'
import type { Caller } from '../../wire/exchange.ts'
import { seconds } from '../../wire/times.ts'
import type { Account } from '../limits/account.ts'
import { spentIn } from '../limits/ledger-store.ts'
import type { Limits } from '../limits/open.ts'
import type { RateRule } from '../limits/policy.ts'
import { sumUsage } from '../usage/report.ts'
import { type LastError, lastErrors } from './last-errors.ts'

/** What other features tell a key's holder, each in the words of the API. */
export interface OwnFigures {
  /** The limits that hold for the key. */
  limits(caller: Caller): Promise<object>
  /** What it spent, and what is left. */
  spend(caller: Caller): Promise<object>
  /** Its last failed and refused requests, the newest first. */
  lastErrors(caller: Caller): Promise<LastError[]>
}

/** What they are read from. */
export interface FigureSources {
  /** Reads reports, beside the server's own queries. */
  readonly query: Kysely<Tables>
  readonly limits: Pick<Limits, 'policy'>
  /** Names of the models that the caller may use. */
  readonly models: (caller: Caller) => readonly string[]
  readonly clock: Clock
}

const nano = 1_000_000_000

/** Reads them from limits and usage. */
export function ownFigures({ query, limits, models, clock }: FigureSources): OwnFigures {
  const accountsOf = (caller: Caller) => {
    const rules = models(caller).map((model) =>
      limits.policy.of({ key: caller.payer ?? caller.id, workspace: caller.workspace, model }, clock.now()),
    )
    const accounts = new Map(rules.flatMap((rule) => rule.accounts.map((account) => [account.id, account])))
    const rates = new Map(rules.flatMap((rule) => rule.rates.map((rate) => [rate.id, rate])))
    return { accounts: [...accounts.values()], rates: [...rates.values()] }
  }
  return {
    async limits(caller) {
      const { accounts, rates } = accountsOf(caller)
      const balances = accounts.filter(({ unit, capacity }) => unit !== 'money' && capacity !== null)
      return {
        rates: rates.map(rateObject),
        balances: await balancesOf(query, balances, 1),
      }
    },
    async spend(caller) {
      const [from, to] = monthOf(clock.now())
      const sums = await sumUsage(query, { width: 'day', from, to, groupBy: [], keys: [caller.id] })
      const budgets = accountsOf(caller).accounts.filter(({ unit, capacity }) => unit === 'money' && capacity !== null)
      return {
        month_start: seconds(from),
        this_month: sums.map(({ currency, cost, requests, errors, promptTokens, completionTokens }) => ({
          ...{ currency, amount: cost / nano, requests, errors, prompt_tokens: promptTokens },
          completion_tokens: completionTokens,
        })),
        budgets: await balancesOf(query, budgets, nano),
      }
    },
    lastErrors: (caller) => lastErrors(query, caller),
  }
}

function rateObject({ scope, model, unit, seconds: per, limit }: RateRule): object {
  return { scope, model, unit, per_seconds: per, limit }
}

/** How the accounts stand in the database, over all nodes. */
async function balancesOf(query: Kysely<Tables>, accounts: readonly Account[], scale: number): Promise<object[]> {
  if (accounts.length === 0) return []
  const ids = accounts.map(({ id }) => id)
  const rows = await query.selectFrom('accounts').select(['id', 'spent', 'leased']).where('id', 'in', ids).execute()
  const known = new Map(rows.map((row) => [row.id, row]))
  const shown: object[] = []
  for (const account of accounts) {
    const row = known.get(account.id)
    // Places among parallel requests are never spent, only held.
    const used =
      row === undefined ? await spentIn(query, account) : account.unit === 'parallel' ? row.leased : row.spent
    shown.push(balanceObject(account, Math.max(0, (account.capacity ?? 0) - used), scale))
  }
  return shown
}

/** Money in units of the currency, tokens and requests as they are. */
function balanceObject(account: Account, remaining: number, scale: number): object {
  const { scope, subject, model, unit, capacity, opensAt, closesAt } = account
  return {
    ...{ scope, subject, model, unit, limit: (capacity ?? 0) / scale, remaining: remaining / scale },
    opened_at: seconds(opensAt),
    // What never closes has no end to tell.
    resets_at: Number.isSafeInteger(closesAt) && closesAt < 8_640_000_000_000_000 ? seconds(closesAt) : null,
  }
}

/** The calendar month in UTC, as La Plateforme counts. */
function monthOf(now: number): readonly [from: number, to: number] {
  const date = new Date(now)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)]
}
