// Ends estimates: a call whose node died is charged as reserved, until somebody who saw it says what it cost, or the operator lets it go.
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import { forUpdate } from '../../database/dialect.ts'
import type { Tables } from '../../database/tables.ts'
import { startRecurring } from '../../queue/recurring.ts'
import type { JobTables } from '../../queue/table.ts'
import type { Worker } from '../../queue/worker.ts'
import type { Limits } from '../limits/open.ts'
import { wasSeen } from './estimated.ts'
import { addToSums } from './store.ts'

/** What reconciling works with. */
export interface Reconciling {
  readonly database: Database
  /** Where the estimates are charged. */
  readonly limits: Pick<Limits, 'reconcile'>
}

/** What became of the estimates. */
export interface Reconciled {
  /** Their true cost took the place of the estimate. */
  readonly reconciled: number
  /** Charged with nothing: nobody knows what they cost, and the operator let them go. */
  readonly released: number
  /** Still charged as reserved. */
  readonly left: number
}

/** Which estimates are let go. Without it none is. */
export interface ReleaseOptions {
  /** Charges nothing for calls that began before this time, milliseconds since 1970. */
  readonly releaseBefore?: number
  readonly signal?: AbortSignal
}

type Outcome = keyof Reconciled

/** Estimates of one look. */
const piece = 200

/** Goes through all estimates, the oldest first. Each is one transaction; whoever stops it half-way runs it again. */
export async function reconcileEstimates(parts: Reconciling, options: ReleaseOptions = {}): Promise<Reconciled> {
  const counts = { reconciled: 0, released: 0, left: 0 }
  for (let last = ''; options.signal?.aborted !== true; ) {
    const some = await parts.database.query
      .selectFrom('reservations')
      .select('id')
      .where('state', '=', 'estimated')
      .where('id', '>', last)
      .orderBy('id')
      .limit(piece)
      .execute()
    for (const { id } of some) {
      const outcome = await parts.database.query
        .transaction()
        .execute((transaction) => reconcileOne(parts, transaction, id, options.releaseBefore))
      if (outcome !== undefined) counts[outcome] += 1
      // SQLite's writes never wait: others must get a turn.
      await turn()
    }
    last = some.at(-1)?.id ?? last
    if (some.length < piece) break
  }
  return counts
}

/** Undefined where somebody else was faster. */
async function reconcileOne(
  { database, limits }: Reconciling,
  transaction: Kysely<Tables>,
  id: string,
  releaseBefore: number | undefined,
): Promise<Outcome | undefined> {
  const reading = transaction.selectFrom('usage').selectAll().where('id', '=', id)
  const seen = await forUpdate(database.dialect, reading.where(wasSeen)).executeTakeFirst()
  if (seen !== undefined) {
    const actual = { money: seen.cost, tokens: seen.prompt_tokens + seen.completion_tokens }
    return (await limits.reconcile(transaction, id, actual)) ? 'reconciled' : undefined
  }
  if (releaseBefore === undefined) return 'left'
  const guessed = await forUpdate(database.dialect, reading).executeTakeFirst()
  // The row comes a moment after the charge.
  if (guessed === undefined || guessed.at >= releaseBefore) return 'left'
  if (!(await limits.reconcile(transaction, id, { money: 0, tokens: 0 }))) return undefined
  const nothing = { prompt_tokens: 0, completion_tokens: 0, cost: 0, estimated: 0 }
  await transaction.updateTable('usage').set(nothing).where('id', '=', id).execute()
  await addToSums(database.dialect, transaction, [
    { row: guessed, sign: -1 },
    { row: { ...guessed, ...nothing }, sign: 1 },
  ])
  return 'released'
}

/** Looks for true costs every minute, on whichever node takes the job. */
export async function startReconciling(
  parts: Reconciling & { readonly clock: Clock; readonly log: Log },
): Promise<Worker> {
  const { database, clock, log } = parts
  return await startRecurring({
    ...{ query: database.query.$extendTables<JobTables>().$pickTables<'jobs'>(), dialect: database.dialect, clock },
    ...{ kind: 'usage-reconcile', everyMs: 60_000 },
    async run(signal) {
      const counts = await reconcileEstimates(parts, { signal })
      if (counts.reconciled > 0) log.info(counts, 'true costs took the place of estimates')
    },
    onError: (error) => log.warn({ error }, 'estimates could not be reconciled; it is tried again'),
  })
}
