// The secret of one webhook: made from the server's own secret and what is kept of the webhook, so that whoever reads the database cannot
// sign, and whoever knows one webhook's secret knows no other's. Signatures are those of Standard Webhooks. Pure but for the random bytes.
import { createHmac, randomBytes } from 'node:crypto'

/** What is kept of a webhook's secret: no secret itself, and of no use without the server's. */
export interface WebhookKey {
  readonly seed: string
  /** The one before, which signs beside it until then (milliseconds since 1970). */
  readonly before?: { readonly seed: string; readonly until: number }
}

/** The key of a new webhook. */
export function newWebhookKey(): WebhookKey {
  return { seed: randomBytes(16).toString('base64url') }
}

/** The key that takes its place; the old secret signs too until then. */
export function nextWebhookKey(key: WebhookKey | null, until: number): WebhookKey {
  return { ...newWebhookKey(), ...(key !== null && { before: { seed: key.seed, until } }) }
}

/** What whoever receives the webhook checks signatures with: `whsec_` and 256 bits in base64. */
export function webhookSecret(serverSecret: string, { seed }: Pick<WebhookKey, 'seed'>): string {
  return `whsec_${hmac(serverSecret, `webhook:${seed}`)}`
}

/**
 * The signatures of a message, the newest secret's first, as `webhook-signature` holds them. Webhooks of an earlier version have no key: the
 * server's secret signs for them.
 */
export function signatures(serverSecret: string, key: WebhookKey | null, text: string, now: number): string {
  if (key === null) return `v1,${hmac(serverSecret, text)}`
  const old = key.before !== undefined && now < key.before.until ? [key.before] : []
  return [key, ...old].map((one) => `v1,${hmac(webhookSecret(serverSecret, one), text)}`).join(' ')
}

/** HMAC-SHA-256 in base64. A secret written as `whsec_…` holds base64, any other is taken as it is. */
function hmac(secret: string, text: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  return createHmac('sha256', key).update(text).digest('base64')
}
