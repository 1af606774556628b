// The events of a Responses stream, as OpenAI's SDKs and Mistral's read them. Shapes only.
import type { Static } from 'typebox'
import type { ErrorObject } from '../../wire/failure.ts'
import type { ChosenLogprob } from '../../wire/model.ts'
import type {
  OutputItem,
  OutputText,
  ReasoningText,
  ResponseLogprob,
  ResponseObject,
} from '../../wire/response-object.ts'

/**
 * Everything a stream can carry: the 16 types that both vendors' SDKs know (Mistral's fail on any other).
 * Each has a rising `sequence_number` when it is sent.
 */
export type ResponseEvent =
  | { type: 'response.created' | 'response.in_progress'; response: ResponseObject }
  | { type: 'response.completed' | 'response.incomplete' | 'response.failed'; response: ResponseObject }
  | { type: 'response.output_item.added' | 'response.output_item.done'; output_index: number; item: OutputItem }
  | {
      type: 'response.content_part.added' | 'response.content_part.done'
      item_id: string
      output_index: number
      content_index: number
      part: OutputText | ReasoningText
    }
  | {
      type: 'response.output_text.delta'
      item_id: string
      output_index: number
      content_index: number
      delta: string
      logprobs: ResponseLogprob[]
    }
  | {
      type: 'response.output_text.done'
      item_id: string
      output_index: number
      content_index: number
      text: string
      logprobs: ResponseLogprob[]
    }
  | {
      type: 'response.reasoning_text.delta'
      item_id: string
      output_index: number
      content_index: number
      delta: string
    }
  | { type: 'response.reasoning_text.done'; item_id: string; output_index: number; content_index: number; text: string }
  | { type: 'response.function_call_arguments.delta'; item_id: string; output_index: number; delta: string }
  | {
      type: 'response.function_call_arguments.done'
      item_id: string
      output_index: number
      name: string
      arguments: string
    }
  | {
      type: 'error'
      code: string
      message: string
      param: string | null
      /** The same once more: OpenAI's JavaScript SDKs before 7 raise only what has an `error`. */
      error: Static<typeof ErrorObject>
    }

/** A sent event. */
export type NumberedEvent = ResponseEvent & { sequence_number: number }

/** The contract's log-probabilities in the Responses shape. */
export function toResponseLogprobs(logprobs: readonly ChosenLogprob[] | undefined): ResponseLogprob[] {
  return (logprobs ?? []).map(({ token, logprob, bytes, top }) => ({
    token,
    logprob,
    bytes: [...bytes],
    top_logprobs: top.map((alternative) => ({
      token: alternative.token,
      logprob: alternative.logprob,
      bytes: [...alternative.bytes],
    })),
  }))
}
