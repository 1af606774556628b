// Opens limits, budgets and their alerts over a database: one ledger for what is allowed and what is spent.
import type { Egress } from '../../base/egress.ts'
import { mailer } from '../../base/mail.ts'
import { type Limits, type LimitsOptions, openLimits } from '../limits/open.ts'
import { openAlerts } from './alerts.ts'
import { budgetStore } from './store.ts'
import { configuredWebhooks, type Webhooks } from './webhook.ts'

/** What an operator set for alerts. */
export interface AlertSettings {
  /** The secrets that alerts are signed with are made from it. */
  readonly webhookSecret?: string | undefined
  readonly webhookPrivate?: 'refuse' | 'allow'
  readonly smtpUrl?: string | undefined
  readonly smtpFrom?: string
  readonly smtpClear?: 'loopback' | 'refuse' | 'allow'
  /** Pause after the first failed attempt to send, in milliseconds. */
  readonly backoffMs?: number
}

/** What alerts can be sent by here. */
export interface AlertMeans {
  readonly webhooks?: Pick<Webhooks, 'secretOf'>
  readonly email: boolean
}

/** Limits with budgets, for the registry, and what alerts can be sent by here, for the routes. */
export interface Money {
  readonly limits: Limits
  readonly ways: AlertMeans
  readonly currency: string
  stop(): Promise<void>
}

/** Opens all of it. */
export async function openMoney(
  parts: Omit<LimitsOptions, 'budgets' | 'onCharged'> & {
    readonly currency: string
    readonly egress: Egress
    readonly alerting: AlertSettings
  },
): Promise<Money> {
  const { database, clock, log, currency, egress, alerting } = parts
  const { smtpUrl: url, smtpFrom: from = 'galerne@localhost', smtpClear: clear = 'loopback', backoffMs } = alerting
  const webhooks = configuredWebhooks(alerting, { egress, clock })
  const alerts = openAlerts({
    ...{ database, clock, log, currency },
    ...(webhooks !== undefined && { post: webhooks.post }),
    ...(url !== undefined && { mail: mailer({ egress, url, from, clear, purpose: 'budget alert' }) }),
    ...(backoffMs !== undefined && { backoffMs }),
  })
  const limits = await openLimits({
    ...parts,
    budgets: async () => alerts.watch(await budgetStore(database).list()),
    onCharged: alerts.onCharged,
  })
  return {
    ...{ limits, currency },
    ways: { ...(webhooks !== undefined && { webhooks }), email: url !== undefined },
    async stop() {
      await limits.stop()
      await alerts.stop()
    },
  }
}
