// Turns a checked `/v1/responses` body into the one call that models take, and the settings that its answer repeats. Pure.
import { type Failure, fail } from '../../base/errors.ts'
import { ignoredFields } from '../../wire/ignored.ts'
import type { ChatCall, ModelCard, OutputRule } from '../../wire/model.ts'
import { InputTokensRequest, type ResponseInputItem, ResponseRequest, type ResponseTool } from '../../wire/responses.ts'
import { readSampling } from '../../wire/sampling.ts'
import type { ToolChoice, ToolDefinition } from '../../wire/tools.ts'
import { prepareTools } from '../chat/prepare-tools.ts'
import { type Conversation, prepareConversation, reasoningText } from './conversation.ts'
import type { ResponseSettings } from './resource.ts'

/** A call without the facts of its request, what the answer repeats, and the fields that have no effect. */
export interface PreparedResponse {
  readonly call: Omit<ChatCall, 'context'>
  readonly settings: ResponseSettings
  readonly ignored: readonly string[]
  /** A failure of the model's, told in the fields of this request. */
  rename(failure: Failure): Failure
}

/** The call that a request means. Throws a 400 that names the field where it means nothing. */
export function prepareResponse(body: ResponseRequest, card: ModelCard): PreparedResponse {
  refuseStored(body)
  const { rename, ...prompt } = preparePrompt(body, card)
  const call = { ...prompt, sampling: prepareSampling(body, card) }
  const inert = ['prompt_cache_key', 'service_tier', 'store']
  return {
    call,
    settings: settings(body, call, card),
    rename,
    ignored: [...ignoredFields(ResponseRequest, body, inert), ...ignoredParts(body, card)],
  }
}

/** What `/v1/responses/input_tokens` counts: the call with everything that is part of its prompt. */
export function prepareInputTokens(body: InputTokensRequest, card: ModelCard): Omit<PreparedResponse, 'settings'> {
  refuseStored(body)
  const { rename, ...prompt } = preparePrompt(body, card)
  const call = { ...prompt, sampling: {} }
  return { call, rename, ignored: [...ignoredFields(InputTokensRequest, body, []), ...ignoredParts(body, card)] }
}

/** Nothing is stored, nothing moderated and nothing cut: what would need either is refused, not ignored. */
function refuseStored(body: InputTokensRequest & Partial<Pick<ResponseRequest, 'background'>>): void {
  const reasons = {
    previous_response_id: 'no response is stored here; send the whole conversation as input',
    conversation: 'no conversation is stored here; send it as input',
    moderation: 'nothing is moderated here; leave the field out',
  }
  for (const [param, reason] of Object.entries(reasons)) {
    const value = body[param as keyof typeof reasons]
    if (value !== null && value !== undefined) throw fail('unsupported_value', { param, reason })
  }
  if (body.background === true) {
    throw fail('unsupported_value', { param: 'background', reason: 'an answer is kept only while its client waits' })
  }
  if (body.truncation === 'auto') {
    throw fail('unsupported_value', {
      param: 'truncation',
      reason: 'input is never cut here; only "disabled" is served',
    })
  }
}

function preparePrompt(
  body: InputTokensRequest,
  card: ModelCard,
): Omit<ChatCall, 'context' | 'sampling'> & Conversation {
  const choice = body.tool_choice ?? null
  const { tools, toolChoice } = prepareTools({
    tools: (body.tools ?? []).map(readTool),
    tool_choice: choice === null ? null : readChoice(choice),
  })
  const effort = body.reasoning?.effort ?? undefined
  return {
    ...prepareConversation(body, card),
    output: readFormat(body),
    tools,
    toolChoice,
    parallelToolCalls: body.parallel_tool_calls ?? true,
    ...(effort !== undefined && { reasoningEffort: effort }),
  }
}

/** A function in chat's nesting; other tools keep their type and are refused there by name. */
function readTool({ type, name, ...definition }: ResponseTool, index: number): ToolDefinition {
  if (type !== 'function') return { type }
  if (!name) throw fail('invalid_value', { param: `tools[${index}].name`, reason: 'it is missing' })
  return { type, function: { name, ...definition } }
}

function readChoice(choice: NonNullable<InputTokensRequest['tool_choice']>): ToolChoice {
  if (typeof choice === 'string') return choice
  if (choice.type === 'function') return { type: 'function', function: { name: choice.name } }
  const tools = choice.tools.map(({ name }) => ({ type: 'function' as const, function: { name } }))
  return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools } }
}

function readFormat(body: InputTokensRequest): OutputRule {
  const format = body.text?.format ?? { type: 'text' }
  switch (format.type) {
    case 'json_object':
      return { type: 'json-object' }
    case 'json_schema':
      return { type: 'json-schema', name: format.name, schema: format.schema, strict: format.strict ?? false }
    default:
      return { type: 'text' }
  }
}

function prepareSampling(body: ResponseRequest, card: ModelCard): ChatCall['sampling'] {
  const { temperature = null, top_p = null, top_logprobs } = body
  const asked = body.include?.includes('message.output_text.logprobs') === true || (top_logprobs ?? 0) > 0
  return readSampling(
    { temperature, top_p },
    {
      vocabularySize: card.vocabularySize,
      otherMaxTokens: { name: 'max_output_tokens', value: body.max_output_tokens },
      ...(asked && { logprobs: top_logprobs ?? 0 }),
    },
  )
}

function settings(body: ResponseRequest, call: Omit<ChatCall, 'context'>, card: ModelCard): ResponseSettings {
  return {
    model: card.name,
    instructions: body.instructions ?? null,
    maxOutputTokens: body.max_output_tokens ?? null,
    temperature: body.temperature ?? card.defaultTemperature,
    topP: body.top_p ?? null,
    topLogprobs: body.top_logprobs ?? 0,
    parallelToolCalls: call.parallelToolCalls,
    // Mistral's `any` is `required` in the words of both vendors' response types.
    toolChoice: body.tool_choice === 'any' ? 'required' : (body.tool_choice ?? 'auto'),
    tools: (body.tools ?? []).map(toolObject),
    textFormat: body.text?.format ?? { type: 'text' },
    reasoningEffort: body.reasoning?.effort ?? null,
    metadata: body.metadata ?? {},
    user: body.user ?? null,
    promptCacheKey: body.prompt_cache_key ?? null,
    safetyIdentifier: body.safety_identifier ?? null,
  }
}

/** A function with the defaults that chat's tools have too. */
function toolObject({ name, description, parameters, strict }: ResponseTool): object {
  const defaults = { type: 'object', properties: {} }
  return {
    type: 'function',
    name,
    description: description ?? null,
    parameters: parameters ?? defaults,
    strict: strict ?? false,
  }
}

/** Parts of fields that have no effect. */
function ignoredParts(body: InputTokensRequest & Pick<ResponseRequest, 'include'>, card: ModelCard): string[] {
  const ignored: string[] = []
  if (body.text?.verbosity) ignored.push('text.verbosity')
  // Only the schema binds; what is said of it reaches no template.
  if (body.text?.format?.type === 'json_schema' && body.text.format.description) ignored.push('text.format.description')
  if (body.reasoning?.summary) ignored.push('reasoning.summary')
  if (body.reasoning?.effort && !card.capabilities.reasoning) ignored.push('reasoning.effort')
  if (typeof body.input !== 'string') {
    for (const [index, item] of body.input.entries()) if (isUnreadable(item)) ignored.push(`input[${index}]`)
  }
  for (const [index, name] of (body.include ?? []).entries()) {
    if (name !== 'message.output_text.logprobs') ignored.push(`include[${index}]`)
  }
  return ignored
}

/** Reasoning that only the vendor who encrypted it can read. */
function isUnreadable(item: ResponseInputItem): boolean {
  return item.type === 'reasoning' && reasoningText(item) === ''
}
