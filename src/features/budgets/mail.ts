// Mails an alert by SMTP. nodemailer speaks the protocol; the sockets it speaks over come from egress alone.
import { createTransport } from 'nodemailer'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import type { Alert } from './alerts.ts'

/** Mails an alert; throws while it has not been taken. */
export type SendMail = (recipients: readonly string[], alert: Alert) => Promise<void>

/** What mailing needs. */
export interface MailParts {
  readonly egress: Egress
  /** `smtp://user:password@host:port` or `smtps://…`. */
  readonly url: string
  readonly from: string
}

/** A way to mail. */
export function mailer({ egress, url, from }: MailParts): SendMail {
  const { hostname, port, protocol, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const transport = createTransport({
    host,
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    getSocket(options, callback) {
      // The operator set the server, so it may stand in a private network.
      egress
        .connect({
          host: options.host ?? host,
          port: Number(options.port),
          purpose: 'budget alert',
          allowPrivate: true,
        })
        .then(
          (connection) => callback(null, { connection }),
          (error: Error) => callback(error, undefined),
        )
    },
  })
  return async (recipients, alert) => {
    const { scope, subject, period } = alert.budget
    const whose = scope === 'organisation' ? 'the organisation' : `${scope} ${subject}`
    const share = `${alert.threshold} % of the budget (${period}) of ${whose}`
    try {
      await transport.sendMail({
        from,
        to: [...recipients],
        subject: `${share} is spent`,
        text: `${share} is spent: ${alert.spent} of ${alert.amount} ${alert.currency}.\n`,
        messageId: `<${alert.id}@galerne>`,
      })
    } catch (error) {
      throw fail('egress_failed', { url: `${protocol}//${host}`, reason: (error as Error).message }, error)
    }
  }
}
