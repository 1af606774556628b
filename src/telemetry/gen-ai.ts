// What the attributes of a span say of a model's work: OpenTelemetry's GenAI names of v1.41, the newer ones, and those that were before. Pure.
import type { Attributes, AttributeValue, Span } from './span.ts'

/** The facts that lists and sums are made of. Absent is null. */
export interface GenAiFacts {
  readonly operation: string | null
  readonly provider: string | null
  readonly requestModel: string | null
  readonly responseModel: string | null
  readonly responseId: string | null
  readonly conversation: string | null
  readonly userName: string | null
  readonly toolName: string | null
  readonly errorType: string | null
  /** Cached and written ones included. */
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly cachedTokens: number | null
  readonly cacheWriteTokens: number | null
}

/** Attributes that hold what was said. They are kept apart, and only where the workspace asks. */
const contentNames: ReadonlySet<string> = new Set([
  'gen_ai.system_instructions',
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.retrieval.query.text',
  'gen_ai.retrieval.documents',
  // Before v1.28, and of OpenInference and OpenLLMetry.
  'gen_ai.prompt',
  'gen_ai.completion',
  'gen_ai.event.content',
  'input.value',
  'output.value',
  'llm.prompts',
  'llm.completions',
])

const contentFamilies =
  /^(gen_ai\.(prompt|completion)\.\d+\.|llm\.(input|output)_messages\.|traceloop\.entity\.(input|output)$)/

/** Operations that are one call of a model. */
const modelOperations: ReadonlySet<string> = new Set([
  'chat',
  'text_completion',
  'generate_content',
  'embeddings',
  'rerank',
])

/** Whether the operation is one call of a model. */
export function isModelCall(operation: string | null): boolean {
  return operation !== null && modelOperations.has(operation)
}

/** The facts of a span. */
export function readGenAi({ attributes }: Pick<Span, 'attributes'>): GenAiFacts {
  const text = (...names: readonly string[]) => firstText(attributes, names)
  const count = (...names: readonly string[]) => firstCount(attributes, names)
  return {
    operation: text('gen_ai.operation.name'),
    provider: text('gen_ai.provider.name', 'gen_ai.system'),
    requestModel: text('gen_ai.request.model', 'llm.model_name'),
    responseModel: text('gen_ai.response.model'),
    responseId: text('gen_ai.response.id'),
    conversation: text('gen_ai.conversation.id', 'session.id'),
    userName: text('user.id', 'enduser.id'),
    toolName: text('gen_ai.tool.name'),
    errorType: text('error.type'),
    inputTokens: count('gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt'),
    outputTokens: count('gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion'),
    cachedTokens: count('gen_ai.usage.cache_read.input_tokens'),
    cacheWriteTokens: count('gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens'),
  }
}

function firstText(attributes: Attributes, names: readonly string[]): string | null {
  for (const name of names) {
    const value = attributes[name]
    if (typeof value === 'string' && value !== '') return value.slice(0, 500)
    if (typeof value === 'number') return String(value)
  }
  return null
}

function firstCount(attributes: Attributes, names: readonly string[]): number | null {
  for (const name of names) {
    const value = attributes[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  }
  return null
}

/** Parts the attributes that hold what was said from those that do not. */
export function partContent(attributes: Attributes): { readonly facts: Attributes; readonly content: Attributes } {
  const facts: Record<string, AttributeValue> = {}
  const content: Record<string, AttributeValue> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (contentNames.has(name) || contentFamilies.test(name)) content[name] = value
    else facts[name] = value
  }
  return { facts, content }
}
