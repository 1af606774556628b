// Mails by SMTP. nodemailer speaks the protocol; the sockets it speaks over come from egress alone. Knows no text.
import { createTransport } from 'nodemailer'
import type { Egress } from './egress.ts'
import { fail } from './errors.ts'

/** A mail of plain text. */
export interface Mail {
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  /** One that is sent again has the same. */
  readonly id: string
}

/** Sends a mail; throws `egress_failed` while it has not been taken. */
export type SendMail = (mail: Mail) => Promise<void>

/** What mailing needs. */
export interface MailParts {
  readonly egress: Egress
  /** `smtp://user:password@host:port` or `smtps://…`. */
  readonly url: string
  readonly from: string
  /** What the ledger of outgoing bytes says they are for. */
  readonly purpose: string
}

// A server that takes connections and says nothing must not hold up who waits.
const patienceMs = 15_000

/** A way to mail. */
export function mailer({ egress, url, from, purpose }: MailParts): SendMail {
  const { hostname, port, protocol, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const transport = createTransport({
    ...{ host, secure, port: port === '' ? (secure ? 465 : 587) : Number(port) },
    ...{ connectionTimeout: patienceMs, greetingTimeout: patienceMs, socketTimeout: patienceMs },
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    getSocket(options, callback) {
      // The operator set the server, so it may stand in a private network.
      egress.connect({ host: options.host ?? host, port: Number(options.port), purpose, allowPrivate: true }).then(
        (connection) => callback(null, { connection }),
        (error: Error) => callback(error, undefined),
      )
    },
  })
  return async ({ to, subject, text, id }) => {
    try {
      await transport.sendMail({ from, to: [...to], subject, text, messageId: `<${id}@galerne>` })
    } catch (error) {
      throw fail('egress_failed', { url: `${protocol}//${host}`, reason: (error as Error).message }, error)
    }
  }
}
