// Turns the items of a Responses input into the messages of a chat request, so that both doors read a conversation by the same rules. Pure.
import { Failure, fail } from '../../base/errors.ts'
import type { ChatMessage, ContentPart } from '../../wire/messages.ts'
import type { Message, ModelCard } from '../../wire/model.ts'
import type { ResponseContent, ResponseContentPart, ResponseInputItem, ResponseRequest } from '../../wire/responses.ts'
import { prepareMessages } from '../chat/prepare-messages.ts'

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>

/** A message and the fields of the request that it came from. */
interface Translated {
  readonly message: ChatMessage
  readonly path: string
  /** The function_call items behind `tool_calls`. */
  readonly callPaths: string[]
}

/** A conversation, and how to speak of its faults. */
export interface Conversation {
  readonly messages: readonly Message[]
  /** A failure of the model's, told in the fields of this request. */
  rename(failure: Failure): Failure
}

/** The conversation as turns. Throws a 400 that names the item where something cannot be taken. */
export function prepareConversation(
  body: Pick<ResponseRequest, 'input' | 'instructions'>,
  card: ModelCard,
): Conversation {
  const translated = translate(body)
  const sent = translated.map(({ message }) => message)
  const rename = (failure: Failure): Failure => inOwnWords(failure, translated)
  try {
    return { messages: prepareMessages(sent, card), rename }
  } catch (error) {
    throw error instanceof Failure ? rename(error) : error
  }
}

function translate({ input, instructions }: Pick<ResponseRequest, 'input' | 'instructions'>): Translated[] {
  const translated: Translated[] = []
  const add = (message: ChatMessage, path: string): void => {
    translated.push({ message, path, callPaths: [] })
  }
  if (instructions) add({ role: 'system', content: instructions }, 'instructions')
  if (typeof input === 'string') add({ role: 'user', content: input }, 'input')
  else for (const [index, item] of input.entries()) addItem(translated, item, `input[${index}]`)
  return translated
}

function addItem(translated: Translated[], item: ResponseInputItem, path: string): void {
  switch (item.type) {
    case 'message':
      addMessage(translated, item, path)
      return
    case 'function_call': {
      const turn = assistantTurn(translated, path)
      turn.callPaths.push(path)
      const call = {
        id: item.call_id,
        type: 'function',
        function: { name: item.name, arguments: item.arguments },
      } as const
      turn.message.tool_calls = [...(turn.message.tool_calls ?? []), call]
      return
    }
    case 'function_call_output': {
      const content = readContent(item.output, `${path}.output`)
      translated.push({ message: { role: 'tool', tool_call_id: item.call_id, content }, path, callPaths: [] })
      return
    }
    case 'reasoning': {
      // Reasoning comes before what it led to.
      const reasoning = reasoningText(item)
      if (reasoning === '') return
      translated.push({ message: { role: 'assistant', reasoning_content: reasoning }, path, callPaths: [] })
      return
    }
  }
}

/** The text of a reasoning item, or else of its summary; empty where it is there only encrypted, for another vendor. */
export function reasoningText(item: Extract<ResponseInputItem, { type: 'reasoning' }>): string {
  const texts = item.content?.length ? item.content : (item.summary ?? [])
  return texts.map(({ text }) => text).join('\n')
}

function addMessage(
  translated: Translated[],
  item: Extract<ResponseInputItem, { type: 'message' }>,
  path: string,
): void {
  const content = readContent(item.content, `${path}.content`)
  if (item.role !== 'assistant') {
    translated.push({ message: { role: item.role, content }, path, callPaths: [] })
    return
  }
  const last = translated.at(-1)?.message
  const continuesReasoning = last?.role === 'assistant' && last.content === undefined && last.tool_calls === undefined
  if (continuesReasoning) last.content = content
  else translated.push({ message: { role: 'assistant', content }, path, callPaths: [] })
}

/** The assistant's turn that a call belongs to: the one just before it, else a new one. */
function assistantTurn(translated: Translated[], path: string): Translated & { message: AssistantMessage } {
  const last = translated.at(-1)
  if (last?.message.role === 'assistant') return { ...last, message: last.message }
  const turn = { message: { role: 'assistant' } as AssistantMessage, path, callPaths: [] }
  translated.push(turn)
  return turn
}

function readContent(content: ResponseContent, path: string): string | ContentPart[] {
  if (typeof content === 'string') return content
  return content.map((part, index) => readPart(part, `${path}[${index}]`))
}

/** A part in chat's vocabulary; what the model cannot take is refused there. */
function readPart(part: ResponseContentPart, path: string): ContentPart {
  switch (part.type) {
    case 'input_image':
      if (part.image_url) {
        return { type: 'image_url', image_url: { url: part.image_url, ...(part.detail && { detail: part.detail }) } }
      }
      throw fail('unsupported_value', { param: `${path}.file_id`, reason: 'no files are kept here; send image_url' })
    case 'input_file':
      return part.file_url ? { type: 'document_url', document_url: part.file_url } : { type: 'file' }
    case 'input_audio':
    case 'refusal':
      return part
    default:
      return { type: 'text', text: part.text }
  }
}

/**
 * The same failure, speaking of what the client sent: `messages[1].tool_calls[0].function.arguments` was `input[3].arguments`,
 * `tools[0].function.parameters` was `tools[0].parameters`, `response_format.json_schema.schema` was `text.format.schema`.
 */
function inOwnWords(failure: Failure, translated: readonly Translated[]): Failure {
  const rename = (text: string): string =>
    text
      .replace(/messages\[(\d+)\](?:\.tool_calls\[(\d+)\](?:\.function)?)?/g, (_, message, call) => {
        const source = translated[Number(message)]
        return (call === undefined ? source?.path : source?.callPaths[Number(call)]) ?? 'input'
      })
      .replace(/(tools\[\d+\])\.function/g, '$1')
      .replace(/response_format(\.json_schema)?/g, 'text.format')
      .replace('tool_call_id', 'call_id')
  const fields = Object.entries(failure.fields).map(([name, value]) => [
    name,
    typeof value !== 'string' ? value : name === 'param' && value === 'messages' ? 'input' : rename(value),
  ])
  return fail(failure.code, Object.fromEntries(fields), failure)
}
