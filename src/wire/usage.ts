// Token counts as the vendors send them: one shape that both families of clients read.
import { type Static, Type } from 'typebox'
import type { Usage } from './model.ts'

/** `usage` of chat, FIM and text completions. */
export const UsageObject = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({
    cached_tokens: Type.Integer({ description: 'Prompt tokens that were taken from the prefix cache.' }),
  }),
  completion_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
  num_cached_tokens: Type.Integer({ description: "Mistral's older name of cached_tokens." }),
})

/** The contract's counts on the wire. */
export function usageObject(usage: Usage): Static<typeof UsageObject> {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    num_cached_tokens: usage.cachedTokens,
  }
}
