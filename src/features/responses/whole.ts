// What a response takes besides its encoder, streamed or whole, over HTTP or in a batch. Knows no request.
import { Failure, fail } from '../../base/errors.ts'
import type { ModelEvent } from '../../wire/model.ts'
import type { ResponseObject } from '../../wire/response-object.ts'
import type { ResponseEncoder } from './encode.ts'

/** `type` may be left out of a message (OpenAI's EasyInputMessage); the schema tells items apart by it. */
export function nameMessages(body: unknown): void {
  if (typeof body !== 'object' || body === null || !('input' in body) || !Array.isArray(body.input)) return
  for (const item of body.input) {
    if (typeof item === 'object' && item !== null && !('type' in item) && 'role' in item) item.type = 'message'
  }
}

/** The events; a failure speaks of the fields of this door instead of chat's. */
export async function* renamed(
  events: AsyncIterable<ModelEvent>,
  rename: (failure: Failure) => Failure,
): AsyncGenerator<ModelEvent> {
  try {
    yield* events
  } catch (error) {
    throw error instanceof Failure ? rename(error) : error
  }
}

/** The response that the last event of the stream carries. */
export async function foldResponse(
  events: AsyncIterable<ModelEvent>,
  encoder: ResponseEncoder,
  seconds: () => number,
  requestId: string,
): Promise<ResponseObject> {
  let response: ResponseObject | undefined
  for await (const event of events) {
    const last = encoder.push(event, seconds()).at(-1)
    if (last?.type === 'response.completed' || last?.type === 'response.incomplete') response = last.response
  }
  if (response === undefined) throw cutOff(requestId)
  return response
}

/** A stream without its last event was cut off: never an answer that looks complete. */
export function cutOff(requestId: string): Failure {
  return fail('internal_error', { requestId })
}
