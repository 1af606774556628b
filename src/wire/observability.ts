// Traces and spans in the shapes of Mistral's observability API, and in our own for what it has no place for: money, tags, feedback.
import { type Static, Type } from 'typebox'
import { nullable, optional } from './fields.ts'

const text = Type.String()
const count = Type.Integer()
const date = Type.String({ format: 'date-time' })

/** Time and page of a search: the query of its path. */
export const SearchQuery = Type.Object({
  from: Type.Optional(Type.String({ description: 'ISO date and time; absent: from the beginning.' })),
  to: Type.Optional(Type.String({ description: 'ISO date and time, not part of it; absent: until now.' })),
  page_size: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$', description: '1 to 100; 50.' })),
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
})

/** Body of a search. */
export const SearchRequest = Type.Object({
  search_expression: optional(
    Type.String({
      maxLength: 4_000,
      description: "Conditions on fields, combined by AND, OR and NOT: model = 'x' AND duration_ns > 5000000000.",
    }),
  ),
})

/** One trace as Mistral's clients read it. */
export const TraceObject = Type.Object({
  customer_id: text,
  organization_id: text,
  workspace_id: text,
  user_id: text,
  service_account_id: text,
  trace_id: text,
  root_span_id: text,
  root_span_name: text,
  start_time: date,
  end_time: date,
  duration_ns: count,
  service_name: text,
  environment: text,
  conversation_id: text,
  workflow_name: text,
  agent_id: text,
  agent_name: text,
  status_code: Type.Union([Type.Literal('Ok'), Type.Literal('Error'), Type.Literal('Unset')]),
  error_count: count,
  span_count: count,
  gen_ai_span_count: count,
  llm_call_count: count,
  tool_call_count: count,
  retrieval_count: count,
  evaluation_count: count,
  input_tokens: Type.Integer({ description: 'Cached ones included.' }),
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  models_used: Type.Array(text),
  tools_used: Type.Array(text),
  first_turn_last_input_message: text,
  first_turn_last_output_message: text,
  last_turn_last_input_message: text,
  last_turn_last_output_message: text,
  tags: Type.Array(text),
  key_id: nullable(text),
  cost: nullable(Type.Integer({ description: 'Nano-units of the currency.' })),
  currency: nullable(text),
})

const facts = ['span_name', 'span_kind', 'service_name', 'status_message', 'error_type', 'operation_name'] as const
const moreFacts = ['provider_name', 'request_model', 'response_model', 'response_id', 'output_type'] as const
const agents = ['conversation_id', 'data_source_id', 'agent_id', 'agent_name', 'agent_version'] as const
const others = ['agent_description', 'workflow_name', 'prompt_name', 'tool_name', 'tool_type', 'tool_call_id'] as const
const said = ['input_messages', 'output_messages', 'system_instructions', 'tool_definitions'] as const
const calls = ['tool_call_arguments', 'tool_call_result', 'trace_state', 'scope_name', 'scope_version'] as const
const spanTexts = [...facts, ...moreFacts, ...agents, ...others, ...said, ...calls] as const

function texts<const Name extends string>(names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, text])) as Record<Name, typeof text>
}

/** One span as Mistral's clients read it. */
export const SpanObject = Type.Object({
  ...texts(['customer_id', 'organization_id', 'workspace_id', 'user_id', 'service_account_id'] as const),
  ...texts(['trace_id', 'span_id', 'parent_span_id'] as const),
  ...texts(spanTexts),
  start_time: date,
  end_time: date,
  duration_ns: count,
  status_code: Type.Union([Type.Literal('Ok'), Type.Literal('Error'), Type.Literal('Unset')]),
  request_choice_count: count,
  request_max_tokens: count,
  request_temperature: nullable(Type.Number()),
  request_top_p: nullable(Type.Number()),
  request_top_k: nullable(Type.Number()),
  request_presence_penalty: nullable(Type.Number()),
  request_frequency_penalty: nullable(Type.Number()),
  request_seed: count,
  request_stop_sequences: Type.Array(text),
  request_encoding_formats: Type.Array(text),
  response_finish_reasons: Type.Array(text),
  usage_input_tokens: count,
  usage_output_tokens: count,
  usage_cache_read_input_tokens: count,
  usage_cache_creation_input_tokens: count,
  resource_attributes: Type.Record(text, text),
  span_attributes: Type.Record(text, text),
  cost: nullable(Type.Integer({ description: 'Nano-units of the currency.' })),
  currency: nullable(text),
  source: Type.Union([Type.Literal('galerne'), Type.Literal('otlp')], {
    description: 'Who recorded it: this server, or an application that sent it.',
  }),
})

function feed<Item extends typeof TraceObject | typeof SpanObject>(item: Item) {
  return Type.Object({ results: Type.Array(item), next: nullable(text), cursor: nullable(text) })
}

/** Answer of a search for traces. */
export const TracesAnswer = Type.Object({ traces: feed(TraceObject) })

/** Answer of a search for spans. */
export const SpansAnswer = Type.Object({ spans: feed(SpanObject) })

/** The fields that can be searched by. */
export const FieldsAnswer = Type.Object({
  field_definitions: Type.Array(
    Type.Object({
      name: text,
      label: text,
      type: text,
      group: nullable(text),
      supported_operators: Type.Array(text),
      supported_aggregations: Type.Array(text),
      source_attribute_key: nullable(text),
    }),
  ),
})

/** The values of a field to choose from. */
export const OptionsAnswer = Type.Object({ options: nullable(Type.Array(text)) })

/** What is to be counted, by what, and over which traces or spans. */
export const AggregateRequest = Type.Object({
  metric: Type.Object({
    measure: Type.String({ description: 'A field, or * for the rows themselves.' }),
    aggregation: Type.Enum(['count', 'count_distinct', 'sum', 'avg', 'min', 'max', 'p50', 'p90', 'p95', 'p99']),
  }),
  dimensions: optional(Type.Array(text, { maxItems: 5 })),
  time_dimension: optional(
    Type.Object({
      granularity: optional(Type.Enum(['auto', 'second', 'minute', 'hour', 'day', 'week', 'month'])),
    }),
  ),
  search_expression: SearchRequest.properties.search_expression,
  order_by: optional(
    Type.Array(Type.Object({ field: text, direction: optional(Type.Enum(['asc', 'desc'])) }), { maxItems: 5 }),
  ),
  limit: optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
})

/** The figures. */
export const AggregateAnswer = Type.Object({
  data: Type.Array(
    Type.Object({
      metric_name: text,
      time_bucket: nullable(date),
      dimensions: Type.Record(text, nullable(Type.Union([text, Type.Number()]))),
      metric_value: nullable(Type.Number()),
    }),
  ),
  meta: Type.Object({ from_timestamp: date, to_timestamp: date, granularity_seconds: nullable(count) }),
})

/** `POST /galerne/v1/feedback`: what somebody thinks of an answer. */
export const FeedbackRequest = Type.Object(
  {
    response_id: Type.String({ minLength: 1, maxLength: 200, description: 'The `id` of the answer that is judged.' }),
    name: optional(Type.String({ minLength: 1, maxLength: 100, description: 'What is judged; `helpful`.' })),
    score: optional(Type.Number({ minimum: -1_000_000, maximum: 1_000_000 })),
    label: optional(Type.String({ minLength: 1, maxLength: 200 })),
    comment: optional(Type.String({ minLength: 1, maxLength: 4_000 })),
  },
  { additionalProperties: false },
)

/** One piece of feedback. */
export const FeedbackObject = Type.Object({
  id: text,
  object: Type.Literal('feedback'),
  response_id: text,
  name: text,
  score: nullable(Type.Number()),
  label: nullable(text),
  comment: nullable(text),
  created_at: Type.Integer({ description: 'Seconds since 1970.' }),
})

/** `GET /galerne/v1/traces/{id}`: a trace whole, for the console. */
export const WholeTraceObject = Type.Object({
  object: Type.Literal('trace'),
  trace: TraceObject,
  spans: Type.Array(SpanObject),
  feedback: Type.Array(FeedbackObject),
})

/** `GET /galerne/v1/traces/state`: how recording goes. */
export const RecordingObject = Type.Object({
  object: Type.Literal('recording'),
  waiting: Type.Integer({ description: 'Spans on their way to the database.' }),
  room: Type.Integer({ description: 'Spans that may wait; what comes when it is used up is shed.' }),
  shed: Type.Integer({ description: 'Spans of this server that found no room since its start.' }),
  last_shed_at: nullable(date, { description: 'When that happened last; a trace from about then may be missing.' }),
  shed_refusals: Type.Integer({ description: 'Refused requests that were too many in their second to be kept.' }),
  export_lost: Type.Integer({ description: 'Spans that the collector of otlp-url did not take.' }),
})

/** A trace in our code. */
export type TraceShape = Static<typeof TraceObject>

/** A span in our code. */
export type SpanShape = Static<typeof SpanObject>
