// Reserves money, tokens and places for calls before they begin, exactly, over any number of nodes: out of blocks that this node leased where
// they suffice, else after asking the database. Knows no limit's meaning and no model. How: docs/decisions/2026-11-26-ledger-of-leased-blocks.md.

import { setTimeout as delay } from 'node:timers/promises'
import { fail } from '../../base/errors.ts'
import type { Account, Amounts } from './account.ts'
import { createBlocks, emptyHolds, fits, hold, release } from './ledger-blocks.ts'
import type { Desk, Entry, ReservationRequest, Waiting } from './ledger-desk.ts'
import { createSteps, type LedgerParts } from './ledger-steps.ts'

/** What a call has reserved. */
export interface Reservation {
  /** Resolves when the reservation is in the database; rejects with `database_unavailable`. */
  readonly durable: Promise<void>
  readonly amounts: Amounts
  /** Reserves up to these amounts in all, durably. Throws the request's refusal. */
  raise(amounts: Amounts): Promise<void>
  /** Gives back what is above these amounts. */
  lower(amounts: Amounts): void
  /** Charges the call and frees the rest; the first time counts. `accounts` are those of now, where a rule came after the call began. */
  settle(charged: Amounts, accounts?: readonly Account[]): void
}

/** The ledger of one node. */
export interface Ledger {
  /** Throws the request's refusal, or `database_unavailable`. */
  reserve(request: ReservationRequest): Promise<Reservation>
  /** What is left of an account, as far as this node knows. */
  remaining(account: Account): number
  /** Gives back what is free of an account, for another node. */
  yieldAccount(id: string): void
  /** Resolves when everything settled so far is written. */
  flush(): Promise<void>
  /** Writes what is open, gives back the blocks. */
  stop(): Promise<void>
}

const usual = { leaseMs: 10_000, paceMs: 2, patienceMs: 400 }

// A settled call waits this long for others to be written with, when nobody waits for it; milliseconds.
const lazyMs = 20

/** Starts a node's ledger: it renews its lease by itself until `stop`. */
export function createLedger(given: LedgerParts): Ledger {
  const parts = { ...usual, ...given }
  const { clock } = parts
  const desk: Desk = { blocks: createBlocks(), dirty: new Set(), callers: [], opened: new Map(), life: 1 }
  const steps = createSteps(desk, parts)
  const rhythm = createRhythm(desk, parts, steps.run)

  const changed = (entry: Entry): Promise<void> => {
    entry.written ??= waiting()
    desk.dirty.add(entry)
    rhythm.soon()
    return entry.written.promise
  }
  const cover = async (entry: Entry, amounts: Amounts): Promise<void> => {
    if (entry.life !== desk.life) throw fail('database_unavailable', { reason: 'this node was cut off from it' })
    if (fits(entry.holds, amounts) && (steps.leased() || entry.holds.every(({ block }) => block === undefined))) {
      hold(entry.holds, amounts)
      entry.amounts = amounts
    } else {
      const patientUntil = clock.elapsed() + parts.patienceMs
      const caller = {
        entry,
        holds: entry.holds,
        amounts,
        waiting: waiting(),
        patientUntil,
        asked: 0,
        first: !entry.reserved,
        givenUp: false,
      }
      desk.callers.push(caller)
      rhythm.soon()
      await caller.waiting.promise
    }
    entry.reserved = true
  }
  const settle = (entry: Entry, charged: Amounts, accounts: readonly Account[] = []) => {
    if (entry.settled !== undefined) return
    entry.settled = charged
    if (entry.life === desk.life) release(entry.holds, charged)
    // Nearly always they are the very same.
    if (accounts !== entry.request.accounts) addMissing(entry, accounts)
    desk.dirty.add(entry)
    rhythm.later()
  }
  return {
    async reserve(request) {
      const nothing = { money: 0, tokens: 0 }
      const holds = emptyHolds(desk.blocks, request.accounts)
      const entry: Entry = {
        request,
        holds,
        life: desk.life,
        amounts: nothing,
        reserved: false,
        settled: undefined,
        written: undefined,
      }
      await cover(entry, request.amounts)
      return reservationOf(entry, { changed, cover, settle })
    },
    remaining({ id, capacity }) {
      const block = desk.blocks.find(id)
      return Math.max(0, block === undefined ? (capacity ?? 0) : block.room + block.amount - block.open)
    },
    yieldAccount(id) {
      const block = desk.blocks.find(id)
      if (block === undefined || block.amount <= block.open) return
      block.wanted = true
      rhythm.soon()
    },
    flush: () => rhythm.drained(),
    async stop() {
      await rhythm.stop()
      await steps.leave()
    },
  }
}

/** Rules that came after the call began count it too. */
function addMissing(entry: Entry, accounts: readonly Account[]): void {
  const known = new Set(entry.holds.map(({ account }) => account.id))
  for (const account of accounts) {
    if (!known.has(account.id)) entry.holds.push({ account, block: undefined, amount: 0 })
  }
}

function reservationOf(
  entry: Entry,
  ways: {
    changed(entry: Entry): Promise<void>
    cover(entry: Entry, amounts: Amounts): Promise<void>
    settle(entry: Entry, charged: Amounts, accounts?: readonly Account[]): void
  },
): Reservation {
  const durable = ways.changed(entry)
  // Whoever never asks must not end the process.
  durable.catch(() => {})
  return {
    durable,
    get amounts() {
      return entry.amounts
    },
    async raise(amounts) {
      await ways.cover(entry, amounts)
      await ways.changed(entry)
    },
    lower(amounts) {
      hold(entry.holds, amounts)
      entry.amounts = amounts
    },
    settle: (charged, accounts) => ways.settle(entry, charged, accounts),
  }
}

/** When steps run: at once while somebody waits, a little later where nobody does, and at every third of the lease. */
function createRhythm(
  desk: Desk,
  parts: LedgerParts & typeof usual,
  step: (beat: boolean) => Promise<number | undefined>,
) {
  const { clock, log } = parts
  let running: Promise<void> | undefined
  let stopped = false
  let beatDue = true
  let lazy: NodeJS.Timeout | undefined
  const due = () => desk.callers.length > 0 || desk.dirty.size > 0 || desk.blocks.areWanted()
  const run = async () => {
    let next = Number.NEGATIVE_INFINITY
    for (let failures = 0; due() || beatDue; ) {
      const pause = next - clock.elapsed()
      if (pause > 0) await delay(pause)
      else await new Promise(setImmediate)
      const [beat, begun] = [beatDue, clock.elapsed()]
      beatDue = false
      const wait = await step(beat)
      failures = wait === undefined ? failures + 1 : 0
      // Who waited was told; what is settled is written when the database is back.
      if (stopped && failures > 3) break
      next = begun + Math.max(parts.paceMs, wait ?? Math.min(500, 25 * 2 ** failures))
    }
  }
  const soon = () => {
    if (running !== undefined || !(due() || beatDue)) return
    running = run()
      .catch((error: unknown) => log?.error({ err: error }, 'a step of the ledger broke off'))
      .finally(() => {
        running = undefined
        if (!stopped) soon()
      })
  }
  const later = () => {
    if (running !== undefined || lazy !== undefined) return
    lazy = setTimeout(() => {
      lazy = undefined
      soon()
    }, lazyMs)
  }
  const heart = setInterval(() => {
    beatDue = true
    soon()
  }, parts.leaseMs / 3)
  heart.unref()
  return {
    soon,
    later,
    async drained() {
      while (desk.dirty.size > 0) {
        soon()
        await running
      }
    },
    async stop() {
      clearInterval(heart)
      clearTimeout(lazy)
      stopped = true
      beatDue = false
      if (desk.dirty.size > 0) soon()
      await running
    },
  }
}

/** A promise with its ends. */
export function waiting(): Waiting {
  return Promise.withResolvers<void>()
}
