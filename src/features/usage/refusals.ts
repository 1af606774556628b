// What a caller is told who has reached a limit or used up a budget: which one, how much of it is left, and when to come back.

import type { Clock } from '../../base/clock.ts'
import { Failure, fail } from '../../base/errors.ts'
import { headerLines, type LimitState, limitHeaders } from '../../wire/limits.ts'
import type { Shortage } from '../limits/ledger-grant.ts'
import type { RateState } from '../limits/rates.ts'
import { type Currency, nanoPerUnit } from '../prices/price.ts'

/** A window of requests or tokens has no room. `needed` are the call's tokens in all: what is more than the limit never fits. */
export function rateRefusal({ rule, resetMs }: RateState, needed: number, state: LimitState): Failure {
  const { unit, seconds, limit, scope, model } = rule
  const what = `${unit} per ${seconds === 1 ? 'second' : 'minute'}`
  const limits = headerLines(limitHeaders(state))
  if (unit === 'tokens' && needsMore(needed, limit)) {
    return fail('call_exceeds_limit', { what, limit, scope, model, needed, limits })
  }
  return fail('rate_limit_exceeded', {
    ...{ what, limit, scope, model, limits },
    retryAfter: Math.max(1, Math.ceil(resetMs / 1000)),
    ...(unit === 'tokens' && { needed }),
  })
}

/** A limit of nothing is a stop that somebody will lift, and no reason to ask for less. */
const needsMore = (needed: number, limit: number) => limit > 0 && needed > limit

/** An account of the ledger has no room. `needed` are the call's tokens in all. */
export function accountRefusal(
  { account, figures }: Shortage,
  facts: { readonly clock: Clock; readonly currency: Currency; readonly state: LimitState; readonly needed: number },
): Failure {
  const { scope, model, unit, capacity, closesAt } = account
  const limits = headerLines(limitHeaders(facts.state))
  const ends = closesAt < Number.MAX_SAFE_INTEGER
  const untilEnd = Math.max(1, Math.ceil((closesAt - facts.clock.now()) / 1000))
  if (unit === 'money') {
    return fail('insufficient_quota', {
      amount: moneyText(capacity ?? 0, facts.currency),
      spent: moneyText(figures.spent, facts.currency),
      reserved: moneyText(figures.leased, facts.currency),
      scope,
      limits,
      ...(ends && { opens: new Date(closesAt).toISOString(), retryAfter: untilEnd }),
    })
  }
  const what = unit === 'tokens' ? 'tokens per month' : 'parallel requests'
  const { needed } = facts
  if (unit === 'tokens' && needsMore(needed, capacity ?? 0)) {
    return fail('call_exceeds_limit', { what, limit: capacity, scope, model, needed, limits })
  }
  const retryAfter = unit === 'tokens' ? untilEnd : 1
  return fail('rate_limit_exceeded', { what, limit: capacity, scope, model, retryAfter, limits })
}

/** The failure with how the limits stand, for the headers of its answer. */
export function withLimits(error: unknown, state: LimitState): unknown {
  if (!(error instanceof Failure) || error.fields['limits'] !== undefined) return error
  const lines = headerLines(limitHeaders(state))
  if (lines.length === 0) return error
  return fail(error.code, { ...error.fields, limits: lines }, error.cause)
}

/** Nano-units for people: `12.5 EUR`, with as many digits as there are. */
export function moneyText(nano: number, currency: string): string {
  const whole = Math.trunc(nano / nanoPerUnit)
  const rest = String(Math.abs(nano % nanoPerUnit))
    .padStart(9, '0')
    .replace(/0+$/, '')
  const text = `${nano < 0 && whole === 0 ? '-' : ''}${whole}.${rest.padEnd(2, '0')}`
  return `${text} ${currency}`
}
