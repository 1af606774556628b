// Opens limits, budgets and their alerts over a database: one ledger for what is allowed and what is spent.
import type { Egress } from '../../base/egress.ts'
import { mailer } from '../../base/mail.ts'
import { type Limits, type LimitsOptions, openLimits } from '../limits/open.ts'
import { openAlerts } from './alerts.ts'
import { budgetStore } from './store.ts'
import { configuredPoster } from './webhook.ts'

/** What an operator set for alerts. */
export interface AlertSettings {
  /** Alerts that are posted are signed with it. */
  readonly webhookSecret?: string | undefined
  readonly webhookPrivate?: 'refuse' | 'allow'
  readonly smtpUrl?: string | undefined
  readonly smtpFrom?: string
  /** Pause after the first failed attempt to send, in milliseconds. */
  readonly backoffMs?: number
}

/** Limits with budgets, for the registry, and what alerts can be sent by here, for the routes. */
export interface Money {
  readonly limits: Limits
  readonly ways: { readonly webhook: boolean; readonly email: boolean }
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
  const { smtpUrl: url, smtpFrom: from = 'galerne@localhost', backoffMs } = alerting
  const post = configuredPoster(alerting, { egress, clock })
  const alerts = openAlerts({
    ...{ database, clock, log, currency },
    ...(post !== undefined && { post }),
    ...(url !== undefined && { mail: mailer({ egress, url, from, purpose: 'budget alert' }) }),
    ...(backoffMs !== undefined && { backoffMs }),
  })
  const limits = await openLimits({
    ...parts,
    budgets: async () => alerts.watch(await budgetStore(database).list()),
    onCharged: alerts.onCharged,
  })
  return {
    ...{ limits, currency },
    ways: { webhook: post !== undefined, email: url !== undefined },
    async stop() {
      await limits.stop()
      await alerts.stop()
    },
  }
}
