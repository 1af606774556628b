// Runs the jobs of one kind: claims, renews the lease while a handler works, retries with growing pauses. Knows no database.

import { setTimeout as delay } from 'node:timers/promises'
import type { Expression, SqlBool } from 'kysely'
import type { Clock } from '../base/clock.ts'
import { Failure } from '../base/errors.ts'
import type { ClaimedJob, Queue } from './queue.ts'

/** What a worker does, and how. Times are milliseconds. */
export interface WorkerOptions {
  readonly kind: string
  /**
   * Does the work. It may run again after a crash half-way, so it starts from what its subject's row says. `signal` aborts when the lease
   * is lost or the worker stops. A thrown `Failure` that is not retryable ends the job for good.
   */
  readonly handle: (job: ClaimedJob, signal: AbortSignal) => Promise<void>
  readonly clock: Clock
  /** Told of attempts that failed and of a database that does not answer. */
  readonly onError?: (error: unknown, job: ClaimedJob | undefined) => void
  /** Jobs at once; 1. */
  readonly concurrency?: number
  /** Asked before each claim: which jobs are left for others, or for later; none without it. */
  readonly passOver?: () => Expression<SqlBool> | undefined
  /** How long a dead worker keeps a job from the others; 30,000. It is renewed three times in that span. */
  readonly leaseMs?: number
  /** Pause when there is nothing to do; 1,000. */
  readonly pollMs?: number
  /** Pause after the first failed attempt, doubled each time up to an hour; 1,000. */
  readonly backoffMs?: number
}

/** A running worker. */
export interface Worker {
  /** Looks for a job now instead of after the pause: one was just added. */
  wake(): void
  /** Takes no more jobs, aborts the running ones and gives them back; resolves when none is left. */
  stop(): Promise<void>
}

const longestBackoffMs = 3_600_000

/** Starts working at once. */
export function startWorker(queue: Queue, options: WorkerOptions): Worker {
  const stopping = new AbortController()
  const pause = createPause(stopping.signal)
  const working = work(queue, options, stopping.signal, pause)
  return {
    wake: pause.end,
    async stop() {
      stopping.abort()
      await working
    },
  }
}

/** Claims as long as there is room and something to do, and looks again now and then. */
async function work(queue: Queue, options: WorkerOptions, stopping: AbortSignal, pause: Pause): Promise<void> {
  const { kind, concurrency = 1, leaseMs = 30_000, pollMs = 1_000, passOver } = options
  const running = new Set<Promise<void>>()
  const start = (job: ClaimedJob) => {
    const done = attempt(queue, job, options, leaseMs, stopping)
      // The database is away: the lease runs out by itself, and a later round may find it back.
      .catch((error: unknown) => options.onError?.(error, job))
      .finally(() => {
        running.delete(done)
        pause.end()
      })
    running.add(done)
  }
  while (!stopping.aborted) {
    const job =
      running.size >= concurrency
        ? undefined
        : await queue.claim(kind, leaseMs, passOver?.()).catch((error: unknown) => {
            options.onError?.(error, undefined)
          })
    if (job === undefined) await pause.wait(pollMs)
    else start(job)
  }
  await Promise.all(running)
}

interface Pause {
  /** Resolves after the time, when somebody ends the pause, also just before it began, or when the worker stops. */
  wait(milliseconds: number): Promise<void>
  end(): void
}

function createPause(stopping: AbortSignal): Pause {
  let woken = new AbortController()
  return {
    async wait(milliseconds) {
      await delay(milliseconds, undefined, { signal: AbortSignal.any([stopping, woken.signal]) }).catch(() => {})
      woken = new AbortController()
    },
    end: () => woken.abort(),
  }
}

async function attempt(
  queue: Queue,
  job: ClaimedJob,
  options: WorkerOptions,
  leaseMs: number,
  stopping: AbortSignal,
): Promise<void> {
  const lost = new AbortController()
  const renewal = setInterval(() => {
    queue.extend(job, leaseMs).then(
      (held) => {
        if (!held) lost.abort(new Error(`the lease of job ${job.id} is lost`))
      },
      // One renewal may fail; if all do, the lease lapses and the last write below finds that out.
      (error: unknown) => options.onError?.(error, job),
    )
  }, leaseMs / 3)
  try {
    await options.handle(job, AbortSignal.any([lost.signal, stopping]))
    await queue.complete(job)
  } catch (error) {
    if (stopping.aborted) {
      await queue.release(job)
      return
    }
    options.onError?.(error, job)
    await queue.fail(job, error instanceof Error ? error.message : String(error), retryTime(error, job, options))
  } finally {
    clearInterval(renewal)
  }
}

/** When to try again, or undefined where that is useless. */
function retryTime(error: unknown, job: ClaimedJob, { clock, backoffMs = 1_000 }: WorkerOptions): number | undefined {
  if (job.attempt >= job.maxAttempts || (error instanceof Failure && !error.retryable)) return undefined
  return clock.now() + Math.min(longestBackoffMs, backoffMs * 2 ** (job.attempt - 1))
}
