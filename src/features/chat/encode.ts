// Turns a model's events into the chunks of a streamed chat answer that all official clients read. Knows no HTTP.
import type { Failure } from '../../base/errors.ts'
import type { ChatChunk } from '../../wire/chat.ts'
import { errorObject } from '../../wire/failure.ts'
import type { ModelEvent } from '../../wire/model.ts'
import { doneFrame, frame } from '../../wire/sse.ts'
import { usageObject } from '../../wire/usage.ts'
import {
  type Answer,
  answerHead,
  type EventOf,
  finishReason,
  logprobsObject,
  thinkingChunk,
  toolCallObject,
} from './answer.ts'

type Choice = ChatChunk['choices'][number]
type Delta = Choice['delta']

/** The chunks as frames, `[DONE]` last. */
export async function* chunkFrames(events: AsyncIterable<ModelEvent>, answer: Answer): AsyncGenerator<string> {
  for await (const chunk of chunks(events, answer)) yield frame(chunk)
  yield doneFrame
}

/** The frames that end a stream which failed: OpenAI's clients raise the error, Mistral's see `finish_reason: "error"`. */
export function failureFrames(failure: Failure, answer: Answer): string {
  const choice = { index: 0, delta: { content: '' }, finish_reason: 'error', logprobs: null }
  const { id, created, model } = answer
  const object = 'chat.completion.chunk'
  return frame({ id, object, created, model, choices: [choice], error: errorObject(failure) }) + doneFrame
}

/**
 * The chunks of one answer: role first, calls whole, `finish_reason` in every chunk.
 * Usage goes on the last finish chunk, which therefore waits for the end; with `includeUsage` it has a chunk of its own.
 */
export async function* chunks(events: AsyncIterable<ModelEvent>, answer: Answer): AsyncGenerator<ChatChunk> {
  let head = answerHead(answer, '')
  let last: Choice | undefined
  const chunk = (choices: Choice[], usage?: ChatChunk['usage']): ChatChunk => ({
    ...head,
    object: 'chat.completion.chunk',
    choices,
    ...(usage === undefined ? answer.includeUsage && { usage: null } : { usage }),
  })
  for await (const event of events) {
    switch (event.type) {
      case 'started':
        head = answerHead(answer, event.ranOn)
        for (let index = 0; index < answer.choices; index++) {
          yield chunk([choice(index, { role: 'assistant', content: '' })])
        }
        break
      case 'finish':
        if (last !== undefined) yield chunk([last])
        last = { ...choice(event.choice, {}), finish_reason: streamedReason(event, answer) }
        break
      case 'end': {
        const usage = usageObject(event.usage)
        if (last !== undefined) yield chunk([last], answer.includeUsage ? undefined : usage)
        if (answer.includeUsage) yield chunk([], usage)
        break
      }
      case 'prompt-logprobs':
        break
      default:
        yield chunk([{ ...choice(event.choice, delta(event, answer)), logprobs: logprobsOf(event) }])
    }
  }
}

function choice(index: number, content: Delta): Choice {
  return { index, delta: content, logprobs: null, finish_reason: null }
}

type DeltaEvent = EventOf<'text-delta'> | EventOf<'reasoning-delta'> | EventOf<'tool-call'>

function delta(event: DeltaEvent, answer: Answer): Delta {
  if (event.type === 'text-delta') return { content: event.text }
  if (event.type === 'reasoning-delta') {
    if (answer.thinkingChunks) return { content: [thinkingChunk(event.text)] }
    return { reasoning_content: event.text, reasoning: event.text }
  }
  const call = toolCallObject(event.index, event.call)
  return answer.legacyCall ? { function_call: call.function } : { tool_calls: [call] }
}

function logprobsOf(event: DeltaEvent) {
  return event.type === 'text-delta' ? logprobsObject(event.logprobs) : null
}

function streamedReason(event: EventOf<'finish'>, answer: Answer): Choice['finish_reason'] {
  const reason = finishReason(event.reason, answer)
  return reason === 'model_length' ? 'length' : reason
}
