// Makes the one door to Models, and what moves behind it: aliases, adapters, models of this machine that come and go.
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '../engine/pool-types.ts'
import { configuredWebhooks } from '../features/budgets/webhook.ts'
import { adaptedRegistry } from '../features/models/adapted.ts'
import { targetsOf } from '../features/models/alias.ts'
import { type LocalModels, localModels } from '../features/models/local-models.ts'
import { createRegistry, type Registry } from '../features/models/registry.ts'
import { openRouting, type Routing } from '../features/models/routing.ts'
import { countDigest, weightFiles } from '../features/models/served.ts'
import { servedAdapters } from '../features/models/served-adapters.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import type { ModelCard } from '../wire/model.ts'
import type { Accounts } from './accounts.ts'
import { type Engines, engineSettings } from './engine.ts'
import type { Ground } from './ground.ts'
import type { Store } from './store.ts'

/** What serves models. */
export interface Models {
  readonly pool: Pool
  readonly registry: Registry
  readonly routing: Routing
  readonly local: LocalModels
  readonly metrics: Metrics
  /** Waits for the engines and lets their models in. Throws why one cannot be loaded. */
  ready(): Promise<void>
}

/** Makes it; without a model until `ready`. */
export async function openModels(
  ground: Ground,
  { loading, places, first }: Engines,
  { acts, notices }: Store,
  { usage, money, traces }: Accounts,
): Promise<Models> {
  const { config, log, clock, egress, opened } = ground
  const { home, queueLength } = config
  const pool = await loading
  // Before the books close: what calls cost is settled when they end.
  opened.push(() => pool.stop())
  const metrics = createMetrics()
  const behind = (name: string): ModelCard | undefined => registry.behind(name)
  const webhooks = configuredWebhooks(config, { egress, clock })
  const routing = await openRouting({ acts, notices, clock, log, metrics, behind, ...(webhooks && { webhooks }) })
  opened.push(() => routing.stop())
  const registry: Registry = adaptedRegistry(
    createRegistry({
      ...{ models: [], clock, log, metrics, queueLength, usage, limits: money.limits, routing },
      trace: traces.record,
    }),
  )
  const aliases = () => routing.aliases.all().map((alias) => ({ name: alias.name, targets: targetsOf(alias) }))
  const adapters = servedAdapters({ pool, registry, home, aliases, log })
  const local = localModels({
    ...{ pool, registry, home, clock, engine: engineSettings(config), aliases },
    ...{ hubCache: first.hubCache, catalogue: first.catalogue, places, log, adapters },
  })
  const ready = async () => {
    await pool.ready()
    for (const model of pool.models) registry.add(model)
    for (const { model } of pool.states()) await adapters.attach(model)
    const targets = () => aliases().flatMap((alias) => alias.targets)
    await local.restore(targets())
    // An alias that another node set may lead to weights that lie here and are not served yet.
    routing.aliases.watch(() => void local.restore(targets()))
    learnDigests(pool, ground)
  }
  return { pool, registry, routing, local, metrics, ready }
}

/** So long after the start, in milliseconds, that whoever waited for it has the first answer. */
const digestsAfter = 2_000

/** Counts the digests of a user's own weights, one model after the other, while their models answer already. */
function learnDigests(pool: Pool, { config, log, opened }: Ground): void {
  const ending = new AbortController()
  const { signal } = ending
  const learn = async () => {
    await delay(digestsAfter, undefined, { signal, ref: false }).catch(() => {})
    for (const { model, digest, path } of pool.states()) {
      if (digest !== null || signal.aborted) continue
      try {
        const counted = await countDigest({ digest: undefined, files: weightFiles(path) }, config.home, signal)
        if (counted !== undefined) pool.learnDigest(model, counted)
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, model }, 'the digest of these weights could not be counted')
      }
    }
  }
  void learn()
  opened.push(async () => ending.abort())
}
