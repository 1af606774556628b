// The tables of traces as Kysely sees them. Times are integer microseconds since 1970 here, for spans are shorter than milliseconds.

/** What the spans of a trace add up to. */
export interface TracesTable {
  workspace: string
  trace_id: string
  root_span_id: string
  name: string
  service: string
  environment: string
  started_at: number
  ended_at: number
  /** Microseconds. */
  duration: number
  state: 'unset' | 'ok' | 'error'
  error_count: number
  span_count: number
  gen_ai_count: number
  model_calls: number
  tool_calls: number
  retrievals: number
  /** Cached tokens are part of the input; each call is counted once, also where two spans tell of it. */
  input_tokens: number
  output_tokens: number
  cached_tokens: number
  cache_write_tokens: number
  /** Nano-units. */
  cost: number | null
  currency: string | null
  /** The first of `models`, '' where there is none. */
  model: string
  /** JSON lists of text. */
  models: string
  tools: string
  tags: string
  conversation: string | null
  user_name: string | null
  key_id: string | null
}

/** The tags of traces: what a list of those with a tag is read from. */
export interface TraceTagsTable {
  workspace: string
  tag: string
  started_at: number
  trace_id: string
}

/** One span. */
export interface SpansTable {
  workspace: string
  trace_id: string
  span_id: string
  parent_span_id: string | null
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  started_at: number
  /** Microseconds. */
  duration: number
  state: 'unset' | 'ok' | 'error'
  state_message: string
  trace_state: string
  /** `galerne`: recorded by this server; `otlp`: sent by an application. */
  source: 'galerne' | 'otlp'
  service: string
  environment: string
  operation: string | null
  provider: string | null
  request_model: string | null
  response_model: string | null
  response_id: string | null
  conversation: string | null
  user_name: string | null
  key_id: string | null
  tool_name: string | null
  error_type: string | null
  input_tokens: number | null
  output_tokens: number | null
  cached_tokens: number | null
  cache_write_tokens: number | null
  cost: number | null
  currency: string | null
  /** JSON objects; `events` is a JSON list. */
  attributes: string
  resource: string
  events: string
  scope_name: string
  scope_version: string
}

/** What was said, only where the workspace asks for it, and gone before its span. */
export interface SpanContentsTable {
  workspace: string
  trace_id: string
  span_id: string
  started_at: number
  /** JSON object of the attributes that hold content. */
  content: string
}

/** What somebody thinks of an answer. */
export interface FeedbackTable {
  id: string
  workspace: string
  response_id: string
  /** What is judged: `helpful`, `correct`, … */
  name: string
  score: number | null
  label: string | null
  comment: string | null
  key_id: string
  /** Milliseconds since 1970. */
  created_at: number
}

/** The tables of traces. */
export interface TraceTables {
  traces: TracesTable
  trace_tags: TraceTagsTable
  spans: SpansTable
  span_contents: SpanContentsTable
  feedback: FeedbackTable
}
