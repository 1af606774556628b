// Turns a chat request in either vendor's vocabulary into the one call that models take. Pure: no clock, no model, no server.
import { fail } from '../../base/errors.ts'
import { ChatRequest } from '../../wire/chat.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { ChatCall, Message, ModelCard, OutputRule } from '../../wire/model.ts'
import { readSampling } from '../../wire/sampling.ts'
import type { ResponseFormat } from '../../wire/tools.ts'
import { prepareMessages } from './prepare-messages.ts'
import { prepareTools } from './prepare-tools.ts'

/** A call without the facts of its request, and the fields that have no effect on it. */
export interface PreparedChat {
  readonly call: Omit<ChatCall, 'context'>
  readonly ignored: readonly string[]
}

// Taken so that clients work unchanged, and named in `galerne-ignored-fields` when set: none of them has an effect yet.
const inertFields = [
  'audio',
  'prediction',
  'prompt_cache_key',
  'service_tier',
  'store',
  'verbosity',
  'web_search_options',
]

// The text that Mistral's documentation gives for `safe_prompt`.
const safetyPrompt =
  'Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid harmful, unethical, prejudiced, or negative content. Ensure replies promote fairness and positivity.'

/** The call that a request means. Throws a 400 that names the field where it means nothing. */
export function prepareChat(body: ChatRequest, card: ModelCard): PreparedChat {
  refuseUnserved(body)
  const messages = prepareMessages(body.messages, card)
  const { tools, toolChoice } = prepareTools(body)
  const reasoningEffort = body.reasoning_effort ?? (body.prompt_mode === 'reasoning' ? 'high' : undefined)
  const inert = [
    ...inertFields,
    ...(card.capabilities.reasoning ? [] : ['reasoning_effort', 'prompt_mode']),
    ...(body.stream === true ? [] : ['stream_options']),
  ]
  return {
    call: {
      messages: body.safe_prompt === true ? withSafetyPrompt(messages) : messages,
      sampling: readSampling(body, {
        vocabularySize: card.vocabularySize,
        otherMaxTokens: { name: 'max_completion_tokens', value: body.max_completion_tokens },
        ...logprobs(body),
      }),
      output: outputRule(body.response_format),
      tools,
      toolChoice,
      parallelToolCalls: body.parallel_tool_calls ?? true,
      ...(reasoningEffort !== undefined && { reasoningEffort }),
    },
    ignored: [...ignoredFields(ChatRequest, body, inert), ...ignoredParts(body)],
  }
}

/** What would change the answer if it were ignored is refused instead. */
function refuseUnserved(body: ChatRequest): void {
  if (body.modalities?.some((modality) => modality !== 'text')) {
    throw fail('unsupported_value', { param: 'modalities', reason: 'answers are text only' })
  }
  if (body.guardrails !== null && body.guardrails !== undefined && body.guardrails.length > 0) {
    throw fail('unsupported_value', {
      param: 'guardrails',
      reason: 'this server has no guardrails; leave the field out',
    })
  }
  if (body.moderation !== null && body.moderation !== undefined) {
    throw fail('unsupported_value', {
      param: 'moderation',
      reason: 'nothing is moderated here; leave the field out',
    })
  }
  if (body.prompt != null) {
    // The chat door has filled it in before; elsewhere there is nobody who could.
    throw fail('unsupported_value', {
      param: 'prompt',
      reason: 'this server keeps no prompts',
    })
  }
  for (const param of ['prompt_logprobs', 'top_prompt_logprobs'] as const) {
    if (body[param] === null || body[param] === undefined || body[param] === false) continue
    throw fail('unsupported_value', {
      param,
      reason: 'chat gives no log-probabilities of the prompt; /v1/completions does, with echo and logprobs',
    })
  }
}

/** Alternatives per token, or nothing where no log-probabilities are wanted. */
function logprobs(body: ChatRequest): { logprobs?: number } {
  const top = body.top_logprobs ?? undefined
  if (body.logprobs === true) return { logprobs: top ?? 0 }
  if (top === undefined || top === 0) return {}
  throw fail('invalid_value', { param: 'top_logprobs', reason: 'it needs "logprobs": true' })
}

/** The form that `response_format` asks for; /v1/completions takes it too. */
export function outputRule(format: ResponseFormat | null | undefined): OutputRule {
  if (format?.type === 'json_object') return { type: 'json-object' }
  if (format?.type !== 'json_schema') return { type: 'text' }
  const schema = format.json_schema?.schema
  if (schema === null || schema === undefined) {
    throw fail('invalid_value', { param: 'response_format.json_schema.schema', reason: 'it is missing' })
  }
  return {
    type: 'json-schema',
    name: format.json_schema?.name ?? 'answer',
    schema,
    strict: format.json_schema?.strict ?? false,
  }
}

/** Mistral's `safe_prompt`: its text stands before the conversation's own instructions. */
function withSafetyPrompt(messages: readonly Message[]): readonly Message[] {
  const [first, ...rest] = messages
  const safety = { type: 'text', text: safetyPrompt } as const
  if (first?.role !== 'system') return [{ role: 'system', content: [safety] }, ...messages]
  return [{ role: 'system', content: [{ ...safety, text: `${safetyPrompt}\n\n` }, ...first.content] }, ...rest]
}

/** Names of speakers reach no template (a tool message's does), nor does what is said of a schema: only the schema binds. */
function ignoredParts(body: ChatRequest): string[] {
  const named = body.messages.some(({ role, name }) => name && role !== 'tool' && role !== 'function')
  const described = body.response_format?.type === 'json_schema' && body.response_format.json_schema?.description
  return [...(named ? ['messages[].name'] : []), ...(described ? ['response_format.json_schema.description'] : [])]
}
