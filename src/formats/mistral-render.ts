// Writes a conversation as Mistral's own formats do. The recordings in test/recordings/ hold every version to `mistral-common`'s ids.

import type { Tool, ToolCall } from '../wire/model.ts'
import { mayCallTools } from './content.ts'
import { describeTools } from './described-tools.ts'
import type { FormatCall, Segment } from './format.ts'
import { pythonJson, pythonJsonOf } from './json-text.ts'
import { orderedTurns, type Turn } from './mistral-order.ts'
import type { MistralVersion } from './mistral-version.ts'
import { SegmentList } from './segments.ts'
import { nineCharacterId } from './tool-call-id.ts'

/** What the vocabulary adds to the version. */
export interface MistralVocabulary {
  readonly beginOfSequence: string
  readonly endOfSequence: string
  /** SentencePiece: every piece that the format encodes by itself starts with a space. */
  readonly sentencePiece: boolean
  readonly thinks: boolean
}

/** The prompt's segments. @throws Failure `invalid_message_order`, `unsupported_value` */
export function renderMistral(call: FormatCall, version: MistralVersion, vocabulary: MistralVocabulary): Segment[] {
  const told = version.tools === 'described' ? describeTools(call) : call
  const turns = orderedTurns(told.messages, version)
  const out = new SegmentList()
  out.control(vocabulary.beginOfSequence)
  const writer = new TurnWriter(out, version, vocabulary, turns, mayCallTools(told) ? told.tools : [])
  turns.forEach((turn, index) => {
    writer.write(turn, index)
  })
  return out.segments
}

class TurnWriter {
  private readonly out: SegmentList
  private readonly version: MistralVersion
  private readonly vocabulary: MistralVocabulary
  private readonly tools: readonly Tool[]
  private readonly systemText: string
  private readonly firstUser: number
  private readonly lastUser: number

  constructor(
    out: SegmentList,
    version: MistralVersion,
    vocabulary: MistralVocabulary,
    turns: readonly Turn[],
    tools: readonly Tool[],
  ) {
    this.out = out
    this.version = version
    this.vocabulary = vocabulary
    this.tools = tools
    const systems = turns.filter((turn) => turn.role === 'system').map((turn) => turn.text)
    this.systemText = version.system === 'own-turn' ? '' : systems.filter((text) => text !== '').join('\n\n')
    this.firstUser = turns.findIndex((turn) => turn.role === 'user')
    this.lastUser = turns.findLastIndex((turn) => turn.role === 'user')
  }

  write(turn: Turn, index: number): void {
    if (turn.role === 'assistant') this.assistant(turn, index)
    else if (turn.role === 'tool') this.result(turn, index)
    else if (turn.role === 'system') this.system(turn.text)
    else this.user(turn.text, index)
  }

  private system(text: string): void {
    if (this.version.system !== 'own-turn') return
    this.enclosed('[SYSTEM_PROMPT]', text, '[/SYSTEM_PROMPT]')
  }

  private user(text: string, index: number): void {
    const { system, tools, controlTokens } = this.version
    const takesSystem =
      (system === 'first-user' && index === this.firstUser) || (system === 'last-user' && index === this.lastUser)
    const content = takesSystem && this.systemText !== '' ? `${this.systemText}\n\n${text}` : text
    if (!controlTokens) {
      this.piece(`[INST] ${content} [/INST]`)
      return
    }
    const takesTools = index === (tools === 'first-user' ? this.firstUser : this.lastUser)
    if (takesTools && this.tools.length > 0) {
      this.enclosed('[AVAILABLE_TOOLS]', pythonJsonOf(this.tools.map(toolObject)), '[/AVAILABLE_TOOLS]')
    }
    this.enclosed('[INST]', content, '[/INST]')
  }

  private assistant(turn: Extract<Turn, { role: 'assistant' }>, index: number): void {
    const forgotten = this.version.forgetsOldCalls && index < this.lastUser
    const calls = forgotten ? [] : turn.toolCalls
    if (turn.text === '' && calls.length === 0 && turn.toolCalls.length > 0) return
    const thought = this.vocabulary.thinks && turn.reasoning !== ''
    if (thought) this.enclosed('[THINK]', turn.reasoning, '[/THINK]')
    this.piece(this.version.trimsAnswers && !thought ? turn.text.replace(/ +$/u, '') : turn.text)
    if (calls.length > 0) this.calls(calls)
    if (!turn.prefix) this.out.control(this.vocabulary.endOfSequence)
  }

  private calls(calls: readonly ToolCall[]): void {
    const { calls: form } = this.version
    if (form === 'json-list' || form === 'json-list-with-ids') {
      this.out.control('[TOOL_CALLS]')
      const objects = calls.map((call) => {
        const id = form === 'json-list' ? '' : `, "id": ${JSON.stringify(nineCharacterId(call.id))}`
        return `{"name": ${JSON.stringify(call.name)}, "arguments": ${argumentsText(call)}${id}}`
      })
      this.piece(`[${objects.join(', ')}]`)
      return
    }
    for (const call of calls) {
      this.out.control('[TOOL_CALLS]')
      this.piece(call.name)
      if (form === 'named-with-ids') {
        this.out.control('[CALL_ID]')
        this.piece(nineCharacterId(call.id))
      }
      this.out.control('[ARGS]')
      this.piece(argumentsText(call))
    }
  }

  private result(turn: Extract<Turn, { role: 'tool' }>, index: number): void {
    if (this.version.forgetsOldCalls && index < this.lastUser) return
    const id = nineCharacterId(turn.toolCallId)
    // The JSON forms embed a result that is JSON as it is, any other as a string.
    const content = pythonJson(turn.text) ?? JSON.stringify(turn.text)
    this.out.control('[TOOL_RESULTS]')
    switch (this.version.results) {
      case 'json-list':
        this.piece(`[{"name": ${JSON.stringify(turn.name)}, "content": ${content}}]`)
        break
      case 'json-object':
        this.piece(`{"content": ${content}, "call_id": ${JSON.stringify(id)}}`)
        break
      case 'id-and-content':
        this.piece(id)
        this.out.control('[TOOL_CONTENT]')
        this.piece(turn.text)
        break
      case 'content':
        this.piece(turn.text)
    }
    this.out.control('[/TOOL_RESULTS]')
  }

  private enclosed(open: string, text: string, close: string): void {
    this.out.control(open)
    this.piece(text)
    this.out.control(close)
  }

  /** Text that the format encodes by itself. The tokenizer starts a text after a control token with a space; between texts it is written here. */
  private piece(text: string): void {
    if (text === '') return
    this.out.text(this.vocabulary.sentencePiece && this.out.endsWithText ? ` ${text}` : text)
  }
}

function toolObject(tool: Tool): unknown {
  const { name, description = '', parameters } = tool
  return { type: 'function', function: { name, description, parameters } }
}

/** Arguments in Python's form; what is no JSON becomes a JSON string. */
function argumentsText(call: ToolCall): string {
  return pythonJson(call.arguments) ?? JSON.stringify(call.arguments)
}
