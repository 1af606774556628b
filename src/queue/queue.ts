// Jobs with leases over a database that it is handed: each is done once, and one whose worker died is claimed again. Knows no handler.

import { randomUUID } from 'node:crypto'
import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely'
import type { Clock } from '../base/clock.ts'
import { newId } from '../base/ids.ts'
import type { JobTables } from './table.ts'

/** What the queue runs on: `database.query.$extendTables<JobTables>().$pickTables<'jobs'>()` and the database's dialect. */
export interface QueueParts {
  readonly query: Kysely<JobTables>
  readonly dialect: { readonly rowLocks: boolean }
  /** Leases are compared with this clock: clocks of several machines must agree better than a lease is long. */
  readonly clock: Clock
}

/** A job that this process holds. */
export interface ClaimedJob {
  readonly id: string
  readonly kind: string
  readonly subject: string
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Proof of the claim. */
  readonly lease: string
}

/** How a job stands, for those who wait for it. */
export interface JobStatus {
  readonly id: string
  readonly subject: string
  readonly state: 'ready' | 'running' | 'done' | 'failed'
  readonly attempts: number
  readonly error: string | null
}

/** The queue. The four that end or extend a claim say whether it was still held; false means that another worker has the job. */
export interface Queue {
  /** Adds a job and returns its id. With `within`, it exists only if that transaction commits. */
  enqueue(kind: string, subject: string, options?: EnqueueOptions): Promise<string>
  /** The longest-waiting job of the kind that may run now and that `passOver` is not true of, held for `leaseMs`. */
  claim(kind: string, leaseMs: number, passOver?: Expression<SqlBool>): Promise<ClaimedJob | undefined>
  extend(job: ClaimedJob, leaseMs: number): Promise<boolean>
  complete(job: ClaimedJob): Promise<boolean>
  /** Ends the attempt: with `retryAt` the job waits until then, without it the job has failed for good. */
  fail(job: ClaimedJob, error: string, retryAt?: number): Promise<boolean>
  /** Gives the job back as if it had not been claimed: the worker is stopping. */
  release(job: ClaimedJob): Promise<boolean>
  status(id: string): Promise<JobStatus | undefined>
  /** Whether a job of the kind waits for its turn. */
  isWaiting(kind: string): Promise<boolean>
  /** Forgets the jobs of the kind that are done. */
  removeDone(kind: string): Promise<void>
}

/** When and how often a job may run. */
export interface EnqueueOptions {
  /** Milliseconds since 1970; now by default. */
  readonly runAt?: number
  /** Attempts before it has failed for good; 5. */
  readonly maxAttempts?: number
  readonly within?: Kysely<JobTables>
}

const usualAttempts = 5

/** What is kept of an error's message. */
const longestError = 2_000

/** A queue over a connection. Any number of them, in any number of processes, may share one database. */
export function createQueue(parts: QueueParts): Queue {
  const { query, clock } = parts
  const held = (job: ClaimedJob) =>
    query.updateTable('jobs').where('id', '=', job.id).where('lease', '=', job.lease).where('state', '=', 'running')
  return {
    enqueue: (kind, subject, options = {}) => enqueue(parts, kind, subject, options),
    claim: (kind, leaseMs, passOver) => claim(parts, kind, leaseMs, passOver),
    extend: (job, leaseMs) => changedOne(held(job).set({ lease_until: clock.now() + leaseMs })),
    complete: (job) => changedOne(held(job).set({ ...free, state: 'done', error: null, finished_at: clock.now() })),
    fail(job, error, retryAt) {
      const kept = error.slice(0, longestError)
      const end = { state: 'failed', finished_at: clock.now() } as const
      const again = { state: 'ready', run_at: retryAt ?? 0 } as const
      return changedOne(held(job).set({ ...free, error: kept, ...(retryAt === undefined ? end : again) }))
    },
    release: (job) =>
      changedOne(held(job).set(({ eb }) => ({ ...free, state: 'ready', attempts: eb('attempts', '-', 1) }))),
    status: (id) =>
      query
        .selectFrom('jobs')
        .select(['id', 'subject', 'state', 'attempts', 'error'])
        .where('id', '=', id)
        .executeTakeFirst(),
    async isWaiting(kind) {
      const jobs = query.selectFrom('jobs').select('id').where('kind', '=', kind).where('state', '=', 'ready')
      return (await jobs.limit(1).executeTakeFirst()) !== undefined
    },
    async removeDone(kind) {
      await query.deleteFrom('jobs').where('kind', '=', kind).where('state', '=', 'done').execute()
    },
  }
}

async function enqueue(parts: QueueParts, kind: string, subject: string, options: EnqueueOptions): Promise<string> {
  const id = newId('job', parts.clock)
  const now = parts.clock.now()
  const row = { id, kind, subject, state: 'ready', attempts: 0, created_at: now } as const
  const nothing = { lease: null, lease_until: null, error: null, finished_at: null }
  const when = { run_at: options.runAt ?? now, max_attempts: options.maxAttempts ?? usualAttempts }
  await (options.within ?? parts.query)
    .insertInto('jobs')
    .values({ ...row, ...when, ...nothing })
    .execute()
  return id
}

async function claim(
  parts: QueueParts,
  kind: string,
  leaseMs: number,
  passOver: Expression<SqlBool> | undefined,
): Promise<ClaimedJob | undefined> {
  const { query, dialect, clock } = parts
  const now = clock.now()
  await giveBackLapsed(query, kind, now, leaseMs)
  const due = query
    .selectFrom('jobs')
    .select('id')
    .where('kind', '=', kind)
    .where('state', '=', 'ready')
    // What was due when it was made is due whatever the clock says since: clocks are set back.
    .where(({ or, eb, ref }) => or([eb('run_at', '<=', now), eb('run_at', '<=', ref('created_at'))]))
    .orderBy('run_at')
    .orderBy('id')
    .limit(1)
  const next = passOver === undefined ? due : due.where(({ not }) => not(passOver))
  const lease = randomUUID()
  // Choosing and taking are one statement: nobody can come between.
  const row = await query
    .updateTable('jobs')
    .set(({ eb }) => ({ state: 'running', attempts: eb('attempts', '+', 1), lease, lease_until: now + leaseMs }))
    .where('id', '=', dialect.rowLocks ? next.forUpdate().skipLocked() : next)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { id: row.id, kind, subject: row.subject, attempt: row.attempts, maxAttempts: row.max_attempts, lease }
}

const free = { lease: null, lease_until: null }

/**
 * Jobs whose worker stopped renewing are ready again, at their old place; those that took down every worker they met have failed. A lease
 * that ends later than any could that is renewed now was given before the clock was set back, to a worker that is gone.
 */
async function giveBackLapsed(query: Kysely<JobTables>, kind: string, now: number, leaseMs: number): Promise<void> {
  const lapsed = ({ and, or, eb }: ExpressionBuilder<JobTables, 'jobs'>) =>
    and([
      eb('kind', '=', kind),
      eb('state', '=', 'running'),
      or([eb('lease_until', '<=', now), eb('lease_until', '>', now + 2 * leaseMs)]),
    ])
  // Reading first: a write takes the lock of the whole file on SQLite, and lapses are rare.
  const one = await query.selectFrom('jobs').select('id').where(lapsed).limit(1).executeTakeFirst()
  if (one === undefined) return
  const lapse = query.updateTable('jobs').where(lapsed)
  const error = 'The worker ended without a word.'
  await lapse
    .whereRef('attempts', '>=', 'max_attempts')
    .set({ ...free, state: 'failed', error, finished_at: now })
    .execute()
  await lapse.set({ ...free, state: 'ready', error }).execute()
}

async function changedOne(update: {
  executeTakeFirst(): Promise<{ numUpdatedRows: bigint } | undefined>
}): Promise<boolean> {
  return (await update.executeTakeFirst())?.numUpdatedRows === 1n
}
