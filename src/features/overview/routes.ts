// GET /galerne/v1/overview: what every model is doing now. Reads what others count; keeps nothing.
import type { Server } from '../../wire/exchange.ts'
import { OverviewObject } from '../../wire/overview.ts'
import type { EngineCounts, ModelLife } from '../metrics/routes.ts'
import type { Registry } from '../models/registry.ts'

/** What the overview is read from. */
export interface OverviewSources {
  readonly registry: Registry
  readonly version: string
  /** Counts of the engines of local models; absent where there are none. */
  readonly engines?: () => readonly EngineCounts[]
  /** Plans of local models; absent where there are none. */
  readonly states?: () => readonly ModelLife[]
}

/** Adds the route. */
export function registerOverview(server: Server, { registry, version, engines, states }: OverviewSources): void {
  server.get(
    '/galerne/v1/overview',
    {
      config: { permission: 'models.read' },
      schema: { tags: ['server'], summary: 'What the models are doing now', response: { 200: OverviewObject } },
    },
    async ({ exchange }) => {
      const counts = new Map((engines?.() ?? []).map((count) => [count.model, count]))
      const plans = new Map((states?.() ?? []).map(({ model, plan }) => [model, plan]))
      const contexts = new Map(registry.list(exchange.caller).map((card) => [card.name, card.contextLength]))
      return {
        object: 'overview' as const,
        at: exchange.clock.now(),
        version,
        resident_bytes: process.memoryUsage.rss(),
        models: registry
          .load()
          .filter(({ model }) => contexts.has(model))
          .map(({ model, streams, running, waiting, kvUse }) => {
            const [count, plan] = [counts.get(model), plans.get(model)]
            return {
              ...{ model, streams, running, waiting, kv_use: kvUse },
              context_length: contexts.get(model) ?? 0,
              // The engine counts those that it computed.
              prompt_tokens: (count?.promptTokens ?? 0) + (count?.cachedTokens ?? 0),
              cached_tokens: count?.cachedTokens ?? 0,
              generated_tokens: count?.generatedTokens ?? 0,
              memory_bytes: plan === undefined ? null : Math.ceil(plan.memory.total),
              restarts: count?.restarts ?? 0,
            }
          }),
      }
    },
  )
}
