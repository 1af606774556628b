// What was said in a call, for workspaces that keep it. Bounded: a text that is too large is not kept at all, never cut.
import type { ChatCall, CompletionCall, EmbeddingCall, ModelEvent, RankingCall, ToolCall } from '../../wire/model.ts'
import type { UsageContent, UsageRow } from './row.ts'

/** Gathers one call's content. */
export interface ContentNotes {
  note(event: ModelEvent): void
  content(): UsageContent
}

/** Characters of input, and of output, that are kept at most. */
const largestText = 1024 * 1024

/** What one choice said. */
interface ChoiceText {
  text: string
  reasoning: string
  readonly toolCalls: ToolCall[]
}

type AnyCall = Partial<Pick<ChatCall, 'messages' | 'tools'>> &
  Partial<Pick<CompletionCall, 'prompt'>> &
  Partial<Pick<EmbeddingCall, 'inputs'>> &
  Partial<Pick<RankingCall, 'query' | 'documents'>>

/** Notes for a call of that operation. */
export function noteContent(operation: UsageRow['operation'], call: object): ContentNotes {
  const { messages, prompt, inputs, query, documents } = call as AnyCall
  const input = JSON.stringify({ messages, prompt, inputs, query, documents })
  const choices: ChoiceText[] = []
  let characters = 0
  return {
    note(event) {
      if (event.type !== 'text-delta' && event.type !== 'reasoning-delta' && event.type !== 'tool-call') return
      choices[event.choice] ??= { text: '', reasoning: '', toolCalls: [] }
      const choice = choices[event.choice] as ChoiceText
      characters += event.type === 'tool-call' ? event.call.arguments.length : event.text.length
      if (characters > largestText) choices.length = 0
      else if (event.type === 'text-delta') choice.text += event.text
      else if (event.type === 'reasoning-delta') choice.reasoning += event.text
      else choice.toolCalls.push(event.call)
    },
    content: () => ({
      input: input.length > largestText ? null : input,
      output:
        operation === 'embed' || operation === 'rank' || characters > largestText ? null : JSON.stringify(choices),
    }),
  }
}
