// What a mailed alert says. Pure.
import type { Mail } from '../../base/mail.ts'
import type { Alert } from './alerts.ts'

/** The mail of an alert. */
export function alertMail(to: readonly string[], alert: Alert): Mail {
  const { scope, subject, period } = alert.budget
  const whose = scope === 'organisation' ? 'the organisation' : `${scope} ${subject}`
  const share = `${alert.threshold} % of the budget (${period}) of ${whose}`
  const text = `${share} is spent: ${alert.spent} of ${alert.amount} ${alert.currency}.\n`
  return { to, id: alert.id, subject: `${share} is spent`, text }
}
