// Mails by SMTP. nodemailer speaks the protocol; the sockets it speaks over come from egress alone. Knows no text.
import type { Transporter } from 'nodemailer'
import { isWithin } from './addresses.ts'
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
  /** Whether a password may go without TLS; `loopback`, and where nothing is said: only to a server on this machine. */
  readonly clear?: 'loopback' | 'refuse' | 'allow'
  /** What the ledger of outgoing bytes says they are for. */
  readonly purpose: string
}

// A server that takes connections and says nothing must not hold up who waits.
const patienceMs = 15_000

/** A way to mail. */
export function mailer(parts: MailParts): SendMail {
  const { url, from } = parts
  // Loaded with the first mail: every start would pay 60 ms of CPU for it.
  let transport: Promise<Transporter> | undefined
  return async ({ to, subject, text, id }) => {
    try {
      transport ??= openTransport(parts)
      await (await transport).sendMail({ from, to: [...to], subject, text, messageId: `<${id}@galerne>` })
    } catch (error) {
      const { protocol, hostname } = new URL(url)
      throw fail('egress_failed', { url: `${protocol}//${bare(hostname)}`, reason: (error as Error).message }, error)
    }
  }
}

async function openTransport({ egress, url, purpose, clear = 'loopback' }: MailParts): Promise<Transporter> {
  const { createTransport } = await import('nodemailer')
  const { hostname, port, protocol, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const host = bare(hostname)
  const mayBeClear = clear === 'allow' || (clear === 'loopback' && isLoopback(host))
  return createTransport({
    ...{ host, secure, port: port === '' ? (secure ? 465 : 587) : Number(port) },
    ...{ connectionTimeout: patienceMs, greetingTimeout: patienceMs, socketTimeout: patienceMs },
    // Without it nodemailer takes TLS where it is offered, and an attacker in between need only take the offer away.
    requireTLS: !secure && username !== '' && !mayBeClear,
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    getSocket(options, callback) {
      // The operator set the server, so it may stand in a private network.
      egress.connect({ host: options.host ?? host, port: Number(options.port), purpose, allowPrivate: true }).then(
        (connection) => callback(null, { connection }),
        (error: Error) => callback(error, undefined),
      )
    },
  })
}

/** Whether the server is this machine itself: what goes there passes no wire. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || isWithin(host, loopback)
}

const loopback = ['127.0.0.0/8', '::1']

/** An IPv6 address without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
