// Rows of traces and spans in the shapes of the API. Pure.
import type { Row } from '../../database/tables.ts'
import { type Attributes, type AttributeValue, isList } from '../../telemetry/span.ts'
import type { SpanShape, TraceShape } from '../../wire/observability.ts'

const states = { ok: 'Ok', error: 'Error', unset: 'Unset' } as const

/** An ISO date of microseconds since 1970, to the microsecond. */
export function isoDate(microseconds: number): string {
  const milliseconds = Math.floor(microseconds / 1_000)
  const rest = String(microseconds - milliseconds * 1_000).padStart(3, '0')
  return new Date(milliseconds).toISOString().replace('Z', `${rest}Z`)
}

/** A trace as the API shows it. */
export function traceObject(row: Row<'traces'>): TraceShape {
  return {
    customer_id: '',
    organization_id: 'default',
    workspace_id: row.workspace,
    user_id: row.user_name ?? '',
    service_account_id: '',
    trace_id: row.trace_id,
    root_span_id: row.root_span_id,
    root_span_name: row.name,
    start_time: isoDate(row.started_at),
    end_time: isoDate(row.ended_at),
    duration_ns: row.duration * 1_000,
    service_name: row.service,
    environment: row.environment,
    conversation_id: row.conversation ?? '',
    workflow_name: '',
    agent_id: '',
    agent_name: '',
    status_code: states[row.state],
    error_count: row.error_count,
    span_count: row.span_count,
    gen_ai_span_count: row.gen_ai_count,
    llm_call_count: row.model_calls,
    tool_call_count: row.tool_calls,
    retrieval_count: row.retrievals,
    evaluation_count: 0,
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    cache_read_input_tokens: row.cached_tokens,
    cache_creation_input_tokens: row.cache_write_tokens,
    models_used: JSON.parse(row.models) as string[],
    tools_used: JSON.parse(row.tools) as string[],
    first_turn_last_input_message: '',
    first_turn_last_output_message: '',
    last_turn_last_input_message: '',
    last_turn_last_output_message: '',
    tags: JSON.parse(row.tags) as string[],
    key_id: row.key_id,
    cost: row.cost,
    currency: row.currency,
  }
}

/** A span as the API shows it; `content` is the JSON of what was said, where it is kept. */
export function spanObject(row: Row<'spans'>, content?: string): SpanShape {
  const attributes = JSON.parse(row.attributes) as Attributes
  const said = content === undefined ? {} : (JSON.parse(content) as Attributes)
  const text = (name: string) => textOf(attributes[name] ?? said[name])
  const number = (name: string) => (typeof attributes[name] === 'number' ? attributes[name] : null)
  const list = (name: string) => (isList(attributes[name]) ? attributes[name].map(textOf) : [])
  return {
    ...{ customer_id: '', organization_id: 'default', workspace_id: row.workspace, service_account_id: '' },
    user_id: row.user_name ?? '',
    trace_id: row.trace_id,
    span_id: row.span_id,
    parent_span_id: row.parent_span_id ?? '',
    trace_state: row.trace_state,
    start_time: isoDate(row.started_at),
    end_time: isoDate(row.started_at + row.duration),
    duration_ns: row.duration * 1_000,
    span_name: row.name,
    span_kind: row.kind,
    service_name: row.service,
    status_code: states[row.state],
    status_message: row.state_message,
    error_type: row.error_type ?? '',
    operation_name: row.operation ?? '',
    provider_name: row.provider ?? '',
    request_model: row.request_model ?? '',
    response_model: row.response_model ?? '',
    response_id: row.response_id ?? '',
    output_type: text('gen_ai.output.type'),
    conversation_id: row.conversation ?? '',
    data_source_id: text('gen_ai.data_source.id'),
    agent_id: text('gen_ai.agent.id'),
    agent_name: text('gen_ai.agent.name'),
    agent_version: text('gen_ai.agent.version'),
    agent_description: text('gen_ai.agent.description'),
    workflow_name: text('gen_ai.workflow.name'),
    prompt_name: text('gen_ai.prompt.name'),
    tool_name: row.tool_name ?? '',
    tool_type: text('gen_ai.tool.type'),
    tool_call_id: text('gen_ai.tool.call.id'),
    input_messages: text('gen_ai.input.messages'),
    output_messages: text('gen_ai.output.messages'),
    system_instructions: text('gen_ai.system_instructions'),
    tool_definitions: text('gen_ai.tool.definitions'),
    tool_call_arguments: text('gen_ai.tool.call.arguments'),
    tool_call_result: text('gen_ai.tool.call.result'),
    request_choice_count: number('gen_ai.request.choice.count') ?? 0,
    request_max_tokens: number('gen_ai.request.max_tokens') ?? 0,
    request_temperature: number('gen_ai.request.temperature'),
    request_top_p: number('gen_ai.request.top_p'),
    request_top_k: number('gen_ai.request.top_k'),
    request_presence_penalty: number('gen_ai.request.presence_penalty'),
    request_frequency_penalty: number('gen_ai.request.frequency_penalty'),
    request_seed: number('gen_ai.request.seed') ?? 0,
    request_stop_sequences: list('gen_ai.request.stop_sequences'),
    request_encoding_formats: list('gen_ai.request.encoding_formats'),
    response_finish_reasons: list('gen_ai.response.finish_reasons'),
    usage_input_tokens: row.input_tokens ?? 0,
    usage_output_tokens: row.output_tokens ?? 0,
    usage_cache_read_input_tokens: row.cached_tokens ?? 0,
    usage_cache_creation_input_tokens: row.cache_write_tokens ?? 0,
    resource_attributes: textMap(JSON.parse(row.resource) as Attributes),
    span_attributes: textMap(attributes),
    scope_name: row.scope_name,
    scope_version: row.scope_version,
    cost: row.cost,
    currency: row.currency,
    source: row.source,
  }
}

function textMap(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, textOf(value)]))
}

function textOf(value: AttributeValue | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
