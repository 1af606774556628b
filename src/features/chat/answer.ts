// The pieces that streamed and whole chat answers are both made of: head, finish reasons, log-probabilities, thinking.
import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import type { ChatCompletion, ChatLogprobs } from '../../wire/chat.ts'
import type { ChosenLogprob, FinishReason, ModelEvent, TokenLogprob, ToolCall } from '../../wire/model.ts'

/** What an answer's shape depends on besides the model's events. */
export interface Answer {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly model: string
  /** Answers asked for (`n`). */
  readonly choices: number
  /** Streams only: usage in a chunk of its own at the end, and null before; else on the last chunk. */
  readonly includeUsage: boolean
  /** Reasoning as chunks of the content (Mistral's clients), else in fields beside it. */
  readonly thinkingChunks: boolean
  /** The request used `functions`: a call is answered as `function_call`. */
  readonly legacyCall: boolean
}

/** An event of type `Type`. */
export type EventOf<Type extends ModelEvent['type']> = Extract<ModelEvent, { type: Type }>

/** The fields that every object of an answer begins with; the fingerprint is known once the model has started. */
export function answerHead(answer: Pick<Answer, 'id' | 'created' | 'model'>, ranOn: string) {
  const { id, created, model } = answer
  return { id, created, model, system_fingerprint: fingerprint(ranOn) }
}

/** A stable short name of model and engine build. */
function fingerprint(ranOn: string): string {
  return `fp_${createHash('sha256').update(ranOn).digest('hex').slice(0, 10)}`
}

/** The finish reason on the wire. Streams have no `model_length` in Mistral's schema (api-surface §4). */
export function finishReason(reason: FinishReason, answer: Answer): ChatCompletion['choices'][number]['finish_reason'] {
  if (reason === 'context') return 'model_length'
  if (reason === 'tool-calls') return answer.legacyCall ? 'function_call' : 'tool_calls'
  return reason
}

/** A call with all five fields: OpenAI's stream helpers fail without `index` or `type`. */
export function toolCallObject(index: number, call: ToolCall) {
  const { id, name } = call
  return { index, id, type: 'function' as const, function: { name, arguments: call.arguments } }
}

/** Reasoning as Mistral's content chunk. */
export function thinkingChunk(text: string, closed?: boolean) {
  const thinking = [{ type: 'text' as const, text }]
  return { type: 'thinking' as const, thinking, ...(closed !== undefined && { closed }) }
}

/** Log-probabilities in OpenAI's shape, with Mistral's `token_id`. */
export function logprobsObject(tokens: readonly ChosenLogprob[] | undefined): Static<typeof ChatLogprobs> | null {
  if (tokens === undefined) return null
  const content = tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) }))
  return { content, refusal: null }
}

// JSON has no -Infinity; OpenAI sends -9999 for a token that cannot come.
const impossible = -9999

function entry({ token, tokenId, logprob, bytes }: TokenLogprob) {
  return { token, token_id: tokenId, logprob: Math.max(logprob, impossible), bytes: [...bytes] }
}
