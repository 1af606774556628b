// Posts messages as Standard Webhooks has it: signed with HMAC-SHA-256 over `id.timestamp.body` with the webhook's own secret. Knows no budget.
import type { Clock } from '../../base/clock.ts'
import type { Egress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { signatures, type WebhookKey, webhookSecret } from '../../base/webhook-secret.ts'

/** Where a message goes, and what its secret is made from; null: the webhook was set by an earlier version. */
export interface WebhookPlace {
  readonly address: string
  readonly key: WebhookKey | null
}

/** Sends a message to a webhook, an alert for instance; throws while it has not been taken. */
export type PostWebhook = (place: WebhookPlace, message: { readonly id: string }, signal: AbortSignal) => Promise<void>

/** What a server that posts can do. */
export interface Webhooks {
  readonly post: PostWebhook
  /** What a webhook's receiver checks signatures with. */
  secretOf(key: WebhookKey): string
}

/** What posting needs. */
export interface WebhookParts {
  readonly egress: Egress
  readonly clock: Clock
  /** The server's own; every webhook's is made from it. */
  readonly secret: string
  /** Whether addresses of private networks may be reached. */
  readonly allowPrivate: boolean
}

/** A way to post as the settings say; undefined where they hold no secret to sign with. */
export function configuredWebhooks(
  {
    webhookSecret: secret,
    webhookPrivate,
  }: { readonly webhookSecret?: string | undefined; readonly webhookPrivate?: 'refuse' | 'allow' },
  parts: Pick<WebhookParts, 'egress' | 'clock'>,
): Webhooks | undefined {
  if (secret === undefined) return undefined
  const post = webhookPoster({ ...parts, secret, allowPrivate: webhookPrivate === 'allow' })
  return { post, secretOf: (key) => webhookSecret(secret, key) }
}

function webhookPoster({ egress, clock, secret, allowPrivate }: WebhookParts): PostWebhook {
  return async ({ address, key }, message, signal) => {
    const body = JSON.stringify(message)
    const now = clock.now()
    const timestamp = String(Math.floor(now / 1000))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': message.id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures(secret, key, `${message.id}.${timestamp}.${body}`, now),
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
