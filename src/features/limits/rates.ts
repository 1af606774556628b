// Counts requests and tokens in short windows, over all nodes: a node takes points from the shared window in pieces and uses them up from memory.

import type { RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../../base/clock.ts'
import type { Database } from '../../database/connect.ts'
import { rateWindows } from '../../database/rate-windows.ts'
import type { RateRule } from './policy.ts'

/** A rule's window, as far as this node knows it. */
export interface RateState {
  readonly rule: RateRule
  readonly remaining: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

/** What a call took of its windows. */
export interface Taken {
  readonly states: readonly RateState[]
  /** Corrects the tokens, once they are known. Never fails: what cannot be had any more has been used. */
  correct(tokens: number): void
  /** Gives everything back: the call never began. */
  giveBack(): void
}

/** The windows. */
export interface Rates {
  /** Takes one request and that many tokens of every rule's window, or of none; then says which one was full. */
  take(rules: readonly RateRule[], tokens: number): Promise<Taken | { readonly full: RateState }>
}

/** Where the points of a window are counted. */
interface Counter {
  /** Points used so far after adding `points`, and milliseconds until the window ends. */
  add(id: string, points: number): Promise<{ readonly used: number; readonly endsInMs: number }>
}

interface Window {
  endsAt: number
  /** Taken from the counter and not used. */
  free: number
  /** What the counter said last. */
  used: number
  asking: Promise<void> | undefined
  /** What calls wait for. */
  wanted: number
}

// Of what is left in a window, the part that a node takes ahead of need: of a shared one with fewer round trips, of its own with less work.
const aheadPart = 16
// A window that ends sooner is not worth correcting: a late correction would fall into the next one.
const tooLateMs = 250
const mostWindows = 50_000

/** Windows over memory where there is one node, over PostgreSQL where there may be several. */
export function createRates({ database, clock }: { readonly database: Database; readonly clock: Clock }): Rates {
  const counters = { 1: counter(1, database), 60: counter(60, database) }
  const windows = new Map<string, Window>()

  const windowOf = (rule: RateRule): Window => {
    const now = clock.elapsed()
    const found = windows.get(rule.id)
    if (found !== undefined && (found.endsAt > now || found.asking !== undefined)) return found
    if (windows.size >= mostWindows) forgetEnded(windows, now)
    const fresh = { endsAt: Number.POSITIVE_INFINITY, free: 0, used: 0, asking: undefined, wanted: 0 }
    windows.set(rule.id, fresh)
    return fresh
  }
  const ask = async (rule: RateRule, window: Window): Promise<void> => {
    const left = Math.max(0, rule.limit - window.used)
    const needed = Math.max(0, window.wanted - window.free)
    const points = Math.min(needed, rule.limit) + Math.floor(left / aheadPart)
    const { used, endsInMs } = await counters[rule.seconds].add(rule.id, points)
    const over = Math.min(points, Math.max(0, used - rule.limit))
    window.free += points - over
    window.used = used - over
    window.endsAt = clock.elapsed() + endsInMs
    // Points beyond the limit are nobody's: put back, or one large request would close the window to all small ones.
    if (over > 0 && endsInMs > tooLateMs) await counters[rule.seconds].add(rule.id, -over)
  }
  /** Takes points, or says that there are not enough of them. */
  const takeOne = async (rule: RateRule, points: number): Promise<Window | RateState> => {
    for (let asked = 0; ; asked++) {
      const window = windowOf(rule)
      if (window.free >= points) {
        window.free -= points
        return window
      }
      if (asked > 2 || points > rule.limit) return stateOf(rule, window, clock)
      window.wanted += points
      window.asking ??= ask(rule, window).finally(() => {
        window.asking = undefined
      })
      try {
        await window.asking
      } finally {
        window.wanted -= points
      }
      // One round answers for everybody who waited: who does not fit now does not fit.
      if (window.free < points && window.used >= rule.limit) return stateOf(rule, window, clock)
    }
  }
  return {
    async take(rules, tokens) {
      const held: { rule: RateRule; window: Window; points: number }[] = []
      const putBack = () => {
        for (const { window, points } of held) if (window.endsAt > clock.elapsed()) window.free += points
      }
      for (const rule of rules) {
        const points = rule.unit === 'requests' ? 1 : tokens
        const answer = await takeOne(rule, points).catch((error: unknown) => {
          putBack()
          throw error
        })
        if ('resetMs' in answer) {
          putBack()
          return { full: answer }
        }
        held.push({ rule, window: answer, points })
      }
      return takenOf(held, clock, putBack)
    },
  }
}

function takenOf(
  held: { readonly rule: RateRule; readonly window: Window; points: number }[],
  clock: Clock,
  putBack: () => void,
): Taken {
  return {
    get states() {
      return held.map(({ rule, window }) => stateOf(rule, window, clock))
    },
    correct(tokens) {
      for (const one of held) {
        if (one.rule.unit !== 'tokens') continue
        // More than reserved takes from what is free, and into debt: the next calls wait for it.
        if (one.window.endsAt > clock.elapsed()) one.window.free += one.points - tokens
        one.points = tokens
      }
    },
    giveBack: putBack,
  }
}

function stateOf(rule: RateRule, window: Window, clock: Clock): RateState {
  const ended = !Number.isFinite(window.endsAt)
  return {
    rule,
    remaining: Math.max(0, Math.min(rule.limit, rule.limit - window.used + window.free)),
    resetMs: ended ? rule.seconds * 1000 : Math.max(0, window.endsAt - clock.elapsed()),
  }
}

function forgetEnded(windows: Map<string, Window>, now: number): void {
  for (const [id, { endsAt, asking }] of windows) if (endsAt <= now && asking === undefined) windows.delete(id)
}

/** A limiter whose own limit is never reached: which limit holds, the rule says, and it may change at any time. */
function counter(seconds: 1 | 60, database: Database): Counter {
  const limiter = rateWindows(database, {
    ...{ points: Number.MAX_SAFE_INTEGER, duration: seconds, keyPrefix: 'galerne' },
    clearExpiredByTimeout: seconds === 60,
  })
  return {
    async add(id, points) {
      const answer: RateLimiterRes = await (points < 0 ? limiter.reward(id, -points) : limiter.penalty(id, points))
      return { used: answer.consumedPoints, endsInMs: answer.msBeforeNext }
    },
  }
}
