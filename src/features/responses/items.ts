// The parts of a Response's output and of its stream, as OpenAI's SDKs and Mistral's read them. Shapes only.
import type { Static } from 'typebox'
import type { ErrorObject } from '../../wire/failure.ts'
import type { ChosenLogprob } from '../../wire/model.ts'

/** A token's log-probability inside `output_text`. */
export interface ResponseLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
  readonly top_logprobs: readonly {
    readonly token: string
    readonly logprob: number
    readonly bytes: readonly number[]
  }[]
}

/** The text part of a message. */
export interface OutputText {
  readonly type: 'output_text'
  readonly text: string
  /** No tool of this server cites. */
  readonly annotations: readonly never[]
  readonly logprobs: readonly ResponseLogprob[]
}

/** The text part of a reasoning item. */
export interface ReasoningText {
  readonly type: 'reasoning_text'
  readonly text: string
}

type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** What the assistant says. */
export interface MessageItem {
  readonly id: string
  readonly type: 'message'
  readonly status: ItemStatus
  readonly role: 'assistant'
  readonly content: readonly OutputText[]
}

/** What the assistant thought. Mistral's SDKs know no summary events, so the text itself is given and `summary` stays empty. */
export interface ReasoningItem {
  readonly id: string
  readonly type: 'reasoning'
  readonly status: ItemStatus
  readonly summary: readonly never[]
  readonly content: readonly ReasoningText[]
}

/** A function that the client is asked to call. */
export interface FunctionCallItem {
  readonly id: string
  readonly type: 'function_call'
  readonly status: ItemStatus
  readonly call_id: string
  readonly name: string
  readonly arguments: string
}

/** One entry of `response.output`. */
export type OutputItem = MessageItem | ReasoningItem | FunctionCallItem

/**
 * Everything a stream can carry: the 16 types that both vendors' SDKs know (Mistral's fail on any other).
 * Each has a rising `sequence_number` when it is sent.
 */
export type ResponseEvent =
  | { type: 'response.created' | 'response.in_progress'; response: object }
  | { type: 'response.completed' | 'response.incomplete' | 'response.failed'; response: object }
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
      logprobs: readonly ResponseLogprob[]
    }
  | {
      type: 'response.output_text.done'
      item_id: string
      output_index: number
      content_index: number
      text: string
      logprobs: readonly ResponseLogprob[]
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
export function toResponseLogprobs(logprobs: readonly ChosenLogprob[] | undefined): readonly ResponseLogprob[] {
  return (logprobs ?? []).map(({ token, logprob, bytes, top }) => ({
    token,
    logprob,
    bytes,
    top_logprobs: top.map((alternative) => ({
      token: alternative.token,
      logprob: alternative.logprob,
      bytes: alternative.bytes,
    })),
  }))
}
