// Tells a model about tools in plain words, for templates that know none: tools go into the system prompt, calls and results become text.

import type { Message } from '../wire/model.ts'
import { callableTools, mayCallTools, mustCallTools, textOf } from './content.ts'
import type { FormatCall } from './format.ts'

/** The markers of a call in text; Hermes' own, which many models have seen. */
export const callOpen = '<tool_call>'
export const callClose = '</tool_call>'

/** The same conversation without tools, calls and results: all of it told in text. */
export function describeTools(call: FormatCall): FormatCall {
  const messages = call.messages.map(described)
  if (!mayCallTools(call)) return { ...call, messages, tools: [], toolChoice: 'none' }
  const description = { type: 'text', text: instructions(call) } as const
  const [first] = messages
  if (first?.role !== 'system') {
    return {
      ...call,
      messages: [{ role: 'system', content: [description] }, ...messages],
      tools: [],
      toolChoice: 'none',
    }
  }
  const system = textOf(first.content, 0, '\n')
  const content = [{ type: 'text', text: `${system}\n\n${description.text}` } as const]
  return { ...call, messages: [{ role: 'system', content }, ...messages.slice(1)], tools: [], toolChoice: 'none' }
}

function instructions(call: FormatCall): string {
  const lines = callableTools(call).map(({ name, description, parameters }) =>
    JSON.stringify({
      type: 'function',
      function: { name, ...(description === undefined ? {} : { description }), parameters },
    }),
  )
  const rule = mustCallTools(call)
    ? 'Answer with a function call now, and with nothing else.'
    : 'Call a function when it helps to answer; otherwise answer in plain words.'
  return [
    '# Tools',
    '',
    'You can call the functions whose signatures stand between <tools> and </tools>:',
    '<tools>',
    ...lines,
    '</tools>',
    '',
    `To call a function, write a JSON object with its name and its arguments between ${callOpen} and ${callClose}, one block for each call:`,
    callOpen,
    '{"name": "<function-name>", "arguments": {<arguments>}}',
    callClose,
    '',
    rule,
  ].join('\n')
}

function described(message: Message, index: number): Message {
  if (message.role === 'tool') {
    const text = `<tool_response>\n${textOf(message.content, index, '\n')}\n</tool_response>`
    return { role: 'user', content: [{ type: 'text', text }] }
  }
  if (message.role !== 'assistant' || message.toolCalls.length === 0) return message
  const spoken = textOf(message.content, index, '\n')
  const calls = message.toolCalls.map(
    ({ name, arguments: text }) => `${callOpen}\n{"name": ${JSON.stringify(name)}, "arguments": ${text}}\n${callClose}`,
  )
  const text = [...(spoken === '' ? [] : [spoken]), ...calls].join('\n')
  return { ...message, content: [{ type: 'text', text }], toolCalls: [] }
}
