// What an alert says, and the mail it becomes. Pure.
import type { Mail } from '../../base/mail.ts'

/** What an alert says. */
export interface Alert {
  readonly id: string
  readonly type: 'budget.threshold_reached'
  /** Seconds since 1970. */
  readonly created_at: number
  readonly budget: { readonly id: string; readonly scope: string; readonly subject: string; readonly period: string }
  /** Percentage of the amount. */
  readonly threshold: number
  readonly amount: number
  readonly spent: number
  readonly currency: string
  readonly opens_at: number
}

/** The mail of an alert. */
export function alertMail(to: readonly string[], alert: Alert): Mail {
  const { scope, subject, period } = alert.budget
  const whose = scope === 'organisation' ? 'the organisation' : `${scope} ${subject}`
  const share = `${alert.threshold} % of the budget (${period}) of ${whose}`
  const text = `${share} is spent: ${alert.spent} of ${alert.amount} ${alert.currency}.\n`
  return { to, id: alert.id, subject: `${share} is spent`, text }
}
