// The only place that knows how a failure looks on the wire: OpenAI's and Mistral's shapes in one body, and as an object inside a stream.
import { type Static, Type } from 'typebox'
import { Failure, type FailureCode, fail } from '../base/errors.ts'
import { nullable } from './fields.ts'
import { headersOf } from './limits.ts'

/** OpenAI's half: `error` of a body, and of the last event of a stream that failed. */
export const ErrorObject = Type.Object({
  message: Type.String(),
  type: Type.String({ description: "OpenAI's error type." }),
  param: nullable(Type.String({ description: 'The field at fault, such as messages[0].content.' })),
  code: Type.String({ description: 'Stable code; the error reference lists them.' }),
})

/** Every error answer: Mistral's fields on top, OpenAI's under `error`; their `type` and `code` are each in their own vocabulary. */
export const ErrorBody = Type.Object(
  {
    object: Type.Literal('error'),
    message: Type.String(),
    type: Type.String({ description: "Mistral's error type." }),
    param: nullable(Type.String()),
    code: Type.String({ description: "Mistral's number where it has one, else the same code as under error." }),
    raw_status_code: Type.Integer(),
    error: ErrorObject,
    detail: Type.Optional(
      Type.Array(
        Type.Object({
          type: Type.String(),
          loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
          msg: Type.String(),
        }),
        { description: 'For a field at fault: its path in the form that FastAPI clients read.' },
      ),
    ),
  },
  { $id: 'Error' },
)

// api-surface §7: what api.mistral.ai was seen to send.
const mistralNames: Partial<Record<FailureCode, readonly [type: string, code: string]>> = {
  call_exceeds_limit: ['rate_limited', '1300'],
  invalid_function_call: ['invalid_function_call', '3280'],
  invalid_message_order: ['invalid_request_message_order', '3230'],
  model_not_found: ['invalid_model', '1500'],
  queue_full: ['rate_limited', '1300'],
  rate_limit_exceeded: ['rate_limited', '1300'],
  insufficient_quota: ['rate_limited', 'insufficient_quota'],
}

/** Any thrown value as a failure; what is not one becomes `internal_error`, names the request, and keeps its cause for the log. */
export function toFailure(error: unknown, requestId: string): Failure {
  // One that came out of an engine process does not know the request.
  const nameless =
    error instanceof Failure && error.code === 'internal_error' && error.fields['requestId'] === undefined
  return error instanceof Failure && !nameless ? error : fail('internal_error', { requestId }, error)
}

/** OpenAI's error object, for bodies and for events inside a stream. */
export function errorObject(failure: Failure): Static<typeof ErrorObject> {
  return { message: failure.message, type: failure.type, param: failure.param, code: failure.code }
}

/** Where in a request a field stands, as Mistral's `detail[].loc` begins. */
export type FieldPlace = 'body' | 'query' | 'path'

/** The union body of an error answer; `place`: where the field at fault stands. */
export function errorBody(failure: Failure, place: FieldPlace = 'body'): Static<typeof ErrorBody> {
  const [type, code] = mistralNames[failure.code] ?? [
    failure.status >= 500 ? 'internal_server_error' : failure.type,
    failure.status >= 500 ? '1000' : failure.code,
  ]
  const { message, param } = failure
  return {
    object: 'error',
    message,
    type,
    param,
    code,
    raw_status_code: failure.status,
    error: errorObject(failure),
    ...(param === null ? {} : { detail: [{ type: failure.code, loc: location(place, param), msg: message }] }),
  }
}

/** Seconds that every SDK waits when it is told to. */
const longestWait = 60

/** Headers that tell an SDK whether and when to send the request again. Retry-After is in whole seconds, rounded up. */
export function errorHeaders(failure: Failure): Record<string, string> {
  const seconds = failure.fields['retryAfter']
  // An SDK that is to come back in a day comes back in a second instead, twice (api-surface §7): so it is not to come back by itself.
  const soon = typeof seconds !== 'number' || seconds <= longestWait
  const headers: Record<string, string> = { 'x-should-retry': String(failure.retryable && soon) }
  if (typeof seconds === 'number') headers['retry-after'] = String(Math.max(1, Math.ceil(seconds)))
  const { limits, queueMs } = failure.fields
  if (Array.isArray(limits)) Object.assign(headers, headersOf(limits))
  if (typeof queueMs === 'number') headers['galerne-queue-wait-ms'] = String(Math.round(queueMs))
  if (failure.code === 'invalid_api_key') headers['www-authenticate'] = 'Bearer'
  if (failure.code === 'method_not_allowed') headers['allow'] = String(failure.fields['allowed'])
  return headers
}

/** `messages[0].content` → `['body', 'messages', 0, 'content']`. */
function location(place: FieldPlace, param: string): (string | number)[] {
  const steps = param.match(/[^.[\]]+/g) ?? []
  return [place, ...steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step))]
}
