// Raises an alert when spending crosses a threshold of a budget, once over all nodes, and sends it by webhook and mail until it has arrived.

import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { SendMail } from '../../base/mail.ts'
import type { Database } from '../../database/connect.ts'
import type { Tables } from '../../database/tables.ts'
import { createQueue, type Queue } from '../../queue/queue.ts'
import type { JobTables } from '../../queue/table.ts'
import { startWorker } from '../../queue/worker.ts'
import { seconds } from '../../wire/times.ts'
import type { ChargedAccount } from '../limits/account.ts'
import { nanoPerUnit } from '../prices/price.ts'
import { type Alert, alertMail } from './alert.ts'
import { alertJobs, alertWays, jobNameOf } from './raised.ts'
import { type Budget, budgetStore } from './store.ts'
import type { PostWebhook } from './webhook.ts'

/** What alerts are made of. */
export interface AlertParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly currency: string
  /** Absent: this server posts none. */
  readonly post?: PostWebhook
  /** Absent: this server mails none. */
  readonly mail?: SendMail
  /** Pause after the first failed attempt, doubled each time, in milliseconds. */
  readonly backoffMs?: number
}

/** Watches charges and sends. */
export interface Alerts {
  /** The budgets in force: their thresholds are watched from now on. */
  readonly watch: (budgets: readonly Budget[]) => readonly Budget[]
  readonly onCharged: (transaction: Kysely<Tables>, charged: readonly ChargedAccount[]) => Promise<void>
  stop(): Promise<void>
}

// With doubling pauses from a second on, up to an hour, that is half a day.
const attempts = 20

/** Starts the worker that sends. */
export function openAlerts(parts: AlertParts): Alerts {
  const { database, clock, log } = parts
  const queue = createQueue({ query: jobsOf(database.query), dialect: database.dialect, clock })
  const worker = startWorker(queue, {
    kind: alertJobs,
    clock,
    handle: (job, signal) => send(parts, job.subject, signal),
    onError: (error, job) => log.warn({ err: error, alert: job?.subject }, 'an alert could not be sent yet'),
    ...(parts.backoffMs !== undefined && { backoffMs: parts.backoffMs, pollMs: parts.backoffMs }),
  })
  let watched = new Map<string, Budget>()
  const raised = new Set<string>()
  return {
    watch(budgets) {
      watched = new Map(budgets.filter(({ thresholds }) => thresholds.length > 0).map((budget) => [budget.id, budget]))
      return budgets
    },
    async onCharged(transaction, charged) {
      for (const { account, spent } of charged) {
        const budget = watched.get(account.id.split(':', 1)[0] ?? '')
        if (budget === undefined) continue
        for (const threshold of budget.thresholds) {
          const name = `${account.id} ${budget.amount} ${threshold}`
          if (spent * 100 < threshold * budget.amount || raised.has(name)) continue
          await raise({ queue, clock }, transaction, { budget, threshold, spent, opensAt: account.opensAt })
          // A transaction that is undone raises again; two alerts of one kind the table refuses.
          raised.add(name)
        }
      }
    },
    stop: () => worker.stop(),
  }
}

const jobsOf = (query: Kysely<Tables>) => query.$extendTables<JobTables>().$pickTables<'jobs'>()

async function raise(
  { queue, clock }: { readonly queue: Queue; readonly clock: Clock },
  transaction: Kysely<Tables>,
  { budget, threshold, spent, opensAt }: { budget: Budget; threshold: number; spent: number; opensAt: number },
): Promise<void> {
  const inserted = await transaction
    .insertInto('budget_alerts')
    .values({
      ...{ id: newId('alert', clock), budget: budget.id, opens_at: opensAt, threshold, amount: budget.amount, spent },
      at: clock.now(),
    })
    .onConflict((conflict) => conflict.columns(['budget', 'opens_at', 'threshold', 'amount']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined) return
  // Each way is a job of its own: one that fails is tried again without the other, or people got the same mail twenty times.
  const wanted = { webhook: budget.webhook !== null, mail: budget.emails.length > 0 }
  for (const way of alertWays.filter((one) => wanted[one])) {
    await queue.enqueue(alertJobs, jobNameOf(inserted.id, way), { within: jobsOf(transaction), maxAttempts: attempts })
  }
}

async function send(parts: AlertParts, job: string, signal: AbortSignal): Promise<void> {
  const { database, currency } = parts
  const [id = '', way] = job.split(' ')
  const row = await database.query.selectFrom('budget_alerts').selectAll().where('id', '=', id).executeTakeFirst()
  const budget = row === undefined ? undefined : await budgetStore(database).byId(row.budget)
  // Removed meanwhile: nobody waits for it.
  if (row === undefined || budget === undefined) return
  const alert: Alert = {
    id,
    type: 'budget.threshold_reached',
    created_at: seconds(row.at),
    budget: { id: budget.id, scope: budget.scope, subject: budget.subject, period: budget.period },
    threshold: row.threshold,
    amount: row.amount / nanoPerUnit,
    spent: row.spent / nanoPerUnit,
    currency,
    opens_at: seconds(row.opens_at),
  }
  // A way that was taken away since tells nobody any more.
  if (way === 'webhook' && budget.webhook !== null) {
    const place = { address: budget.webhook, key: budget.webhookKey }
    await (parts.post?.(place, alert, signal) ?? missing('webhook-secret'))
  }
  if (way === 'mail' && budget.emails.length > 0) {
    await (parts.mail?.(alertMail(budget.emails, alert)) ?? missing('smtp-url'))
  }
}

async function missing(setting: string): Promise<never> {
  throw fail('egress_failed', { url: setting, reason: 'this server has no such setting any more' })
}
