// Measures every call of a model: one log line (ids, tokens, times; never prompts) and the counters behind /metrics. Wraps a Model and is one.
import type { Clock } from '../../base/clock.ts'
import { Failure } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Counter, type Histogram, latencyBuckets, type Metrics, tokenBuckets } from '../../telemetry/metrics.ts'
import type { CallContext, Model, ModelEvent } from '../../wire/model.ts'

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

interface Tools {
  readonly clock: Clock
  readonly log: Log
  readonly counts: CallCounts
}

type Operation = 'chat' | 'complete' | 'embed' | 'rank'

/** Puts the meter before a model. */
export function meter(model: Model, tools: Tools): Model {
  async function* watch(
    operation: Operation,
    context: CallContext,
    events: AsyncIterable<ModelEvent>,
  ): AsyncGenerator<ModelEvent, void> {
    const record = openRecord(model.card.name, operation, context, tools)
    try {
      for await (const event of events) {
        record.note(event)
        yield event
      }
    } catch (error) {
      record.failed(error)
      throw error
    } finally {
      record.close()
    }
  }
  const once = async <Result extends { readonly promptTokens: number }>(
    operation: Operation,
    context: CallContext,
    result: Promise<Result>,
  ): Promise<Result> => {
    const record = openRecord(model.card.name, operation, context, tools)
    try {
      const answer = await result
      record.done(answer.promptTokens)
      return answer
    } catch (error) {
      record.failed(error)
      throw error
    } finally {
      record.close()
    }
  }
  return {
    card: model.card,
    load: () => model.load(),
    chat: (call, signal) => watch('chat', call.context, model.chat(call, signal)),
    complete: (call, signal) => watch('complete', call.context, model.complete(call, signal)),
    embed: (call, signal) => once('embed', call.context, model.embed(call, signal)),
    rank: (call, signal) => once('rank', call.context, model.rank(call, signal)),
    tokenize: (input, signal) => model.tokenize(input, signal),
    detokenize: (tokens, signal) => model.detokenize(tokens, signal),
    tokenizer: () => model.tokenizer(),
  }
}

/** What one call's log line is made of. */
interface CallRecord {
  note(event: ModelEvent): void
  /** A call without events is complete. */
  done(promptTokens: number): void
  failed(error: unknown): void
  close(): void
}

function openRecord(
  model: string,
  operation: Operation,
  context: CallContext,
  { clock, log, counts }: Tools,
): CallRecord {
  const since = clock.elapsed()
  const labels = { model_name: model }
  const facts: { [name: string]: string | number | readonly string[] } = {}
  const reasons: string[] = []
  let outcome = 'abandoned'
  let first: number | undefined
  return {
    note(event) {
      if (event.type === 'started') {
        Object.assign(facts, { promptTokens: event.promptTokens, cachedTokens: event.cachedTokens, ranOn: event.ranOn })
        facts['queueMs'] = round(event.queueMs)
        counts.queue.observe(labels, event.queueMs / 1000)
      } else if (event.type === 'finish') reasons.push(event.reason)
      else if (event.type === 'end') {
        outcome = 'ok'
        Object.assign(facts, event.usage, mapValues(event.timings, round))
        countEnd(event, labels, counts)
      } else if (first === undefined && event.type !== 'prompt-logprobs') {
        first = clock.elapsed() - since
        counts.firstToken.observe(labels, first / 1000)
      }
    },
    done(promptTokens) {
      outcome = 'ok'
      facts['promptTokens'] = promptTokens
      counts.promptTokens.add(labels, promptTokens)
    },
    failed(error) {
      outcome = error instanceof Failure ? error.code : 'internal_error'
    },
    close() {
      const totalMs = clock.elapsed() - since
      counts.calls.add({ ...labels, operation, outcome })
      for (const reason of reasons) counts.finished.add({ ...labels, finished_reason: reason })
      if (outcome === 'ok') counts.total.observe(labels, totalMs / 1000)
      const { requestId, workspace, key } = context
      const who = { requestId, workspace, key, class: context.class }
      const times = { totalMs: round(totalMs), ...(first !== undefined && { firstTokenMs: round(first) }) }
      log.info({ ...who, model, operation, outcome, ...facts, ...times, finish: reasons }, 'model call')
    },
  }
}

function countEnd(
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

const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10

function mapValues<Values extends object>(
  values: Values,
  change: (value: number) => number,
): { [name: string]: number } {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(Number(value))]))
}
