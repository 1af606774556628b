// Reads the text of a message's content; a part that is no text is refused by name, because no text format can carry it.

import { fail } from '../base/errors.ts'
import type { ContentPart, Message } from '../wire/model.ts'
import type { FormatCall } from './format.ts'

/** Joins the text parts. @throws Failure `unsupported_value` naming the message and the part. */
export function textOf(content: readonly ContentPart[], index: number, separator: string): string {
  const texts: string[] = []
  content.forEach((part, position) => {
    if (part.type !== 'text') {
      throw fail('unsupported_value', {
        param: `messages[${index}].content[${position}]`,
        reason: `this model reads text only, and this part is of type "${part.type}"`,
      })
    }
    texts.push(part.text)
  })
  return texts.join(separator)
}

/** The last message when the answer has to continue it (`prefix`), else undefined. */
export function prefixMessage(call: FormatCall): Extract<Message, { role: 'assistant' }> | undefined {
  const last = call.messages.at(-1)
  return last?.role === 'assistant' && last.prefix === true ? last : undefined
}

/**
 * Whether the answer may hold tool calls: there are tools and the caller allows them.
 * Where it may not, tools are not shown and no parser makes calls.
 */
export function mayCallTools(call: FormatCall): boolean {
  return call.tools.length > 0 && call.toolChoice !== 'none'
}

/** Whether the answer must be tool calls. */
export function mustCallTools(call: FormatCall): boolean {
  return mayCallTools(call) && call.toolChoice !== 'auto'
}

/** The tools the answer may call: all, or the one that `toolChoice` names. */
export function callableTools(call: FormatCall): FormatCall['tools'] {
  if (!mayCallTools(call)) return []
  const choice = call.toolChoice
  return typeof choice === 'object' ? call.tools.filter((tool) => tool.name === choice.name) : call.tools
}

/**
 * What no format can do, refused before a prompt is made.
 * @throws Failure `invalid_value`, `unsupported_value`
 */
export function checkCall(call: FormatCall): void {
  if (call.messages.length === 0) throw fail('invalid_value', { param: 'messages', reason: 'there is no message' })
  if (call.toolChoice === 'required' && call.tools.length === 0) {
    throw fail('invalid_value', { param: 'tool_choice', reason: 'a call is required but there are no tools' })
  }
  if (typeof call.toolChoice === 'object' && callableTools(call).length === 0) {
    throw fail('invalid_value', {
      param: 'tool_choice',
      reason: `"${call.toolChoice.name}" is not among the names in tools`,
    })
  }
  call.messages.forEach((message, index) => {
    // Here, where the caller's numbering still holds: formats add and merge messages.
    textOf(message.content, index, '')
    if (message.role !== 'assistant' || message.prefix !== true) return
    if (index < call.messages.length - 1) {
      throw fail('invalid_value', {
        param: `messages[${index}].prefix`,
        reason: 'only the last message can be a prefix',
      })
    }
    if (message.toolCalls.length > 0) {
      throw fail('invalid_value', { param: `messages[${index}].prefix`, reason: 'a prefix cannot have tool calls' })
    }
    if (mustCallTools(call) || call.output.type !== 'text') {
      throw fail('unsupported_value', {
        param: `messages[${index}].prefix`,
        reason: 'a prefix goes with free text only, not with a required tool call or a response_format',
      })
    }
  })
}
