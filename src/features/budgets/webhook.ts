// Posts an alert, signed as Standard Webhooks 1.0 says (standardwebhooks.com): receivers have libraries to check it.
import { createHmac } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'

/** Sends a message to an address, an alert for instance; throws while it has not been taken. */
export type PostWebhook = (address: string, alert: { readonly id: string }, signal: AbortSignal) => Promise<void>

/** What posting needs. */
export interface WebhookParts {
  readonly egress: Egress
  readonly clock: Clock
  /** What both sides know. */
  readonly secret: string
  /** Whether addresses of private networks may be reached. */
  readonly allowPrivate: boolean
}

/** A way to post as the settings say; undefined where they hold no secret to sign with. */
export function configuredPoster(
  {
    webhookSecret: secret,
    webhookPrivate,
  }: { readonly webhookSecret?: string | undefined; readonly webhookPrivate?: 'refuse' | 'allow' },
  parts: Pick<WebhookParts, 'egress' | 'clock'>,
): PostWebhook | undefined {
  return secret === undefined
    ? undefined
    : webhookPoster({ ...parts, secret, allowPrivate: webhookPrivate === 'allow' })
}

/** A way to post. */
export function webhookPoster({ egress, clock, secret, allowPrivate }: WebhookParts): PostWebhook {
  return async (address, alert, signal) => {
    const body = JSON.stringify(alert)
    const timestamp = String(Math.floor(clock.now() / 1000))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': alert.id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${sign(secret, `${alert.id}.${timestamp}.${body}`)}`,
    }
    const policy = { allowPrivate, timeoutMs: 15_000, maxRedirects: 0, maxBytes: 65_536 }
    const answer = await egress.request({
      url: address,
      purpose: 'webhook',
      method: 'POST',
      headers,
      body,
      policy,
      signal,
    })
    await answer.discard()
    if (answer.status >= 300) {
      throw fail('egress_failed', { url: new URL(address).origin, reason: `it answered with status ${answer.status}` })
    }
  }
}

/** HMAC-SHA-256 in base64. A secret written as `whsec_…` holds base64, any other is taken as it is. */
export function sign(secret: string, text: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  return createHmac('sha256', key).update(text).digest('base64')
}
