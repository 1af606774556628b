// The fields that traces and spans are searched by: their names in Mistral's explorer, what they are, and the column behind each.

/** What a field's values are, in the words of Mistral's API. */
export type FieldType = 'ENUM' | 'TEXT' | 'INT' | 'FLOAT' | 'TIMESTAMP' | 'ARRAY' | 'MAP'

/** A field. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly type: FieldType
  readonly column: string
  readonly group: string
  /** OpenTelemetry's attribute that it is taken from. */
  readonly attribute?: string
  /** The value in the tables for one of the API: nanoseconds are microseconds there. */
  readonly toColumn?: (value: string | number) => string | number
}

const ids = { type: 'TEXT', group: 'Ids' } as const
const general = { type: 'TEXT', group: 'General' } as const
const genAi = { type: 'TEXT', group: 'GenAI' } as const
const tokens = { type: 'INT', group: 'Tokens' } as const
const nanoseconds = { type: 'INT', group: 'Time', toColumn: (value: string | number) => Number(value) / 1_000 } as const
const time = { type: 'TIMESTAMP', group: 'Time', toColumn: timestamp } as const
const state = {
  type: 'ENUM',
  group: 'General',
  toColumn: (value: string | number) => String(value).toLowerCase(),
} as const

/** Microseconds since 1970 of an ISO date; not a number where it is none. */
function timestamp(value: string | number): number {
  return typeof value === 'number' ? value : Date.parse(value) * 1_000
}

/** Fields of a trace. */
export const traceFields: readonly Field[] = [
  { name: 'trace_id', label: 'Trace', column: 'trace_id', ...ids },
  { name: 'root_span_id', label: 'First span', column: 'root_span_id', ...ids },
  { name: 'root_span_name', label: 'Name', column: 'name', ...general },
  { name: 'service_name', label: 'Service', column: 'service', attribute: 'service.name', ...general },
  {
    name: 'environment',
    label: 'Environment',
    column: 'environment',
    attribute: 'deployment.environment.name',
    ...general,
  },
  { name: 'status_code', label: 'Status', column: 'state', ...state },
  { name: 'start_time', label: 'Began', column: 'started_at', ...time },
  { name: 'end_time', label: 'Ended', column: 'ended_at', ...time },
  { name: 'duration_ns', label: 'Duration', column: 'duration', ...nanoseconds },
  { name: 'conversation_id', label: 'Session', column: 'conversation', attribute: 'gen_ai.conversation.id', ...genAi },
  { name: 'user_id', label: 'User', column: 'user_name', attribute: 'user.id', ...genAi },
  { name: 'key_id', label: 'Key', column: 'key_id', attribute: 'galerne.key.id', ...ids },
  { name: 'model', label: 'Model', column: 'model', ...genAi },
  { name: 'models_used', label: 'Models', column: 'models', ...genAi, type: 'ARRAY' },
  { name: 'tools_used', label: 'Tools', column: 'tools', ...genAi, type: 'ARRAY' },
  { name: 'tags', label: 'Tags', column: 'tags', attribute: 'galerne.tags', ...general, type: 'ARRAY' },
  { name: 'error_count', label: 'Errors', column: 'error_count', type: 'INT', group: 'Counts' },
  { name: 'span_count', label: 'Spans', column: 'span_count', type: 'INT', group: 'Counts' },
  { name: 'gen_ai_span_count', label: 'GenAI spans', column: 'gen_ai_count', type: 'INT', group: 'Counts' },
  { name: 'llm_call_count', label: 'Model calls', column: 'model_calls', type: 'INT', group: 'Counts' },
  { name: 'tool_call_count', label: 'Tool calls', column: 'tool_calls', type: 'INT', group: 'Counts' },
  { name: 'retrieval_count', label: 'Retrievals', column: 'retrievals', type: 'INT', group: 'Counts' },
  { name: 'input_tokens', label: 'Tokens in', column: 'input_tokens', ...tokens },
  { name: 'output_tokens', label: 'Tokens out', column: 'output_tokens', ...tokens },
  { name: 'cache_read_input_tokens', label: 'Tokens from the cache', column: 'cached_tokens', ...tokens },
  { name: 'cache_creation_input_tokens', label: 'Tokens written to a cache', column: 'cache_write_tokens', ...tokens },
  { name: 'cost', label: 'Cost in nano-units', column: 'cost', type: 'INT', group: 'Money' },
]

const usage = (name: string) => `gen_ai.usage.${name}`

/** Fields of a span. */
export const spanFields: readonly Field[] = [
  { name: 'trace_id', label: 'Trace', column: 'trace_id', ...ids },
  { name: 'span_id', label: 'Span', column: 'span_id', ...ids },
  { name: 'parent_span_id', label: 'Parent', column: 'parent_span_id', ...ids },
  { name: 'span_name', label: 'Name', column: 'name', ...general },
  { name: 'span_kind', label: 'Kind', column: 'kind', ...general, type: 'ENUM' },
  { name: 'service_name', label: 'Service', column: 'service', attribute: 'service.name', ...general },
  {
    name: 'environment',
    label: 'Environment',
    column: 'environment',
    attribute: 'deployment.environment.name',
    ...general,
  },
  { name: 'scope_name', label: 'Scope', column: 'scope_name', ...general },
  { name: 'status_code', label: 'Status', column: 'state', ...state },
  { name: 'status_message', label: 'Message', column: 'state_message', ...general },
  { name: 'error_type', label: 'Error', column: 'error_type', attribute: 'error.type', ...general },
  { name: 'start_time', label: 'Began', column: 'started_at', ...time },
  { name: 'duration_ns', label: 'Duration', column: 'duration', ...nanoseconds },
  { name: 'operation_name', label: 'Operation', column: 'operation', attribute: 'gen_ai.operation.name', ...genAi },
  { name: 'provider_name', label: 'Provider', column: 'provider', attribute: 'gen_ai.provider.name', ...genAi },
  {
    name: 'request_model',
    label: 'Model asked for',
    column: 'request_model',
    attribute: 'gen_ai.request.model',
    ...genAi,
  },
  { name: 'response_model', label: 'Model', column: 'response_model', attribute: 'gen_ai.response.model', ...genAi },
  { name: 'response_id', label: 'Response', column: 'response_id', attribute: 'gen_ai.response.id', ...ids },
  { name: 'conversation_id', label: 'Session', column: 'conversation', attribute: 'gen_ai.conversation.id', ...genAi },
  { name: 'user_id', label: 'User', column: 'user_name', attribute: 'user.id', ...genAi },
  { name: 'key_id', label: 'Key', column: 'key_id', attribute: 'galerne.key.id', ...ids },
  { name: 'tool_name', label: 'Tool', column: 'tool_name', attribute: 'gen_ai.tool.name', ...genAi },
  {
    name: 'usage_input_tokens',
    label: 'Tokens in',
    column: 'input_tokens',
    attribute: usage('input_tokens'),
    ...tokens,
  },
  {
    name: 'usage_output_tokens',
    label: 'Tokens out',
    column: 'output_tokens',
    attribute: usage('output_tokens'),
    ...tokens,
  },
  {
    name: 'usage_cache_read_input_tokens',
    label: 'Tokens from the cache',
    column: 'cached_tokens',
    attribute: usage('cache_read.input_tokens'),
    ...tokens,
  },
  {
    name: 'usage_cache_creation_input_tokens',
    label: 'Tokens written to a cache',
    column: 'cache_write_tokens',
    attribute: usage('cache_creation.input_tokens'),
    ...tokens,
  },
  { name: 'cost', label: 'Cost in nano-units', column: 'cost', type: 'INT', group: 'Money' },
  { name: 'span_attributes', label: 'Attributes', column: 'attributes', type: 'MAP', group: 'Attributes' },
  { name: 'resource_attributes', label: 'Resource', column: 'resource', type: 'MAP', group: 'Attributes' },
]
