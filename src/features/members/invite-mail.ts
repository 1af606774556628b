// Mails an invitation to whom it is for. The link is in the mail and in the answer to who invites, and is not stored.
import type { Config } from '../../base/config.ts'
import type { Egress } from '../../base/egress.ts'
import type { Log } from '../../base/log.ts'
import { mailer, type SendMail } from '../../base/mail.ts'
import type { Invite } from './invite.ts'

/** Mails an invitation's link; false where it cannot be mailed: whoever invites hands it on. Never throws. */
export type MailInvite = (invite: Invite, secret: string) => Promise<boolean>

/** Mails invitations where the operator set by which server, and where people reach the console; undefined elsewhere. */
export function invitesByMail(
  {
    smtpUrl: url,
    smtpFrom: from,
    smtpClear: clear,
    publicUrl,
  }: Pick<Config, 'smtpUrl' | 'smtpFrom' | 'smtpClear' | 'publicUrl'>,
  { egress, log }: { readonly egress: Egress; readonly log: Log },
): MailInvite | undefined {
  if (url === undefined || publicUrl === undefined) return undefined
  return inviteMailer({ send: mailer({ egress, url, from, clear, purpose: 'invitation' }), publicUrl, log })
}

/** A way to mail invitations. `publicUrl` is where people reach the console. */
export function inviteMailer({
  send,
  publicUrl,
  log,
}: {
  readonly send: SendMail
  readonly publicUrl: string
  readonly log: Log
}): MailInvite {
  return async ({ id, email, expiresAt }, secret) => {
    const link = `${publicUrl.replace(/\/$/, '')}/invitation/${secret}`
    const until = new Date(expiresAt).toISOString().slice(0, 10)
    const text = `You are invited to Galerne. This link works once, until ${until}:\n\n${link}\n`
    try {
      await send({ to: [email], subject: 'You are invited to Galerne', text, id })
      return true
    } catch (error) {
      log.warn({ err: error, invite: id }, 'an invitation could not be mailed')
      return false
    }
  }
}
