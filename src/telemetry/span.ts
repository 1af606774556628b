// A span as OpenTelemetry means it, in our own form: what an application sends, what we record, what we export. Types and small facts.

/** A value of an attribute; integers beyond 2^53 and bytes are text. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [name: string]: AttributeValue }

/** Whether a value is a list: `Array.isArray` does not narrow a readonly one. */
export function isList(value: AttributeValue | undefined): value is readonly AttributeValue[] {
  return Array.isArray(value)
}

/** Attributes by name. */
export type Attributes = { readonly [name: string]: AttributeValue }

/** The kinds by their number in OTLP; 0 is unspecified and read as internal. */
export const spanKinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

/** What part a span plays. */
export type SpanKind = (typeof spanKinds)[number]

/** The states by their number in OTLP. */
export const spanStates = ['unset', 'ok', 'error'] as const

/** How a span ended. */
export type SpanState = (typeof spanStates)[number]

/** Something that happened during a span. */
export interface SpanEvent {
  readonly name: string
  /** Microseconds since 1970. */
  readonly at: number
  readonly attributes: Attributes
}

/** One piece of work with a beginning and an end, part of a trace. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** Null for the first span of a trace. */
  readonly parentSpanId: string | null
  readonly traceState: string
  readonly name: string
  readonly kind: SpanKind
  /** Microseconds since 1970: nanoseconds do not fit an integer of JavaScript or of the databases' drivers. */
  readonly startedAt: number
  readonly endedAt: number
  readonly state: SpanState
  readonly stateMessage: string
  readonly attributes: Attributes
  readonly events: readonly SpanEvent[]
  /** Who made the span: `service.name`, `deployment.environment.name`, … */
  readonly resource: Attributes
  readonly scope: { readonly name: string; readonly version: string }
}

/** What a W3C `traceparent` header says (https://www.w3.org/TR/trace-context/). */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** Reads a `traceparent`; undefined where it is absent or not valid, as the specification asks. */
export function readTraceParent(header: string | undefined): TraceParent | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header ?? '')
  const [, version, traceId = '', spanId = '', flags = '', more] = match ?? []
  if (match === null || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
