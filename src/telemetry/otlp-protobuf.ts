// Reads OTLP's protobuf (opentelemetry-proto v1, trace service) into the same objects that its JSON form has. Knows no meaning of a field.
import protobuf from 'protobufjs/minimal.js'
import type { OtlpAnyValue, OtlpEvent, OtlpKeyValue, OtlpRequest, OtlpResourceSpans, OtlpSpan } from './otlp.ts'

const { Reader, Writer } = protobuf
type Reader = InstanceType<typeof Reader>

/** Values nested deeper than this are an attack, not telemetry. */
const deepest = 32

type Fields<Target> = { readonly [number: number]: (target: Target, reader: Reader, depth: number) => void }
type Writable<Target> = { -readonly [Name in keyof Target]: Target[Name] }

/** Reads an `ExportTraceServiceRequest`; throws `RangeError` or `Error` for bytes that are none. */
export function readOtlpProtobuf(bytes: Uint8Array): OtlpRequest {
  const resourceSpans: OtlpResourceSpans[] = []
  read(
    Reader.create(bytes),
    bytes.length,
    resourceSpans,
    { 1: (list, reader, depth) => list.push(resource(reader, depth)) },
    0,
  )
  return { resourceSpans }
}

/** Walks a message's fields; unknown ones are passed over, as protobuf asks. */
function read<Target>(reader: Reader, end: number, target: Target, fields: Fields<Target>, depth: number): Target {
  if (depth > deepest) throw new RangeError('a value is nested too deeply')
  while (reader.pos < end) {
    const tag = reader.uint32()
    const field = fields[tag >>> 3]
    if (field === undefined) reader.skipType(tag & 7)
    else field(target, reader, depth)
  }
  if (reader.pos > end) throw new RangeError('a field is longer than its message')
  return target
}

function message<Target>(reader: Reader, target: Target, fields: Fields<Target>, depth: number): Target {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new RangeError('a message is longer than the body')
  return read(reader, end, target, fields, depth + 1)
}

function resource(reader: Reader, depth: number): OtlpResourceSpans {
  const attributes: OtlpKeyValue[] = []
  const scopeSpans: { scope: { name: string; version: string }; spans: OtlpSpan[] }[] = []
  const fields: Fields<null> = {
    1: (_, inside, level) =>
      message(inside, attributes, { 1: (list, at, deep) => list.push(keyValue(at, deep)) }, level),
    2: (_, inside, level) => scopeSpans.push(scope(inside, level)),
  }
  message(reader, null, fields, depth)
  return { resource: { attributes }, scopeSpans }
}

function scope(reader: Reader, depth: number) {
  const names = { name: '', version: '' }
  const spans: OtlpSpan[] = []
  const fields: Fields<null> = {
    1: (_, inside, level) =>
      message(
        inside,
        names,
        {
          1: (target, at) => {
            target.name = at.string()
          },
          2: (target, at) => {
            target.version = at.string()
          },
        },
        level,
      ),
    2: (_, inside, level) => spans.push(span(inside, level)),
  }
  message(reader, null, fields, depth)
  return { scope: names, spans }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A fixed64 as text: nanoseconds since 1970 are beyond 2^53. */
function fixed64(reader: Reader): string {
  const low = BigInt(reader.fixed32())
  const high = BigInt(reader.fixed32())
  return String((high << 32n) | low)
}

function span(reader: Reader, depth: number): OtlpSpan {
  const attributes: OtlpKeyValue[] = []
  const events: OtlpEvent[] = []
  const target: Writable<OtlpSpan> = { traceId: '', spanId: '', name: '', attributes, events }
  const fields: Fields<Writable<OtlpSpan>> = {
    1: (into, at) => {
      into.traceId = hex(at.bytes())
    },
    2: (into, at) => {
      into.spanId = hex(at.bytes())
    },
    3: (into, at) => {
      into.traceState = at.string()
    },
    4: (into, at) => {
      into.parentSpanId = hex(at.bytes())
    },
    5: (into, at) => {
      into.name = at.string()
    },
    6: (into, at) => {
      into.kind = at.uint32()
    },
    7: (into, at) => {
      into.startTimeUnixNano = fixed64(at)
    },
    8: (into, at) => {
      into.endTimeUnixNano = fixed64(at)
    },
    9: (_, at, level) => attributes.push(keyValue(at, level)),
    11: (_, at, level) => events.push(event(at, level)),
    15: (into, at, level) => {
      into.status = message(
        at,
        { message: '', code: 0 },
        {
          2: (state, inside) => {
            state.message = inside.string()
          },
          3: (state, inside) => {
            state.code = inside.uint32()
          },
        },
        level,
      )
    },
  }
  return message(reader, target, fields, depth)
}

function event(reader: Reader, depth: number): OtlpEvent {
  const attributes: OtlpKeyValue[] = []
  const target: Writable<OtlpEvent> = { attributes }
  return message(
    reader,
    target,
    {
      1: (into, at) => {
        into.timeUnixNano = fixed64(at)
      },
      2: (into, at) => {
        into.name = at.string()
      },
      3: (_, at, level) => attributes.push(keyValue(at, level)),
    },
    depth,
  )
}

function keyValue(reader: Reader, depth: number): OtlpKeyValue {
  const target: Writable<OtlpKeyValue> = { key: '' }
  return message(
    reader,
    target,
    {
      1: (into, at) => {
        into.key = at.string()
      },
      2: (into, at, level) => {
        into.value = anyValue(at, level)
      },
    },
    depth,
  )
}

function anyValue(reader: Reader, depth: number): OtlpAnyValue {
  const target: Writable<OtlpAnyValue> = {}
  return message(
    reader,
    target,
    {
      1: (into, at) => {
        into.stringValue = at.string()
      },
      2: (into, at) => {
        into.boolValue = at.bool()
      },
      3: (into, at) => {
        into.intValue = String(at.int64())
      },
      4: (into, at) => {
        into.doubleValue = at.double()
      },
      5: (into, at, level) => {
        const values: OtlpAnyValue[] = []
        message(at, values, { 1: (list, inside, deep) => list.push(anyValue(inside, deep)) }, level)
        into.arrayValue = { values }
      },
      6: (into, at, level) => {
        const values: OtlpKeyValue[] = []
        message(at, values, { 1: (list, inside, deep) => list.push(keyValue(inside, deep)) }, level)
        into.kvlistValue = { values }
      },
      7: (into, at) => {
        into.bytesValue = Buffer.from(at.bytes()).toString('base64')
      },
    },
    depth,
  )
}

/** An `ExportTraceServiceResponse` that says how many spans were not taken, and why. */
export function writePartialSuccess(partial: {
  readonly rejectedSpans: number
  readonly errorMessage: string
}): Uint8Array {
  const inside = Writer.create().uint32(8).int64(partial.rejectedSpans).uint32(18).string(partial.errorMessage)
  return Writer.create().uint32(10).bytes(inside.finish()).finish()
}
