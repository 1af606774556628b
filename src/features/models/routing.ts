// Opens aliases over a database, with what is decided by them: which version a call gets, and what becomes of canaries. Knows no HTTP.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { WebhookKey } from '../../base/webhook-secret.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { ModelCard } from '../../wire/model.ts'
import type { Acts } from '../audit/acts.ts'
import { type AliasChanges, aliasChanges } from './alias-changes.ts'
import { type Aliases, openAliases } from './aliases.ts'
import { openRollbackPosts, type Post } from './rollback-posts.ts'
import { createTraffic, type Traffic } from './traffic.ts'

/** Aliases, open: the registry takes them as its routing, the server for its routes. */
export interface Routing {
  readonly aliases: Aliases
  readonly traffic: Traffic
  readonly changes: AliasChanges
  readonly database: Database
  /** What a webhook's receiver checks signatures with; absent: roll-backs cannot be posted from here. */
  readonly secretOf?: (key: WebhookKey) => string
  stop(): Promise<void>
}

/** The weights that measurements are of; null where adapters change what those say. */
function measuredDigest(card: ModelCard | undefined): string | null {
  return card === undefined || card.parent !== undefined ? null : card.digest
}

/** Opens them. */
export async function openRouting(parts: {
  readonly acts: Acts
  readonly notices: Notices
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** The model that a name leads to, past aliases. The registry is made after this, so it is asked when it is needed. */
  readonly behind: (name: string) => ModelCard | undefined
  /** How roll-backs are posted; absent: this server posts none. */
  readonly webhooks?: { readonly post: Post; secretOf(key: WebhookKey): string }
  /** Pause after the first failed attempt to post, in milliseconds. */
  readonly backoffMs?: number
}): Promise<Routing> {
  const { acts, notices, clock, log, metrics, behind, webhooks, backoffMs } = parts
  const { database } = acts
  const aliases = await openAliases(database, notices)
  const post = webhooks?.post
  const posts = post && openRollbackPosts({ database, clock, log, post, ...(backoffMs !== undefined && { backoffMs }) })
  const changes = aliasChanges({
    ...{ acts, aliases, log, metrics },
    isHere: (name) => behind(name) !== undefined,
    digestOf: (name) => measuredDigest(behind(name)),
    ...(posts !== undefined && { onRollback: posts.enqueue }),
  })
  const traffic = createTraffic({ clock, log, metrics, rollBack: changes.dropCanary })
  return {
    ...{ aliases, traffic, changes, database },
    ...(webhooks !== undefined && { secretOf: webhooks.secretOf }),
    async stop() {
      await traffic.stop()
      await posts?.stop()
      aliases.close()
    },
  }
}
