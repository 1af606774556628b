// The counters of calls behind /metrics. Knows no row and no log.
import { type Counter, type Histogram, latencyBuckets, type Metrics, tokenBuckets } from '../../telemetry/metrics.ts'
import type { ModelEvent } from '../../wire/model.ts'

/** The counters of all calls of all models. */
export interface CallCounts {
  readonly calls: Counter
  readonly finished: Counter
  readonly promptTokens: Counter
  readonly cachedTokens: Counter
  readonly completionTokens: Counter
  readonly acceptedTokens: Counter
  readonly firstToken: Histogram
  readonly perToken: Histogram
  readonly total: Histogram
  readonly queue: Histogram
  readonly promptLength: Histogram
  readonly answerLength: Histogram
}

/** Makes the counters: vLLM's names where it has one, so that its dashboards work, else ours. */
export function countCalls(metrics: Metrics): CallCounts {
  return {
    calls: metrics.counter('galerne_calls_total', 'Calls of a model by operation and outcome.'),
    finished: metrics.counter('vllm:request_success_total', 'Answers by the reason they finished.'),
    promptTokens: metrics.counter('vllm:prompt_tokens_total', 'Prompt tokens of answered calls.'),
    cachedTokens: metrics.counter('vllm:prefix_cache_hits_total', 'Prompt tokens taken from the prefix cache.'),
    completionTokens: metrics.counter('vllm:generation_tokens_total', 'Tokens generated.'),
    acceptedTokens: metrics.counter('galerne_speculated_tokens_total', 'Generated tokens that speculation guessed.'),
    firstToken: metrics.histogram(
      'vllm:time_to_first_token_seconds',
      'From the call to its first output.',
      latencyBuckets,
    ),
    perToken: metrics.histogram('vllm:time_per_output_token_seconds', 'Decoding time per token.', latencyBuckets),
    total: metrics.histogram('vllm:e2e_request_latency_seconds', 'From the call to its end.', latencyBuckets),
    queue: metrics.histogram('vllm:request_queue_time_seconds', 'Time in line.', latencyBuckets),
    promptLength: metrics.histogram('vllm:request_prompt_tokens', 'Prompt tokens per call.', tokenBuckets),
    answerLength: metrics.histogram('vllm:request_generation_tokens', 'Tokens generated per call.', tokenBuckets),
  }
}

/** Counts a call that was answered whole. */
export function countEnd(
  { usage, timings }: Extract<ModelEvent, { type: 'end' }>,
  labels: { readonly model_name: string },
  counts: CallCounts,
): void {
  counts.promptTokens.add(labels, usage.promptTokens)
  counts.cachedTokens.add(labels, usage.cachedTokens)
  counts.completionTokens.add(labels, usage.completionTokens)
  counts.acceptedTokens.add(labels, timings.acceptedTokens)
  counts.promptLength.observe(labels, usage.promptTokens)
  counts.answerLength.observe(labels, usage.completionTokens)
  if (usage.completionTokens > 0) counts.perToken.observe(labels, timings.decodeMs / usage.completionTokens / 1000)
}
