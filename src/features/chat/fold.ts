// Folds a model's events into a chat answer in one piece: the same stream that chunks are made of. Knows no HTTP.
import { fail } from '../../base/errors.ts'
import type { ChatCompletion } from '../../wire/chat.ts'
import type { ChosenLogprob, FinishReason, ModelEvent, ToolCall, Usage } from '../../wire/model.ts'
import { usageObject } from '../../wire/usage.ts'
import { type Answer, answerHead, finishReason, logprobsObject, thinkingChunk, toolCallObject } from './answer.ts'

interface Folded {
  text: string
  reasoning: string
  logprobs: ChosenLogprob[] | undefined
  calls: ToolCall[]
  reason: FinishReason
}

/** The whole answer. A stream that ends without its `end` was cut off and is a failure, never a short answer. */
export async function foldAnswer(events: AsyncIterable<ModelEvent>, answer: Answer): Promise<ChatCompletion> {
  const choices = Array.from({ length: answer.choices }, emptyChoice)
  let ranOn = ''
  let usage: Usage | undefined
  for await (const event of events) {
    if (event.type === 'started') ranOn = event.ranOn
    else if (event.type === 'end') usage = event.usage
    else if (event.type !== 'prompt-logprobs') {
      const choice = choices[event.choice]
      if (choice !== undefined) add(choice, event)
    }
  }
  if (usage === undefined) throw fail('internal_error', { requestId: answer.id })
  return {
    ...answerHead(answer, ranOn),
    object: 'chat.completion',
    choices: choices.map((choice, index) => ({
      index,
      message: message(choice, answer),
      logprobs: logprobsObject(choice.logprobs),
      finish_reason: finishReason(choice.reason, answer),
    })),
    usage: usageObject(usage),
  }
}

function emptyChoice(): Folded {
  return { text: '', reasoning: '', logprobs: undefined, calls: [], reason: 'stop' }
}

function add(choice: Folded, event: Exclude<ModelEvent, { type: 'started' | 'end' | 'prompt-logprobs' }>): void {
  switch (event.type) {
    case 'text-delta':
      choice.text += event.text
      if (event.logprobs !== undefined) {
        choice.logprobs ??= []
        choice.logprobs.push(...event.logprobs)
      }
      break
    case 'reasoning-delta':
      choice.reasoning += event.text
      break
    case 'tool-call':
      choice.calls[event.index] = event.call
      break
    case 'finish':
      choice.reason = event.reason
  }
}

type AnswerMessage = ChatCompletion['choices'][number]['message']

function message({ text, reasoning, calls }: Folded, answer: Answer): AnswerMessage {
  const toolCalls = calls.map((call, index) => toolCallObject(index, call))
  const [first] = toolCalls
  const legacy = answer.legacyCall && first !== undefined
  const chunked = answer.thinkingChunks && reasoning !== ''
  // OpenAI sends null beside calls, and clients tell a call from an answer by it.
  const content = text === '' && toolCalls.length > 0 ? null : text
  return {
    role: 'assistant',
    content: chunked ? [thinkingChunk(reasoning, true), { type: 'text', text }] : content,
    refusal: null,
    ...(reasoning !== '' && !chunked && { reasoning_content: reasoning, reasoning }),
    tool_calls: toolCalls.length > 0 && !legacy ? toolCalls : null,
    ...(legacy && { function_call: first.function }),
  }
}
