// OTLP's JSON form (opentelemetry-proto v1, trace service) read into our spans and written from them. Pure; knows no HTTP.
import {
  type Attributes,
  type AttributeValue,
  isList,
  type Span,
  type SpanEvent,
  spanKinds,
  spanStates,
} from './span.ts'

/** The body of `POST /v1/traces`. */
export interface OtlpRequest {
  readonly resourceSpans?: readonly OtlpResourceSpans[]
}

/** Spans of one resource. */
export interface OtlpResourceSpans {
  readonly resource?: { readonly attributes?: readonly OtlpKeyValue[] }
  readonly scopeSpans?: readonly {
    readonly scope?: { readonly name?: string; readonly version?: string }
    readonly spans?: readonly OtlpSpan[]
  }[]
}

/** One span. Ids are hexadecimal, times nanoseconds as text (a number is taken too). */
export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind?: number | string
  readonly startTimeUnixNano?: string | number
  readonly endTimeUnixNano?: string | number
  readonly attributes?: readonly OtlpKeyValue[]
  readonly events?: readonly OtlpEvent[]
  readonly status?: { readonly code?: number | string; readonly message?: string }
}

/** Something that happened during a span. */
export interface OtlpEvent {
  readonly timeUnixNano?: string | number
  readonly name?: string
  readonly attributes?: readonly OtlpKeyValue[]
}

/** An attribute. */
export interface OtlpKeyValue {
  readonly key: string
  readonly value?: unknown
}

/** A value: at most one of its fields is there. */
export interface OtlpAnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number | string
  readonly arrayValue?: { readonly values?: readonly OtlpAnyValue[] }
  readonly kvlistValue?: { readonly values?: readonly OtlpKeyValue[] }
  readonly bytesValue?: string
}

/** What was read, and what was not worth keeping and why. */
export interface ReadSpans {
  readonly spans: readonly Span[]
  /** One line for each span that was left out. */
  readonly rejected: readonly string[]
}

/** Spans of a request. A span without valid ids or times is rejected by itself; the others stay. */
export function readOtlp(request: OtlpRequest): ReadSpans {
  const spans: Span[] = []
  const rejected: string[] = []
  for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
    const attributes = readAttributes(resource?.attributes)
    for (const { scope, spans: sent } of scopeSpans ?? []) {
      const from = { resource: attributes, scope: { name: scope?.name ?? '', version: scope?.version ?? '' } }
      for (const span of sent ?? []) {
        const fault = faultOf(span)
        if (fault === undefined) spans.push({ ...readSpan(span), ...from })
        else rejected.push(`span "${String(span.name).slice(0, 100)}": ${fault}`)
      }
    }
  }
  return { spans, rejected }
}

function faultOf({ traceId, spanId, startTimeUnixNano, endTimeUnixNano }: OtlpSpan): string | undefined {
  if (!/^(?!0{32})[0-9a-f]{32}$/i.test(traceId ?? '')) return 'traceId is not 32 hexadecimal digits'
  if (!/^(?!0{16})[0-9a-f]{16}$/i.test(spanId ?? '')) return 'spanId is not 16 hexadecimal digits'
  const started = microseconds(startTimeUnixNano)
  const ended = microseconds(endTimeUnixNano)
  if (started === undefined || started <= 0) return 'startTimeUnixNano is missing'
  if (ended === undefined || ended < started) return 'endTimeUnixNano lies before startTimeUnixNano'
  return undefined
}

function readSpan(sent: OtlpSpan): Omit<Span, 'resource' | 'scope'> {
  const parent = sent.parentSpanId ?? ''
  return {
    traceId: sent.traceId.toLowerCase(),
    spanId: sent.spanId.toLowerCase(),
    parentSpanId: /^(?!0{16})[0-9a-f]{16}$/i.test(parent) ? parent.toLowerCase() : null,
    traceState: sent.traceState ?? '',
    name: sent.name ?? '',
    kind:
      spanKinds[
        numbered(sent.kind, 'SPAN_KIND_', ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'])
      ] ?? 'internal',
    startedAt: microseconds(sent.startTimeUnixNano) ?? 0,
    endedAt: microseconds(sent.endTimeUnixNano) ?? 0,
    state: spanStates[numbered(sent.status?.code, 'STATUS_CODE_', ['UNSET', 'OK', 'ERROR'])] ?? 'unset',
    stateMessage: sent.status?.message ?? '',
    attributes: readAttributes(sent.attributes),
    events: (sent.events ?? []).map(readEvent),
  }
}

function readEvent({ name, timeUnixNano, attributes }: OtlpEvent): SpanEvent {
  return { name: name ?? '', at: microseconds(timeUnixNano) ?? 0, attributes: readAttributes(attributes) }
}

/** OTLP's JSON writes enumerations as numbers; some senders write their names. */
function numbered(value: number | string | undefined, prefix: string, names: readonly string[]): number {
  if (typeof value === 'string') return Math.max(0, names.indexOf(value.replace(prefix, '')))
  return value ?? 0
}

function microseconds(nanoseconds: string | number | undefined): number | undefined {
  if (nanoseconds === undefined) return undefined
  const text = String(nanoseconds)
  if (!/^\d{1,20}$/.test(text)) return Number.isFinite(Number(text)) ? Math.floor(Number(text) / 1000) : undefined
  return Number(BigInt(text) / 1000n)
}

/** Values nested deeper than this are an attack, not telemetry. */
const deepest = 32

function readAttributes(list: readonly OtlpKeyValue[] | undefined, depth = 0): Attributes {
  const attributes: Record<string, AttributeValue> = Object.create(null)
  for (const { key, value } of list ?? []) attributes[key] = readValue(value, depth)
  return { ...attributes }
}

/** A value of a stranger: what is not of the kind that its name says is nothing. */
function readValue(value: unknown, depth: number): AttributeValue {
  if (typeof value !== 'object' || value === null || depth > deepest) return null
  const { stringValue, boolValue, intValue, doubleValue, bytesValue, arrayValue, kvlistValue } = value as Record<
    keyof OtlpAnyValue,
    unknown
  >
  if (typeof stringValue === 'string') return stringValue
  if (typeof boolValue === 'boolean') return boolValue
  if (intValue !== undefined) return readNumber(intValue, Number.isSafeInteger)
  if (doubleValue !== undefined) return readNumber(doubleValue, Number.isFinite)
  if (typeof bytesValue === 'string') return bytesValue
  const values = valuesOf(arrayValue)
  if (values !== undefined) return values.map((item) => readValue(item, depth + 1))
  const members = valuesOf(kvlistValue)?.filter(isKeyValue)
  return members === undefined ? null : readAttributes(members, depth + 1)
}

/** Text stays text where a number of JavaScript would not hold it. */
function readNumber(value: unknown, fits: (number: number) => boolean): AttributeValue {
  if (typeof value !== 'string' && typeof value !== 'number') return null
  return fits(Number(value)) ? Number(value) : String(value)
}

function valuesOf(holder: unknown): readonly unknown[] | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined
  const values = 'values' in holder ? holder.values : []
  return Array.isArray(values) ? values : []
}

function isKeyValue(value: unknown): value is OtlpKeyValue {
  return typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string'
}

/** A request body for a collector: spans by resource and scope, as OTLP groups them. */
export function writeOtlp(spans: readonly Span[]): OtlpRequest {
  const groups = new Map<string, Span[]>()
  for (const span of spans) {
    const key = JSON.stringify([span.resource, span.scope])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [span])
    else group.push(span)
  }
  return {
    resourceSpans: [...groups.values()].map((group) => ({
      resource: { attributes: writeAttributes(group[0]?.resource ?? {}) },
      scopeSpans: [{ ...(group[0] !== undefined && { scope: group[0].scope }), spans: group.map(writeSpan) }],
    })),
  }
}

function writeSpan(span: Span): OtlpSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== null && { parentSpanId: span.parentSpanId }),
    ...(span.traceState !== '' && { traceState: span.traceState }),
    name: span.name,
    // The first of the two internals is "unspecified".
    kind: spanKinds.lastIndexOf(span.kind),
    startTimeUnixNano: `${span.startedAt}000`,
    endTimeUnixNano: `${span.endedAt}000`,
    attributes: writeAttributes(span.attributes),
    events: span.events.map(({ name, at, attributes }) => ({
      name,
      timeUnixNano: `${at}000`,
      attributes: writeAttributes(attributes),
    })),
    status: { code: spanStates.indexOf(span.state), ...(span.stateMessage !== '' && { message: span.stateMessage }) },
  }
}

function writeAttributes(attributes: Attributes): OtlpKeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: writeValue(value) }))
}

function writeValue(value: AttributeValue): OtlpAnyValue {
  if (value === null) return {}
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  if (isList(value)) return { arrayValue: { values: value.map(writeValue) } }
  return { kvlistValue: { values: writeAttributes(value) } }
}
