// Turns a model's events into the events of a Responses stream; the answer of a call that does not stream is the last one's `response`.
import type { Failure } from '../../base/errors.ts'
import { hexId } from '../../base/ids.ts'
import { errorObject } from '../../wire/failure.ts'
import type { FinishReason, ModelEvent, ToolCall, Usage } from '../../wire/model.ts'
import type {
  MessageItem,
  OutputItem,
  OutputText,
  ReasoningItem,
  ReasoningText,
  ResponseLogprob,
  ResponseObject,
} from '../../wire/response-object.ts'
import { type NumberedEvent, type ResponseEvent, toResponseLogprobs } from './events.ts'
import { type ResponseSettings, type ResponseState, responseResource } from './resource.ts'

/** The item that is being written. */
interface OpenItem {
  readonly type: 'message' | 'reasoning'
  readonly id: string
  text: string
  logprobs: ResponseLogprob[]
}

/** One response while it is made. Feed it every event of one `Model.chat` in order and send what it returns. */
export class ResponseEncoder {
  readonly #id = `resp_${hexId()}`
  readonly #settings: ResponseSettings
  readonly #createdAt: number
  readonly #output: OutputItem[] = []
  #open: OpenItem | undefined
  #sequence = 0
  #finish: FinishReason = 'stop'

  /** @param createdAt seconds since 1970 */
  constructor(settings: ResponseSettings, createdAt: number) {
    this.#settings = settings
    this.#createdAt = createdAt
  }

  /** The stream events that one model event gives rise to. @param now seconds since 1970 */
  push(event: ModelEvent, now: number): NumberedEvent[] {
    return this.#number(this.#events(event, now))
  }

  /** The end of a stream that failed after it began: the state for those who accumulate, then the frame that SDKs raise. */
  fail(failure: Failure): NumberedEvent[] {
    const { code, message, param } = failure
    // `server_error` is the one code of OpenAI's list that fits; Mistral's SDK refuses codes outside the list.
    const response = this.#resource('failed', null, null, { code: 'server_error', message })
    return this.#number([
      { type: 'response.failed', response },
      { type: 'error', code, message, param, error: errorObject(failure) },
    ])
  }

  #number(events: Iterable<ResponseEvent>): NumberedEvent[] {
    return Array.from(events, (event) => ({ ...event, sequence_number: this.#sequence++ }))
  }

  *#events(event: ModelEvent, now: number): Generator<ResponseEvent> {
    switch (event.type) {
      case 'started':
        yield { type: 'response.created', response: this.#resource('in_progress', null, null) }
        yield { type: 'response.in_progress', response: this.#resource('in_progress', null, null) }
        return
      case 'text-delta':
        yield* this.#write('message', event.text, toResponseLogprobs(event.logprobs))
        return
      case 'reasoning-delta':
        yield* this.#write('reasoning', event.text, [])
        return
      case 'tool-call':
        yield* this.#call(event.call, event.unfinished === true ? 'incomplete' : 'completed')
        return
      case 'finish':
        this.#finish = event.reason
        // Clients index the answer's text: a model that stops at once still says something, the empty text.
        if (this.#open === undefined && this.#output.length === 0) yield* this.#write('message', '', [])
        yield* this.#close(isCut(event.reason) ? 'incomplete' : 'completed')
        return
      case 'end': {
        const status = isCut(this.#finish) ? 'incomplete' : 'completed'
        yield { type: `response.${status}`, response: this.#resource(status, now, event.usage) }
        return
      }
      case 'prompt-logprobs':
        return
    }
  }

  *#write(type: OpenItem['type'], text: string, logprobs: ResponseLogprob[]): Generator<ResponseEvent> {
    if (this.#open?.type !== type) {
      yield* this.#close('completed')
      yield* this.#begin(type)
    }
    const open = this.#open
    if (open === undefined || (text === '' && logprobs.length === 0)) return
    open.text += text
    open.logprobs.push(...logprobs)
    const place = { item_id: open.id, output_index: this.#output.length, content_index: 0 }
    yield type === 'message'
      ? { type: 'response.output_text.delta', ...place, delta: text, logprobs }
      : { type: 'response.reasoning_text.delta', ...place, delta: text }
  }

  *#begin(type: OpenItem['type']): Generator<ResponseEvent> {
    const open: OpenItem = { type, id: `${type === 'message' ? 'msg' : 'rs'}_${hexId()}`, text: '', logprobs: [] }
    this.#open = open
    const place = { item_id: open.id, output_index: this.#output.length, content_index: 0 }
    yield { type: 'response.output_item.added', output_index: place.output_index, item: emptyItem(open) }
    yield { type: 'response.content_part.added', ...place, part: contentPart(open) }
  }

  *#close(status: 'completed' | 'incomplete'): Generator<ResponseEvent> {
    const open = this.#open
    if (open === undefined) return
    const place = { item_id: open.id, output_index: this.#output.length, content_index: 0 }
    const item = finishedItem(open, status)
    yield open.type === 'message'
      ? { type: 'response.output_text.done', ...place, text: open.text, logprobs: open.logprobs }
      : { type: 'response.reasoning_text.done', ...place, text: open.text }
    yield { type: 'response.content_part.done', ...place, part: contentPart(open) }
    yield { type: 'response.output_item.done', output_index: place.output_index, item }
    this.#output.push(item)
    this.#open = undefined
  }

  *#call(call: ToolCall, status: 'completed' | 'incomplete'): Generator<ResponseEvent> {
    yield* this.#close('completed')
    const place = { output_index: this.#output.length, item_id: `fc_${hexId()}` }
    const { output_index, item_id: id } = place
    const named = { id, type: 'function_call', call_id: call.id, name: call.name } as const
    const item: OutputItem = { ...named, status, arguments: call.arguments }
    yield { type: 'response.output_item.added', output_index, item: { ...named, status: 'in_progress', arguments: '' } }
    yield { type: 'response.function_call_arguments.delta', ...place, delta: call.arguments }
    yield { type: 'response.function_call_arguments.done', ...place, name: call.name, arguments: call.arguments }
    yield { type: 'response.output_item.done', output_index, item }
    this.#output.push(item)
  }

  #resource(
    status: ResponseState['status'],
    completedAt: number | null,
    usage: Usage | null,
    error: ResponseState['error'] = null,
  ): ResponseObject {
    const unfinished = this.#open === undefined ? [] : [finishedItem(this.#open, 'incomplete')]
    const output = [...this.#output, ...unfinished]
    return responseResource(this.#settings, {
      id: this.#id,
      createdAt: this.#createdAt,
      completedAt,
      status,
      output,
      error,
      usage,
    })
  }
}

/** Whether the answer ended because there was no room for more. */
function isCut(reason: FinishReason): boolean {
  return reason === 'length' || reason === 'context'
}

function contentPart(open: OpenItem): OutputText | ReasoningText {
  return open.type === 'message' ? outputText(open) : { type: 'reasoning_text', text: open.text }
}

function outputText(open: OpenItem): OutputText {
  return { type: 'output_text', text: open.text, annotations: [], logprobs: [...open.logprobs] }
}

function emptyItem({ id, type }: OpenItem): MessageItem | ReasoningItem {
  return type === 'message'
    ? { id, type, status: 'in_progress', role: 'assistant', content: [] }
    : { id, type, status: 'in_progress', summary: [], content: [] }
}

function finishedItem(open: OpenItem, status: 'completed' | 'incomplete'): MessageItem | ReasoningItem {
  const { id, type, text } = open
  return type === 'message'
    ? { id, type, status, role: 'assistant', content: [outputText(open)] }
    : { id, type, status, summary: [], content: [{ type: 'reasoning_text', text }] }
}
