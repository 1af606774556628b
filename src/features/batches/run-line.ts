// Answers one line of a batch: calls the model as a live request would, waits where waiting helps, tries again where that helps, settles it once.
import type { Clock } from '../../base/clock.ts'
import { toFailure } from '../../wire/failure.ts'
import { collect } from '../files/contents.ts'
import type { Files } from '../files/files.ts'
import type { Registry } from '../models/registry.ts'
import type { FillPrompt } from '../prompts/fill.ts'
import { batchRequestId } from '../usage/batch-calls.ts'
import { answerFor } from './endpoints.ts'
import type { LineRow, LineStore, LineUsage, Settled } from './lines.ts'
import { pause, throughOutage } from './outage.ts'
import { readLine } from './read-line.ts'
import type { BatchRow } from './store.ts'
import { answeredLine, refusedLine } from './views.ts'

/** What answering needs. */
export interface LineParts {
  readonly files: Files
  readonly lines: LineStore
  readonly registry: Pick<Registry, 'model' | 'versionOf' | 'load'>
  readonly clock: Clock
  /** Fills prompts in that a line names; without it there are none. */
  readonly fillPrompt?: FillPrompt
  /** Resolves once the usage of all calls that have ended is durable: a line that is settled is one that was counted. */
  readonly usageKept: () => Promise<void>
  /** Told of a fault that nobody foresaw. */
  readonly onError: (error: unknown) => void
}

/** Attempts per line where the model or the server failed, not the request. */
const mostAttempts = 5

/** These pass by themselves and say nothing about the line: it waits as long as its batch lives. */
const passing: ReadonlySet<string> = new Set([
  'queue_full',
  'rate_limit_exceeded',
  'database_unavailable',
  'file_store_failed',
  'server_stopping',
  'deadline_exceeded',
])

/** A batch and the key whose limits, budgets and spend it counts under, where that is not its own. */
export interface PaidBatch extends BatchRow {
  readonly payer?: string
}

/** Works on a line until it is settled, or leaves it waiting when the signal aborts. */
export async function runLine(batch: PaidBatch, line: LineRow, parts: LineParts, signal: AbortSignal): Promise<void> {
  const { lines } = parts
  let attempt = line.attempts
  let failures = line.attempts
  for (let pauses = 0; ; pauses++) {
    const name = { requestId: batchRequestId(batch.id, line.number, attempt), customId: line.custom_id }
    let settled: Omit<Settled, 'requestIds'>
    try {
      const body = await answer(batch, line, name.requestId, parts, signal)
      settled = { state: 'succeeded', output: answeredLine(name, body), error: null, usage: usageOf(body) }
    } catch (error) {
      if (signal.aborted) return
      const failure = toFailure(error, name.requestId)
      if (failure.code === 'internal_error') parts.onError(error)
      const again = passing.has(failure.code) || (failure.retryable && failures + 1 < mostAttempts)
      if (again) {
        if (!passing.has(failure.code)) {
          failures += 1
          const count = () => lines.countAttempt(batch.id, line.number, name.requestId)
          if (await throughOutage(count, signal)) attempt += 1
        }
        await pause(failure, pauses, signal)
        if (signal.aborted) return
        continue
      }
      settled = { state: 'failed', output: refusedLine(name, failure), error: failure.message, usage: noUsage }
    }
    const requestIds = Array.from({ length: attempt + 1 }, (_, past) => batchRequestId(batch.id, line.number, past))
    const kept = async () => {
      await parts.usageKept()
      await lines.settle(batch.id, line.number, { ...settled, requestIds })
    }
    await throughOutage(kept, signal)
    return
  }
}

async function answer(
  batch: PaidBatch,
  line: LineRow,
  requestId: string,
  { files, registry, clock, fillPrompt }: LineParts,
  signal: AbortSignal,
): Promise<object> {
  const content = (JSON.parse(batch.inputs) as string[])[line.input] ?? ''
  const bytes = await collect(await files.read(content, { start: line.start, length: line.bytes }))
  const request = readLine(bytes, batch)
  if (request === undefined) throw new Error(`line ${line.number} of ${batch.id} is empty`)
  const model = registry.model(request.model, { ...accessOf(batch), version: line.model })
  return await answerFor(batch.endpoint)({
    body: request.body,
    model,
    context: {
      requestId,
      // Usage counts a call once by it, also when the same attempt runs again after a crash.
      callId: `call_${requestId}`,
      workspace: batch.workspace,
      key: batch.key,
      ...(batch.payer !== undefined && { payer: batch.payer }),
      ...(batch.owner !== batch.key && { user: batch.owner }),
      class: 'batch',
      cacheScope: batch.workspace,
      deadline: batch.expires_at,
    },
    signal,
    clock,
    prompts: { reader: { workspace: batch.workspace, owner: batch.owner }, fill: fillPrompt },
    thinkingChunks: batch.dialect === 'mistral',
  })
}

/** The models that the batch's key may use. */
export function accessOf({ access }: Pick<BatchRow, 'access'>): { readonly models?: readonly string[] } {
  return access === null ? {} : { models: JSON.parse(access) as string[] }
}

const noUsage: LineUsage = { input: 0, cached: 0, output: 0, reasoning: 0 }

interface UsageObject {
  readonly prompt_tokens?: number
  readonly input_tokens?: number
  readonly completion_tokens?: number
  readonly output_tokens?: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null
  readonly input_tokens_details?: { readonly cached_tokens?: number } | null
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number } | null
  readonly output_tokens_details?: { readonly reasoning_tokens?: number } | null
}

/** The usage of an answer of any endpoint: chat's words or those of Responses. */
function usageOf(body: object): LineUsage {
  const usage = ('usage' in body ? body.usage : {}) as UsageObject
  return {
    input: usage.prompt_tokens ?? usage.input_tokens ?? 0,
    cached: (usage.prompt_tokens_details ?? usage.input_tokens_details)?.cached_tokens ?? 0,
    output: usage.completion_tokens ?? usage.output_tokens ?? 0,
    reasoning: (usage.completion_tokens_details ?? usage.output_tokens_details)?.reasoning_tokens ?? 0,
  }
}
