// GET /metrics: Prometheus text. Gauges are read from the models when asked; vLLM's names stand beside ours.
import { Type } from 'typebox'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Server } from '../../wire/exchange.ts'
import { familyOf, shownDigest } from '../models/name.ts'
import type { Registry, RegistryLoad } from '../models/registry.ts'

/** What one model's engine has counted since its start. */
export interface EngineCounts {
  readonly model: string
  /** Sequences admitted that wait for a stream. */
  readonly waiting: number
  readonly steps: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly acceptedTokens: number
  /** Steps that were given up. */
  readonly stopped: number
  /** Sequences that gave their stream to others and came back. */
  readonly displaced: number
  readonly spilledBytes: number
  readonly restarts: number
}

/** What /metrics tells of. */
export interface MetricSources {
  readonly registry: Registry
  readonly metrics: Metrics
  /** Counts of the engines of local models; absent where there are none. */
  readonly engines?: () => readonly EngineCounts[]
  /** Where the models of this machine are in their lives; absent where there are none. */
  readonly states?: () => readonly ModelLife[]
}

/** Where a model is in its life. */
export interface ModelLife {
  readonly model: string
  readonly state: string
  readonly loads: number
  readonly plan: { readonly memory: { readonly total: number } }
}

const lifeStates = ['unloaded', 'loading', 'ready', 'draining']

/** Adds the gauges and the route. */
export function registerMetrics(server: Server, { registry, metrics, engines, states }: MetricSources): void {
  addLoad(metrics, registry)
  if (engines !== undefined) addEngines(metrics, engines)
  if (states !== undefined) addLives(metrics, states)
  metrics.gauge('galerne_resident_bytes', 'Memory of the server process; engines are processes of their own.', () => [
    { labels: {}, value: process.memoryUsage.rss() },
  ])
  server.get(
    '/metrics',
    {
      config: { permission: 'server.read', whileStopping: true },
      schema: {
        tags: ['server'],
        summary: 'Counters for Prometheus',
        produces: ['text/plain'],
        response: { 200: Type.String() },
      },
    },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.text()),
  )
}

function addLoad(metrics: Metrics, registry: Registry): void {
  const gauge = (name: string, help: string, read: (load: RegistryLoad) => number) => {
    metrics.gauge(name, help, () =>
      registry.load().map((load) => ({ labels: { model_name: load.model }, value: read(load) })),
    )
  }
  gauge('vllm:num_requests_running', 'Sequences being worked on.', (load) => load.running)
  gauge('vllm:num_requests_waiting', 'Calls in line.', (load) => load.waiting)
  gauge('vllm:kv_cache_usage_perc', 'Fraction of key-value cells in use; 1 is all.', (load) => load.kvUse)
  // The name before vLLM 0.10, which many dashboards still read.
  gauge('vllm:gpu_cache_usage_perc', 'Old name of vllm:kv_cache_usage_perc.', (load) => load.kvUse)
  metrics.gauge('galerne_model_info', 'The version of the weights behind a name; always 1.', () =>
    registry.load().map(({ model, digest }) => {
      const labels = { model_name: model, family: familyOf(model), digest: shownDigest(digest) ?? '' }
      return { labels, value: 1 }
    }),
  )
  gauge('galerne_streams', 'Sequences that the model can hold at once.', (load) => load.streams)
}

function addLives(metrics: Metrics, states: NonNullable<MetricSources['states']>): void {
  metrics.gauge('galerne_model_state', '1 for the state that a model is in, 0 for the others.', () =>
    states().flatMap(({ model, state }) =>
      lifeStates.map((one) => ({ labels: { model_name: model, state: one }, value: one === state ? 1 : 0 })),
    ),
  )
  metrics.gauge('galerne_model_memory_bytes', 'What a model takes, or would take, by its plan.', () =>
    states().map(({ model, plan }) => ({ labels: { model_name: model }, value: Math.ceil(plan.memory.total) })),
  )
  const loads = () => states().map(({ model, loads }) => ({ labels: { model_name: model }, value: loads }))
  metrics.gauge('galerne_model_loads_total', 'How often a model was loaded.', loads, 'counter')
}

function addEngines(metrics: Metrics, engines: () => readonly EngineCounts[]): void {
  const counter = (name: string, help: string, read: (counts: EngineCounts) => number) => {
    const samples = () => engines().map((counts) => ({ labels: { model_name: counts.model }, value: read(counts) }))
    metrics.gauge(name, help, samples, 'counter')
  }
  counter('galerne_engine_steps_total', 'Batches decoded.', (counts) => counts.steps)
  counter(
    'galerne_engine_prompt_tokens_total',
    'Prompt tokens of all sequences.',
    // The engine counts those that it computed.
    (counts) => counts.promptTokens + counts.cachedTokens,
  )
  counter(
    'galerne_engine_cached_tokens_total',
    'Of them, taken from the prefix cache.',
    (counts) => counts.cachedTokens,
  )
  counter('galerne_engine_generated_tokens_total', 'Tokens generated.', (counts) => counts.generatedTokens)
  counter('galerne_engine_accepted_tokens_total', 'Of them, guessed by speculation.', (counts) => counts.acceptedTokens)
  counter(
    'galerne_engine_stopped_steps_total',
    'Steps given up for live calls, or for callers that left.',
    (counts) => counts.stopped,
  )
  counter('vllm:num_preemptions_total', 'Sequences that gave way and came back.', (counts) => counts.displaced)
  counter('galerne_engine_restarts_total', 'Starts after a crash.', (counts) => counts.restarts)
  metrics.gauge('galerne_engine_spilled_bytes', 'Host memory that holds displaced key-value cells.', () =>
    engines().map((counts) => ({ labels: { model_name: counts.model }, value: counts.spilledBytes })),
  )
}
