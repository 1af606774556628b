// Rewrites a conversation for templates that refuse it as it stands: the same words in an order that strict templates take.

import type { Message } from '../wire/model.ts'
import { textOf } from './content.ts'

/** The conversation as sent, then ever stricter orders of it. A template that refuses all refuses the conversation. */
export function* repairs(messages: readonly Message[]): Generator<readonly Message[]> {
  yield messages
  yield oneCallEach(messages)
  const merged = mergeNeighbours(systemFirst(messages))
  yield merged
  yield mergeNeighbours(systemIntoUser(merged))
}

/** Llama 3's template takes one call a turn: several become several turns, each followed by its result. */
function oneCallEach(messages: readonly Message[]): Message[] {
  const results = new Map<string, Message>()
  for (const message of messages) if (message.role === 'tool') results.set(message.toolCallId, message)
  const moved = new Set<Message>()
  return messages.flatMap((message): Message[] => {
    if (moved.has(message)) return []
    if (message.role !== 'assistant' || message.toolCalls.length < 2) return [message]
    return message.toolCalls.flatMap((call, index): Message[] => {
      const turn: Message = { ...message, content: index === 0 ? message.content : [], toolCalls: [call] }
      const result = results.get(call.id)
      if (result === undefined) return [turn]
      moved.add(result)
      return [turn, result]
    })
  })
}

function systemFirst(messages: readonly Message[]): Message[] {
  const systems = messages.flatMap((message, index) =>
    message.role === 'system' ? [textOf(message.content, index, '\n')] : [],
  )
  const others = messages.filter((message) => message.role !== 'system')
  return systems.length === 0 ? others : [{ role: 'system', content: [text(systems.join('\n\n'))] }, ...others]
}

function systemIntoUser(messages: readonly Message[]): Message[] {
  const [first, ...others] = messages
  return first?.role === 'system' ? [{ role: 'user', content: first.content }, ...others] : [...messages]
}

/** Joins neighbours of one role; turns with calls and results stay. */
function mergeNeighbours(messages: readonly Message[]): Message[] {
  const merged: Message[] = []
  messages.forEach((message, index) => {
    const last = merged.at(-1)
    const plain = message.role === 'user' || (message.role === 'assistant' && message.toolCalls.length === 0)
    const lastPlain = last?.role === 'user' || (last?.role === 'assistant' && last.toolCalls.length === 0)
    if (last === undefined || last.role !== message.role || !plain || !lastPlain) {
      merged.push(message)
      return
    }
    const joined = `${textOf(last.content, index, '\n')}\n\n${textOf(message.content, index, '\n')}`
    merged[merged.length - 1] = { ...message, content: [text(joined)] } as Message
  })
  return merged
}

function text(content: string): { readonly type: 'text'; readonly text: string } {
  return { type: 'text', text: content }
}
