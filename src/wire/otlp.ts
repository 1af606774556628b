// OTLP's JSON as a schema, so that nothing behind it meets a shape that is not OTLP. A value may hold values: `telemetry/otlp.ts` reads those with care.
import { Type } from 'typebox'

const time = Type.Union([Type.String({ maxLength: 24 }), Type.Number()])
const number = Type.Union([Type.Number(), Type.String({ maxLength: 64 })])
const attributes = Type.Array(Type.Object({ key: Type.String(), value: Type.Optional(Type.Unknown()) }))

const OtlpSpanBody = Type.Object({
  traceId: Type.String(),
  spanId: Type.String(),
  parentSpanId: Type.Optional(Type.String()),
  traceState: Type.Optional(Type.String()),
  name: Type.String(),
  kind: Type.Optional(number),
  startTimeUnixNano: Type.Optional(time),
  endTimeUnixNano: Type.Optional(time),
  attributes: Type.Optional(attributes),
  events: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.Optional(Type.String()),
        timeUnixNano: Type.Optional(time),
        attributes: Type.Optional(attributes),
      }),
    ),
  ),
  status: Type.Optional(Type.Object({ code: Type.Optional(number), message: Type.Optional(Type.String()) })),
})

/** Body of `POST /v1/traces` (opentelemetry-proto v1, ExportTraceServiceRequest). */
export const OtlpBody = Type.Object({
  resourceSpans: Type.Optional(
    Type.Array(
      Type.Object({
        resource: Type.Optional(Type.Object({ attributes: Type.Optional(attributes) })),
        scopeSpans: Type.Optional(
          Type.Array(
            Type.Object({
              scope: Type.Optional(
                Type.Object({ name: Type.Optional(Type.String()), version: Type.Optional(Type.String()) }),
              ),
              spans: Type.Optional(Type.Array(OtlpSpanBody)),
            }),
          ),
        ),
      }),
    ),
  ),
})

/** The answer: empty, or how many spans were not taken and why. */
export const OtlpAnswer = Type.Object({
  partialSuccess: Type.Optional(Type.Object({ rejectedSpans: Type.String(), errorMessage: Type.String() })),
})
