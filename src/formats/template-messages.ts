// Puts a conversation into the shape that Hugging Face chat templates read, every string of the caller guarded.

import type { Message, Tool } from '../wire/model.ts'
import { textOf } from './content.ts'

type Guard = (text: string) => string

/** `messages` for a template. Arguments are objects there: most templates print them with `tojson`. */
export function templateMessages(messages: readonly Message[], guard: Guard): Record<string, unknown>[] {
  return messages.map((message, index) => {
    const text = textOf(message.content, index, '\n')
    if (message.role === 'assistant') return assistantMessage(message, guardAnswer(text, guard), guard)
    const content = guard(text)
    if (message.role !== 'tool') return { role: message.role, content }
    const name = message.name === undefined ? {} : { name: guard(message.name) }
    return { role: 'tool', content, tool_call_id: guard(message.toolCallId), ...name }
  })
}

function assistantMessage(
  message: Extract<Message, { role: 'assistant' }>,
  content: string,
  guard: Guard,
): Record<string, unknown> {
  const calls = message.toolCalls.map((call) => ({
    id: guard(call.id),
    type: 'function',
    function: { name: guard(call.name), arguments: guardDeep(parsed(call.arguments), guard) },
  }))
  return {
    role: 'assistant',
    content,
    ...(message.reasoning === undefined ? {} : { reasoning_content: guard(message.reasoning) }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

/**
 * An earlier answer's text. Templates cut `<think>…</think>` out of it, so these two markers stay whole; they mean nothing else, and
 * nobody but the model's own side of the conversation can place them.
 */
function guardAnswer(text: string, guard: Guard): string {
  return text
    .split(/(<\/?think>)/u)
    .map((piece, index) => (index % 2 === 1 ? piece : guard(piece)))
    .join('')
}

/** `tools` for a template: OpenAI's shape, which all templates were written against. */
export function templateTools(tools: readonly Tool[], guard: Guard): unknown[] {
  return tools.map((tool) => ({
    type: 'function',
    function: {
      name: guard(tool.name),
      description: guard(tool.description ?? ''),
      parameters: guardDeep(tool.parameters, guard),
    },
  }))
}

/** Arguments that are no JSON stay the text that the client sent. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Guards every string and key of a JSON value. `fromEntries` defines keys, so `__proto__` stays a plain key. */
function guardDeep(value: unknown, guard: Guard): unknown {
  if (typeof value === 'string') return guard(value)
  if (Array.isArray(value)) return value.map((item) => guardDeep(item, guard))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [guard(key), guardDeep(item, guard)]))
}
