// Posts roll-backs that nobody asked for to the addresses of their canaries, until each has arrived: jobs of the queue, made with the roll-back.
import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { WebhookKey } from '../../base/webhook-secret.ts'
import type { Database } from '../../database/connect.ts'
import type { Tables } from '../../database/tables.ts'
import { createQueue } from '../../queue/queue.ts'
import type { JobTables } from '../../queue/table.ts'
import { startWorker } from '../../queue/worker.ts'
import { seconds } from '../../wire/times.ts'
import type { AliasChange } from './alias.ts'
import { readChange } from './alias-store.ts'

/** Sends a message to a webhook, signed; throws while it was not taken. The message's id is the same each time. */
export type Post = (
  place: { readonly address: string; readonly key: WebhookKey | null },
  message: { readonly id: string },
  signal: AbortSignal,
) => Promise<void>

/** What is posted. */
export interface RollbackMessage {
  readonly id: string
  readonly type: 'alias.rolled_back'
  /** Seconds since 1970. */
  readonly created_at: number
  readonly alias: string
  readonly canary: string
  readonly target: string
  readonly reason: string | null
}

/** Posts them. */
export interface RollbackPosts {
  /** Within the transaction of the roll-back. Without an address there is nothing to post. */
  enqueue(transaction: Kysely<Tables>, change: AliasChange): Promise<void>
  stop(): Promise<void>
}

const kind = 'alias-rollback'
// With doubling pauses from a second on, up to an hour, that is half a day.
const attempts = 20

/** Starts the worker that posts. */
export function openRollbackPosts(parts: {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly post: Post
  /** Pause after the first failed attempt, doubled each time, in milliseconds. */
  readonly backoffMs?: number
}): RollbackPosts {
  const { database, clock, log, post, backoffMs } = parts
  const queue = createQueue({ query: jobsOf(database.query), dialect: database.dialect, clock })
  const worker = startWorker(queue, {
    ...{ kind, clock },
    async handle(job, signal) {
      const [alias = '', id = ''] = job.subject.split(' ')
      const change = await readChange(database.query, alias, id)
      const canary = change?.before?.canary
      if (change === undefined || canary?.webhook == null) return
      const message: RollbackMessage = {
        ...{ id, type: 'alias.rolled_back', created_at: seconds(change.at), alias, reason: change.reason },
        ...{ canary: canary.target, target: change.before?.target ?? '' },
      }
      await post({ address: canary.webhook, key: canary.webhookKey ?? null }, message, signal)
    },
    onError: (error, job) => log.warn({ err: error, rollback: job?.subject }, 'a roll-back could not be posted yet'),
    ...(backoffMs !== undefined && { backoffMs, pollMs: backoffMs }),
  })
  return {
    async enqueue(transaction, { alias, id, before }) {
      if (before?.canary?.webhook == null) return
      await queue.enqueue(kind, `${alias} ${id}`, { within: jobsOf(transaction), maxAttempts: attempts })
    },
    stop: () => worker.stop(),
  }
}

const jobsOf = (query: Kysely<Tables>) => query.$extendTables<JobTables>().$pickTables<'jobs'>()
