// Puts a conversation into an order that Mistral's formats can write: merges what follows itself, refuses what no repair can save.

import { fail } from '../base/errors.ts'
import type { Message } from '../wire/model.ts'
import { textOf } from './content.ts'
import type { MistralVersion } from './mistral-version.ts'

/** A message whose content is one text, as Mistral's formats need it. */
export type Turn =
  | { readonly role: 'system' | 'user'; readonly text: string }
  | {
      readonly role: 'assistant'
      readonly text: string
      readonly reasoning: string
      readonly toolCalls: Extract<Message, { role: 'assistant' }>['toolCalls']
      readonly prefix: boolean
    }
  | { readonly role: 'tool'; readonly text: string; readonly toolCallId: string; readonly name: string | null }

/**
 * Turns in order: neighbours of one role are merged, as `mistral-common` does, with an empty line between their texts.
 * @throws Failure `invalid_message_order` where a tool result follows no call, or nothing is left to answer
 */
export function orderedTurns(messages: readonly Message[], version: MistralVersion): Turn[] {
  const turns: Turn[] = []
  messages.forEach((message, index) => {
    const turn = turnOf(message, index, messages)
    const last = turns.at(-1)
    if (turn.role === 'tool' && !followsCall(turns)) {
      throw orderFailure(
        index,
        `messages[${index}] is a tool result, but no assistant message with tool_calls is before it`,
      )
    }
    const merged = last === undefined ? undefined : mergeTurns(last, turn)
    if (merged === undefined) turns.push(turn)
    else turns[turns.length - 1] = merged
  })
  checkLast(turns, messages.length - 1, version)
  if (version.startsWithUser && turns.find((turn) => turn.role !== 'system')?.role !== 'user') {
    turns.unshift({ role: 'user', text: '' })
  }
  return version.sortsResults ? sortedResults(turns) : turns
}

/** Each run of results in the order of the calls before it; results of unknown calls stay last, in their own order. */
function sortedResults(turns: readonly Turn[]): Turn[] {
  let order: readonly string[] = []
  const rank = (turn: Turn) => {
    const index = turn.role === 'tool' ? order.indexOf(turn.toolCallId) : -1
    return index < 0 ? order.length : index
  }
  const sorted: Turn[] = []
  let run: Turn[] = []
  const close = () => {
    sorted.push(...run.sort((a, b) => rank(a) - rank(b)))
    run = []
  }
  for (const turn of turns) {
    if (turn.role === 'tool') {
      run.push(turn)
      continue
    }
    close()
    if (turn.role === 'assistant') order = turn.toolCalls.map((call) => call.id)
    sorted.push(turn)
  }
  close()
  return sorted
}

function turnOf(message: Message, index: number, messages: readonly Message[]): Turn {
  const text = textOf(message.content, index, '\n\n')
  if (message.role === 'assistant') {
    const { toolCalls, reasoning = '', prefix = false } = message
    return { role: 'assistant', text, reasoning, toolCalls, prefix }
  }
  if (message.role === 'tool') {
    const { toolCallId } = message
    return { role: 'tool', text, toolCallId, name: message.name ?? calledName(messages, index, toolCallId) }
  }
  return { role: message.role, text }
}

/** The name of the function that a result answers, for formats that write it. */
function calledName(messages: readonly Message[], before: number, id: string): string | null {
  for (let index = before - 1; index >= 0; index--) {
    const message = messages[index]
    if (message?.role !== 'assistant') continue
    const call = message.toolCalls.find((candidate) => candidate.id === id)
    if (call !== undefined) return call.name
  }
  return null
}

function followsCall(turns: readonly Turn[]): boolean {
  const last = turns.at(-1)
  return last?.role === 'tool' || (last?.role === 'assistant' && last.toolCalls.length > 0)
}

function mergeTurns(last: Turn, next: Turn): Turn | undefined {
  if (last.role === 'user' && next.role === 'user') return { role: 'user', text: joined(last.text, next.text) }
  if (last.role !== 'assistant' || next.role !== 'assistant') return undefined
  return {
    role: 'assistant',
    text: joined(last.text, next.text),
    reasoning: joined(last.reasoning, next.reasoning),
    toolCalls: [...last.toolCalls, ...next.toolCalls],
    prefix: next.prefix,
  }
}

function joined(first: string, second: string): string {
  return [first, second].filter((text) => text !== '').join('\n\n')
}

/** A conversation to answer ends with the user or a tool, or with the start of the answer itself. */
function checkLast(turns: readonly Turn[], index: number, version: MistralVersion): void {
  // Formats that write the system prompt into a user turn do not see it as a turn.
  const last = version.system === 'own-turn' ? turns.at(-1) : turns.filter((turn) => turn.role !== 'system').at(-1)
  if (last === undefined || last.role === 'user' || last.role === 'tool') return
  if (last.role === 'assistant' && last.prefix) return
  throw orderFailure(
    index,
    `the last message must be from "user" or "tool", or from "assistant" with "prefix": true, and it is from "${last.role}"`,
  )
}

function orderFailure(index: number, reason: string) {
  return fail('invalid_message_order', { param: `messages[${index}]`, reason })
}
