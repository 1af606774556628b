// What one call holds of its limits and budgets, from before it begins until it is settled.

import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { LimitState, LimitWindow } from '../../wire/limits.ts'
import type { CallContext, ModelCard, Usage } from '../../wire/model.ts'
import { type Account, type Amounts, drawOf } from '../limits/account.ts'
import type { Ledger, Reservation } from '../limits/ledger.ts'
import type { Shortage } from '../limits/ledger-grant.ts'
import type { Policy, Rules } from '../limits/policy.ts'
import type { RateState, Rates, Taken } from '../limits/rates.ts'
import type { Prices } from '../prices/book.ts'
import { costOf, type Price } from '../prices/price.ts'
import type { Charges } from './charges.ts'
import type { ReservedDetails } from './estimated.ts'
import { accountRefusal, rateRefusal } from './refusals.ts'

/** What a reservation is made with. */
export interface Reserving {
  readonly clock: Clock
  readonly policy: Policy
  readonly rates: Rates
  readonly ledger: Ledger
  readonly prices: Prices
  readonly charges: Charges
}

/** A call that wants to begin. */
export interface Wanted {
  readonly card: ModelCard
  readonly operation: 'chat' | 'complete' | 'embed' | 'rank'
  readonly context: CallContext
  /** Estimated. */
  readonly promptTokens: number
  /** Counts the prompt by the model's tokenizer. */
  count(): Promise<number>
  /** Tokens it may generate, as far as is known. */
  readonly completionTokens: number
}

/** What a call holds. */
export interface Held {
  readonly callId: string
  /** Tokens that are covered beyond the prompt. */
  completionTokens(): number
  /** The model began and counted the prompt: holds exactly that, durably, or throws before anybody sees an answer. */
  begin(promptTokens: number): Promise<void>
  /** Covers so many tokens more. */
  grow(tokens: number): Promise<void>
  /** The model ended: what it used is known. Throws where it used more than there is room for. */
  end(usage: Usage): Promise<void>
  /** Charges what the meter counted and frees the rest. */
  settle(): void
  state(): LimitState
}

/** Takes what the call needs, or throws which limit has no room. */
export async function holdFor(wanted: Wanted, tools: Reserving): Promise<Held> {
  const { context, card } = wanted
  const { clock } = tools
  const at = clock.now()
  const holder = holderOf(wanted)
  const rules = tools.policy.of(holder, at)
  const price = tools.prices.priceOf({ name: card.name }, at)
  const estimated = { price, wanted, promptTokens: wanted.promptTokens, covered: wanted.completionTokens }
  const promptTokens = isTight(rules, amountsOf(estimated), tools) ? await wanted.count() : wanted.promptTokens
  const tokens = promptTokens + wanted.completionTokens
  const taken = await tools.rates.take(rules.rates, tokens)
  if ('full' in taken) throw rateRefusal(taken.full, tokens, stateOf([taken.full], undefined, tokens))
  const callId = context.callId ?? newId('call', clock)
  const call: OpenCall = { ...estimated, promptTokens, callId, at, rules, taken }
  const refuse = (shortage: Shortage) =>
    accountRefusal(shortage, {
      ...{ clock, currency: tools.prices.currency, state: statesOf(call, tools) },
      needed: call.promptTokens + call.covered,
    })
  const amounts = amountsOf(call)
  const agree = () => tools.charges.agree(callId, { at, price: price ?? null })
  // Nothing to count and nothing to pay: nothing to write down.
  if (rules.accounts.length === 0 && amounts.money === 0) {
    agree()
    return heldBy(call, undefined, tools)
  }
  try {
    const details = JSON.stringify(detailsOf(call, tools))
    const reservation = await tools.ledger.reserve({
      id: callId,
      at,
      holder,
      accounts: rules.accounts,
      amounts,
      details,
      refuse,
    })
    agree()
    return heldBy(call, reservation, tools)
  } catch (error) {
    taken.giveBack()
    throw error
  }
}

// A server holds no more calls than this at once: a line is 256 long. Where there is room for so many, an estimate refuses nobody.
const manyCalls = 512
const manyInWindow = 64

/** Whether there is so little room that the prompt must be counted first: an estimate too high would refuse calls that there is room for. */
function isTight({ accounts, rates }: Rules, amounts: Amounts, { ledger }: Reserving): boolean {
  const tightAccount = accounts.some(
    (account) =>
      account.unit !== 'parallel' &&
      account.capacity !== null &&
      ledger.remaining(account) < manyCalls * drawOf(account, amounts),
  )
  return tightAccount || rates.some(({ unit, limit }) => unit === 'tokens' && limit < manyInWindow * amounts.tokens)
}

interface Priced {
  readonly wanted: Wanted
  readonly price: Price | undefined
  promptTokens: number
  /** Completion tokens that are reserved. */
  covered: number
}

interface OpenCall extends Priced {
  readonly callId: string
  readonly at: number
  readonly rules: Rules
  readonly taken: Taken
}

function heldBy(call: OpenCall, reservation: Reservation | undefined, tools: Reserving): Held {
  const { callId, taken } = call
  const adjust = async () => {
    if (reservation === undefined) return
    const amounts = amountsOf(call)
    const { money, tokens } = reservation.amounts
    if (amounts.money > money || amounts.tokens > tokens) await reservation.raise(amounts)
    else reservation.lower(amounts)
  }
  return {
    callId,
    completionTokens: () => call.covered,
    state: () => statesOf(call, tools),
    async begin(promptTokens) {
      const more = promptTokens - call.promptTokens
      call.promptTokens = promptTokens
      if (more > 0) await takeMore(call, more, tools)
      else taken.correct(promptTokens + call.covered)
      await adjust()
      await reservation?.durable
    },
    async grow(tokens) {
      call.covered += tokens
      taken.correct(call.promptTokens + call.covered)
      try {
        await adjust()
      } catch (error) {
        call.covered -= tokens
        throw error
      }
    },
    async end({ promptTokens, completionTokens }) {
      const tooMuch = completionTokens - call.covered
      if (tooMuch > 0) await this.grow(tooMuch)
      taken.correct(promptTokens + completionTokens)
    },
    settle() {
      const counted = tools.charges.take(callId) ?? { money: 0, tokens: 0 }
      taken.correct(counted.tokens)
      if (reservation === undefined) return
      const { money, tokens } = reservation.amounts
      const charged = { money: Math.min(money, counted.money), tokens: Math.min(tokens, counted.tokens) }
      reservation.settle(charged, tools.policy.of(holderOf(call.wanted), call.at).accounts)
    },
  }
}

/** The prompt was longer than estimated: the windows of tokens must have room for the rest. */
async function takeMore(call: OpenCall, tokens: number, { rates }: Reserving): Promise<void> {
  const more = await rates.take(
    call.rules.rates.filter(({ unit }) => unit === 'tokens'),
    tokens,
  )
  const needed = call.promptTokens + call.covered
  if ('full' in more) throw rateRefusal(more.full, needed, stateOf([more.full], undefined, needed))
  // From here on one sum: the first taking answers for both.
  more.giveBack()
  call.taken.correct(call.promptTokens + call.covered)
}

function holderOf({ context, card }: Wanted) {
  return { key: context.payer ?? context.key, workspace: context.workspace, model: card.name }
}

/** The most that the call can cost, as it is known now. Cached tokens cost less, and are not believed before the end. */
function amountsOf({ price, promptTokens, covered, wanted }: Priced): Amounts {
  const counts = { promptTokens, cachedTokens: 0, completionTokens: covered }
  const money = price === undefined ? 0 : costOf(price, counts, wanted.context.class)
  return { money, tokens: promptTokens + covered }
}

/** What a usage row needs if this node dies meanwhile. */
function detailsOf({ wanted, price, promptTokens, covered }: OpenCall, { prices }: Reserving): ReservedDetails {
  const { context, operation, card } = wanted
  return {
    requestId: context.requestId,
    operation,
    class: context.class,
    key: context.key,
    user: context.user ?? null,
    endUser: context.endUser ?? null,
    digest: card.digest,
    price: price ?? null,
    currency: prices.currency,
    promptTokens,
    completionTokens: covered,
  }
}

function statesOf({ taken, rules, promptTokens, covered }: OpenCall, { ledger, clock }: Reserving): LimitState {
  const month = rules.accounts.filter(({ unit }) => unit === 'tokens')
  const windows = month.map((account) => monthWindow(account, ledger.remaining(account), clock.now()))
  return stateOf(taken.states, tightest(windows), promptTokens + covered)
}

function monthWindow({ capacity, closesAt }: Account, remaining: number, now: number): LimitWindow {
  return { limit: capacity ?? 0, remaining, resetMs: Math.max(0, closesAt - now), per: 'month' }
}

function stateOf(states: readonly RateState[], monthlyTokens: LimitWindow | undefined, queryCost: number): LimitState {
  const windows = (unit: 'requests' | 'tokens', seconds: 1 | 60) =>
    tightest(
      states
        .filter(({ rule }) => rule.unit === unit && rule.seconds === seconds)
        .map(({ rule, remaining, resetMs }) => ({ limit: rule.limit, remaining, resetMs, per: perOf(seconds) })),
    )
  const requests = windows('requests', 60) ?? windows('requests', 1)
  const tokens = windows('tokens', 60)
  return {
    queryCost,
    ...(requests !== undefined && { requests }),
    ...(tokens !== undefined && { tokens }),
    ...(monthlyTokens !== undefined && { monthlyTokens }),
  }
}

const perOf = (seconds: 1 | 60) => (seconds === 1 ? 'second' : 'minute')

function tightest(windows: readonly LimitWindow[]): LimitWindow | undefined {
  return windows.reduce<LimitWindow | undefined>(
    (least, window) => (least === undefined || window.remaining < least.remaining ? window : least),
    undefined,
  )
}
