import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { describeOnDatabases, needsSessions } from '../../../test/support/databases.ts'
import { systemClock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { connect, type Database } from '../../database/connect.ts'
import type { Account, Amounts } from './account.ts'
import { closeEstimate, moveBalances } from './balances.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { ReservationRequest } from './ledger-desk.ts'
import { reclaimDead } from './ledger-reclaim.ts'
import type { LedgerParts } from './ledger-steps.ts'

const price = 100

function accountOf(id: string, capacity: number | null, more: Partial<Account> = {}): Account {
  return {
    id,
    scope: 'workspace',
    subject: id,
    model: '*',
    unit: 'money',
    opensAt: 0,
    closesAt: Number.MAX_SAFE_INTEGER,
    capacity,
    ...more,
  }
}

function requestOf(id: string, accounts: readonly Account[], money = price, tokens = 0): ReservationRequest {
  const workspace = accounts.find(({ scope }) => scope === 'workspace')?.subject ?? 'w'
  const holder = { key: `key of ${workspace}`, workspace, model: 'm' }
  return {
    id,
    at: systemClock.now(),
    holder,
    accounts,
    amounts: { money, tokens },
    details: '{}',
    refuse: ({ account }) => fail('rate_limit_exceeded', { what: account.id, retryAfter: 1 }),
  }
}

/** No machine stands still for so long: leases do not end, and nobody runs out of patience, unless a test says so. */
const unhurried = { leaseMs: 600_000, patienceMs: 600_000 }

/** The clock when all leases that are held now have ended. */
const muchLater = { now: () => systemClock.now() + 2 * unhurried.leaseMs, elapsed: () => systemClock.elapsed() }

/** Ledgers that know of each other, as nodes do by notices. */
function nodes(databases: readonly Database[], parts: Partial<LedgerParts> = {}): Ledger[] {
  const ledgers: Ledger[] = []
  for (const database of databases) {
    const askOthers = (account: string) =>
      setImmediate(() => {
        for (const ledger of ledgers) ledger.yieldAccount(account)
      })
    ledgers.push(createLedger({ database, clock: systemClock, askOthers, ...unhurried, ...parts }))
  }
  return ledgers
}

/** Puts the true cost in the place of an estimate. */
async function reconcile(database: Database, id: string, actual: Amounts): Promise<boolean> {
  return await database.query.transaction().execute(async (transaction) => {
    const change = await closeEstimate(transaction, id, actual)
    if (change !== undefined) await moveBalances(database, transaction, [change])
    return change !== undefined
  })
}

/** Sums that must hold at every instant; throws where they do not. */
function watch(database: Database, id: string) {
  let running = true
  let looks = 0
  const watching = (async () => {
    // Once more at the end at least: the first look may have been too early.
    for (let last = false; !last; ) {
      last = !running
      const row = await database.query.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst()
      if (row !== undefined) {
        assert.ok(row.spent + row.leased <= (row.capacity ?? 0), JSON.stringify(row))
        looks += 1
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  return async () => {
    running = false
    await watching
    assert.ok(looks > 0)
  }
}

/** Runs a call: reserves, works, is charged what it reserved. */
async function run(ledger: Ledger, request: ReservationRequest): Promise<'answered' | 'refused'> {
  try {
    const reservation = await ledger.reserve(request)
    await reservation.durable
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    reservation.settle(request.amounts)
    return 'answered'
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'rate_limit_exceeded', String(error))
    return 'refused'
  }
}

const count = (results: readonly string[]) => results.filter((result) => result === 'answered').length

async function figures({ query }: Database, id: string) {
  const row = await query.selectFrom('accounts').select(['spent', 'leased']).where('id', '=', id).executeTakeFirst()
  return { spent: row?.spent ?? 0, leased: row?.leased ?? 0 }
}

describeOnDatabases('the ledger', (get) => {
  const others: Database[] = []
  const another = async () => {
    const opened = await connect(get().url)
    others.push(opened)
    return opened
  }
  after(() => Promise.all(others.map((other) => other.close())))

  test('200 parallel equal calls against a budget for 50: 50 are answered, on one node', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const [ledger] = nodes([database])
    assert.ok(ledger)
    const account = accountOf('one', 50 * price)
    const stopWatching = watch(await another(), 'one')
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, n) => run(ledger, requestOf(`one-${n}`, [account]))),
    )
    await ledger.flush()
    await stopWatching()
    assert.equal(count(results), 50)
    assert.deepEqual(await figures(database, 'one'), { spent: 50 * price, leased: 0 })
    await ledger.stop()
  })

  test('and on two nodes, one after the other and all at once', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const ledgers = nodes([database, await another()])
    const account = accountOf('two', 50 * price)
    const stopWatching = watch(await another(), 'two')
    const turn = (n: number) => run(ledgers[n % 2] as Ledger, requestOf(`two-${n}`, [account]))
    let answered = 0
    for (let n = 0; n < 20; n++) answered += (await turn(n)) === 'answered' ? 1 : 0
    answered += count(await Promise.all(Array.from({ length: 180 }, (_, n) => turn(n + 20))))
    await Promise.all(ledgers.map((ledger) => ledger.flush()))
    await stopWatching()
    assert.equal(answered, 50)
    assert.deepEqual(await figures(database, 'two'), { spent: 50 * price, leased: 0 })
    await Promise.all(ledgers.map((ledger) => ledger.stop()))
  })

  test('what one node holds and does not need, another one gets at once', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const [first, second] = nodes([database, await another()])
    assert.ok(first && second)
    const account = accountOf('idle', 10 * price)
    assert.equal(await run(first, requestOf('idle-0', [account])), 'answered')
    const results = []
    for (let n = 1; n < 12; n++) results.push(await run(second, requestOf(`idle-${n}`, [account])))
    assert.equal(count(results), 9)
    await Promise.all([first.stop(), second.stop()])
    assert.deepEqual(await figures(database, 'idle'), { spent: 10 * price, leased: 0 })
  })

  test('a call draws on all its accounts or on none', async () => {
    const { database } = get()
    const [ledger] = nodes([database])
    assert.ok(ledger)
    const wide = accountOf('wide', 100 * price)
    const narrow = accountOf('narrow', 3 * price)
    const both = await Promise.all(
      Array.from({ length: 10 }, (_, n) => run(ledger, requestOf(`both-${n}`, [wide, narrow]))),
    )
    assert.equal(count(both), 3)
    const rest = await Promise.all(Array.from({ length: 120 }, (_, n) => run(ledger, requestOf(`rest-${n}`, [wide]))))
    assert.equal(count(rest), 97)
    await ledger.stop()
  })

  test('what was reserved and not used is free again, and an id is charged once', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const [ledger, other] = nodes([database, await another()])
    assert.ok(ledger && other)
    const account = accountOf('once', 10 * price)
    for (const [turn, node] of [ledger, other, ledger].entries()) {
      const reservation = await node.reserve(requestOf('same-id', [account], 6 * price))
      await reservation.durable
      reservation.settle({ money: 2 * price + turn, tokens: 0 })
      reservation.settle({ money: 5 * price, tokens: 0 })
      await node.flush()
    }
    assert.equal((await figures(database, 'once')).spent, 2 * price)
    await Promise.all([ledger.stop(), other.stop()])
    assert.equal((await figures(database, 'once')).leased, 0)
  })

  test('a reservation grows until there is no more', async () => {
    const { database } = get()
    const [ledger] = nodes([database])
    assert.ok(ledger)
    const account = accountOf('grows', 5 * price)
    const reservation = await ledger.reserve(requestOf('grows', [account]))
    await reservation.raise({ money: 5 * price, tokens: 0 })
    await assert.rejects(reservation.raise({ money: 6 * price, tokens: 0 }), { code: 'rate_limit_exceeded' })
    reservation.lower({ money: 4 * price, tokens: 0 })
    assert.equal(await run(ledger, requestOf('beside', [account])), 'answered')
    reservation.settle({ money: 3 * price, tokens: 0 })
    await ledger.stop()
    assert.deepEqual(await figures(database, 'grows'), { spent: 4 * price, leased: 0 })
  })

  test('an account that is opened late counts what was spent before', async () => {
    const { database } = get()
    const [ledger] = nodes([database])
    assert.ok(ledger)
    const counted = accountOf('late', null)
    for (let n = 0; n < 3; n++) assert.equal(await run(ledger, requestOf(`late-${n}`, [counted])), 'answered')
    await ledger.flush()
    const budget = accountOf('late budget', 4 * price, { subject: 'late' })
    assert.equal(await run(ledger, requestOf('late-3', [counted, budget])), 'answered')
    assert.equal(await run(ledger, requestOf('late-4', [counted, budget])), 'refused')
    await ledger.stop()
  })

  test('parallel calls hold places and give them back', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const ledgers = nodes([database, await another()])
    const places = accountOf('places', 4, { unit: 'parallel' })
    let running = 0
    let most = 0
    const call = async (n: number) => {
      const reservation = await (ledgers[n % 2] as Ledger).reserve(requestOf(`places-${n}`, [places]))
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 15))
      running -= 1
      reservation.settle({ money: 0, tokens: 0 })
    }
    const results = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => call(n)))
    assert.equal(most, 4)
    assert.ok(results.filter(({ status }) => status === 'fulfilled').length >= 4)
    await Promise.all(ledgers.map((ledger) => ledger.stop()))
    assert.deepEqual(await figures(database, 'places'), { spent: 0, leased: 0 })
  })

  test('a node that stands still in the middle of a step does not take itself for dead', async () => {
    const { database } = get()
    let still = 0
    // Whenever it looks at the clock, its lease is over.
    const clock = {
      now() {
        still += 2 * unhurried.leaseMs
        return systemClock.now() + still
      },
      elapsed: () => systemClock.elapsed(),
    }
    const [ledger] = nodes([database], { clock })
    assert.ok(ledger)
    const account = accountOf('still', 10 * price)
    const reservation = await ledger.reserve(requestOf('still', [account], 3 * price))
    await reservation.durable
    assert.equal(await run(ledger, requestOf('meanwhile', [account])), 'answered')
    reservation.settle({ money: price, tokens: 0 })
    await ledger.flush()
    assert.equal((await figures(database, 'still')).spent, 2 * price)
    await ledger.stop()
  })

  test('a node that died is charged as reserved, until the true cost is known; the rest comes back', async () => {
    const { database } = get()
    const dying = await connect(get().url)
    const [ledger] = nodes([dying])
    assert.ok(ledger)
    const account = accountOf('dead', 10 * price)
    const reservation = await ledger.reserve(requestOf('dead-1', [account], 3 * price, 7))
    await reservation.durable
    assert.equal(await run(ledger, requestOf('dead-2', [account])), 'answered')
    await ledger.flush()
    await dying.close()
    await reclaimDead({ database, clock: systemClock })
    assert.equal((await figures(database, 'dead')).spent, price)
    await reclaimDead({ database, clock: muchLater })
    assert.deepEqual(await figures(database, 'dead'), { spent: 4 * price, leased: 0 })
    const row = await database.query
      .selectFrom('reservations')
      .selectAll()
      .where('id', '=', 'dead-1')
      .executeTakeFirstOrThrow()
    assert.deepEqual([row.state, row.money, row.tokens], ['estimated', 3 * price, 7])
    assert.equal(await reconcile(database, 'dead-1', { money: price, tokens: 2 }), true)
    assert.equal(await reconcile(database, 'dead-1', { money: price, tokens: 2 }), false)
    assert.deepEqual(await figures(database, 'dead'), { spent: 2 * price, leased: 0 })
    const [heir] = nodes([database])
    assert.ok(heir)
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => run(heir, requestOf(`heir-${n}`, [account]))),
    )
    assert.equal(count(results), 8)
    await heir.stop()
  })

  test('a node that was only asleep finds its calls charged and puts the true cost in their place', async () => {
    const { database } = get()
    const [ledger] = nodes([database])
    assert.ok(ledger)
    const account = accountOf('asleep', 10 * price)
    const reservation = await ledger.reserve(requestOf('asleep', [account], 3 * price))
    await reservation.durable
    await reclaimDead({ database, clock: muchLater })
    assert.equal((await figures(database, 'asleep')).spent, 3 * price)
    reservation.settle({ money: price, tokens: 0 })
    await ledger.flush()
    assert.deepEqual(await figures(database, 'asleep'), { spent: price, leased: 0 })
    assert.equal(await run(ledger, requestOf('awake', [account])), 'answered')
    await ledger.stop()
    assert.deepEqual(await figures(database, 'asleep'), { spent: 2 * price, leased: 0 })
  })
})
