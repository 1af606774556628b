// Turns messages of either vendor into the contract's turns: roles, content parts, calls and their results. Pure; knows no template.
import { createHash } from 'node:crypto'
import { type FailureCode, type FailureFields, fail } from '../../base/errors.ts'
import type { ChatMessage, ContentPart as SentPart } from '../../wire/messages.ts'
import type { ContentPart, Message, ModelCard, ToolCall } from '../../wire/model.ts'

type Sent<Role extends ChatMessage['role']> = Extract<ChatMessage, { role: Role }>
type SentContent = ChatMessage['content']

/** Calls made so far that no tool message has answered. */
interface OpenCalls {
  readonly known: Set<string>
  readonly unanswered: { readonly id: string; readonly name: string }[]
}

/** The conversation as turns. Throws a 400 that names the message and the part where something cannot be taken. */
export function prepareMessages(sent: readonly ChatMessage[], card: ModelCard): readonly Message[] {
  const calls: OpenCalls = { known: new Set(), unanswered: [] }
  return sent.map((message, index) => {
    const path = `messages[${index}]`
    switch (message.role) {
      case 'system':
      case 'developer':
        return { role: 'system', content: textOnly(message.content, path, message.role) }
      case 'user':
        return { role: 'user', content: readContent(message.content, path, card).content }
      case 'assistant':
        return assistantTurn(message, { path, last: index === sent.length - 1, card, calls })
      case 'tool':
      case 'function':
        return toolTurn(message, { path, calls, card })
      default:
        throw fail('invalid_value', { param: `${path}.role`, reason: 'there is no such role' })
    }
  })
}

function assistantTurn(
  message: Sent<'assistant'>,
  { path, last, card, calls }: { path: string; last: boolean; card: ModelCard; calls: OpenCalls },
): Message {
  if (message.prefix === true && !last) {
    throw refuse('invalid_value', `${path}.prefix`, 'only the last message can be continued')
  }
  if (message.audio !== null && message.audio !== undefined) {
    throw refuse('unsupported_value', `${path}.audio`, 'answers are text only; send what was said as content')
  }
  const { content, thinking } = readContent(message.content, path, card)
  const refusal = message.refusal ? [{ type: 'text', text: message.refusal } as const] : []
  const reasoning = message.reasoning_content ?? message.reasoning ?? thinking
  const toolCalls = readCalls(message, path)
  for (const { id, name } of toolCalls) {
    if (calls.known.has(id)) throw refuse('invalid_function_call', `${path}.tool_calls`, `the id "${id}" is used twice`)
    calls.known.add(id)
    calls.unanswered.push({ id, name })
  }
  if (message.prefix === true && toolCalls.length > 0) {
    throw refuse('invalid_value', `${path}.prefix`, 'a message with tool calls cannot be continued')
  }
  return {
    role: 'assistant',
    content: content.length === 0 ? refusal : content,
    toolCalls,
    ...(reasoning && { reasoning }),
    ...(message.prefix === true && { prefix: true }),
  }
}

function readCalls(message: Sent<'assistant'>, path: string): ToolCall[] {
  const calls = (message.tool_calls ?? []).map((call, index) => {
    const at = `${path}.tool_calls[${index}]`
    const id = call.id || madeUpId(at, call.function.name)
    return {
      id,
      name: call.function.name,
      arguments: readArguments(call.function.arguments, `${at}.function.arguments`),
    }
  })
  const legacy = message.function_call
  if (legacy === null || legacy === undefined) return calls
  const at = `${path}.function_call`
  return [
    ...calls,
    { id: madeUpId(at, legacy.name), name: legacy.name, arguments: readArguments(legacy.arguments, `${at}.arguments`) },
  ]
}

/** Arguments as JSON text of an object: templates read them, so broken ones are refused here and not met there. */
function readArguments(value: string | object, path: string): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  if (value.trim() === '') return '{}'
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    throw refuse('invalid_function_call', path, 'it is not JSON')
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return value
  throw refuse('invalid_function_call', path, 'it is JSON, but not an object')
}

/** Nine letters and digits that depend only on where the call stands, so that a repeated request hits the prefix cache. */
function madeUpId(path: string, name: string): string {
  return createHash('sha256').update(`${path} ${name}`).digest('hex').slice(0, 9)
}

function toolTurn(
  message: Sent<'tool'> | Sent<'function'>,
  { path, calls, card }: { path: string; calls: OpenCalls; card: ModelCard },
): Message {
  const id = message.role === 'tool' ? message.tool_call_id : undefined
  const answered = takeCall(calls, id, message.role === 'function' ? message.name : undefined)
  if (answered === undefined) {
    const reason = id ? `no earlier assistant message has a tool call "${id}"` : 'it answers no tool call'
    throw refuse('invalid_message_order', `${path}${id ? '.tool_call_id' : ''}`, `${path}: ${reason}`)
  }
  const name = message.name || answered.name
  const content = readContent(message.content, path, card).content
  return { role: 'tool', content, toolCallId: answered.id, ...(name && { name }) }
}

/** The call that a result belongs to: by id, else the first unanswered one (of that function). */
function takeCall(calls: OpenCalls, id: string | null | undefined, name: string | undefined) {
  const index = calls.unanswered.findIndex((call) => (id ? call.id === id : name === undefined || call.name === name))
  const [taken] = index < 0 ? [] : calls.unanswered.splice(index, 1)
  if (taken !== undefined) return taken
  // A second result of one call: the template decides what it makes of it.
  return id && calls.known.has(id) ? { id, name: '' } : undefined
}

interface ReadContent {
  readonly content: readonly ContentPart[]
  /** Text of thinking parts, joined. */
  readonly thinking: string
}

function readContent(sent: SentContent, path: string, card: ModelCard): ReadContent {
  if (sent === null || sent === undefined) return { content: [], thinking: '' }
  if (typeof sent === 'string') return { content: sent === '' ? [] : [{ type: 'text', text: sent }], thinking: '' }
  const content: ContentPart[] = []
  let thinking = ''
  for (const [index, part] of sent.entries()) {
    if (part.type === 'thinking') thinking += thinkingText(part)
    else content.push(readPart(part, `${path}.content[${index}]`, card))
  }
  return { content, thinking }
}

function readPart(part: Exclude<SentPart, { type: 'thinking' }>, path: string, card: ModelCard): ContentPart {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text }
    case 'refusal':
      return { type: 'text', text: part.refusal }
    case 'image_url': {
      if (!card.capabilities.vision) throw refuse('unsupported_value', path, `model "${card.name}" takes no images`)
      const image = typeof part.image_url === 'string' ? { url: part.image_url } : part.image_url
      return { type: 'image', url: image.url, ...(image.detail && { detail: image.detail }) }
    }
    case 'input_audio':
      throw refuse('unsupported_value', path, `model "${card.name}" takes no audio`)
    case 'document_url':
      throw refuse('unsupported_value', path, 'documents are not read here; send their text')
    case 'file':
      throw refuse('unsupported_value', path, 'files are not read here; send their text')
    default:
      throw refuse('unsupported_value', path, 'references are not read here; send their text')
  }
}

function thinkingText(part: Extract<SentPart, { type: 'thinking' }>): string {
  if (typeof part.thinking === 'string') return part.thinking
  return part.thinking.map(({ text }) => text ?? '').join('')
}

function textOnly(sent: SentContent, path: string, role: string): readonly ContentPart[] {
  if (sent === null || sent === undefined || typeof sent === 'string') return sent ? [{ type: 'text', text: sent }] : []
  return sent.map((part, index) => {
    if (part.type === 'text') return { type: 'text', text: part.text }
    throw refuse('unsupported_value', `${path}.content[${index}]`, `a ${role} message holds text only`)
  })
}

function refuse(code: FailureCode, param: string, reason: string) {
  const fields: FailureFields = { param, reason }
  return fail(code, fields)
}
