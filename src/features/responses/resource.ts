// Builds the Response object: what happened, and the settings it happened under, echoed as OpenAI does. Knows no stream.
import type { Usage } from '../../wire/model.ts'
import type { OutputItem, ResponseObject } from '../../wire/response-object.ts'

/** What a Response repeats of its request, absent values as the defaults that were applied. */
export interface ResponseSettings {
  readonly model: string
  readonly instructions: string | null
  readonly maxOutputTokens: number | null
  readonly temperature: number | null
  readonly topP: number | null
  readonly topLogprobs: number
  readonly parallelToolCalls: boolean
  /** As the client sent it. */
  readonly toolChoice: unknown
  readonly tools: readonly unknown[]
  readonly textFormat: unknown
  readonly reasoningEffort: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly user: string | null
  readonly promptCacheKey: string | null
  readonly safetyIdentifier: string | null
}

/** Where a response stands. */
export interface ResponseState {
  readonly id: string
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly completedAt: number | null
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly output: readonly OutputItem[]
  readonly error: { readonly code: string; readonly message: string } | null
  readonly usage: Usage | null
}

/**
 * The object of `POST /v1/responses`. `store` is always false: nothing is kept, so `previous_response_id` has nothing to point at.
 * `max_output_tokens` is the only reason for `incomplete` that both vendors' clients know, also when the context was full.
 */
export function responseResource(settings: ResponseSettings, state: ResponseState): ResponseObject {
  return {
    id: state.id,
    object: 'response',
    created_at: state.createdAt,
    completed_at: state.completedAt,
    status: state.status,
    background: false,
    error: state.error,
    incomplete_details: state.status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: settings.instructions,
    max_output_tokens: settings.maxOutputTokens,
    max_tool_calls: null,
    metadata: settings.metadata,
    model: settings.model,
    output: [...state.output],
    parallel_tool_calls: settings.parallelToolCalls,
    previous_response_id: null,
    prompt_cache_key: settings.promptCacheKey,
    reasoning: { effort: settings.reasoningEffort, summary: null },
    safety_identifier: settings.safetyIdentifier,
    service_tier: 'default',
    store: false,
    temperature: settings.temperature,
    text: { format: settings.textFormat },
    tool_choice: settings.toolChoice,
    tools: [...settings.tools],
    top_logprobs: settings.topLogprobs,
    top_p: settings.topP,
    truncation: 'disabled',
    // OpenAI's specification has neither as null: left out until there is one.
    ...(state.usage !== null && { usage: responseUsage(state.usage) }),
    ...(settings.user !== null && { user: settings.user }),
  }
}

function responseUsage(usage: Usage): NonNullable<ResponseObject['usage']> {
  return {
    input_tokens: usage.promptTokens,
    // Writing to the prefix cache costs nothing here, so there is nothing to count.
    input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: 0 },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.completionTokens,
  }
}
