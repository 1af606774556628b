// GET /metrics: Prometheus text. Gauges are read from the models when asked; vLLM's names stand beside ours.
import { Type } from 'typebox'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Server } from '../../wire/exchange.ts'
import type { Registry, RegistryLoad } from '../models/registry.ts'

/** Adds the gauges and the route. */
export function registerMetrics(
  server: Server,
  { registry, metrics }: { readonly registry: Registry; readonly metrics: Metrics },
): void {
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
  gauge('galerne_streams', 'Sequences that the model can hold at once.', (load) => load.streams)
  metrics.gauge('galerne_resident_bytes', 'Memory of the server process; engines are processes of their own.', () => [
    { labels: {}, value: process.memoryUsage.rss() },
  ])
  server.get(
    '/metrics',
    {
      config: { whileStopping: true },
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
