// How many tokens a call will be, before anybody counts them: for turns in line and for reservations, which the true count corrects. Pure.
import type { ChatCall, CompletionCall, EmbeddingCall, ModelCard, ModelEvent, RankingCall } from '../../wire/model.ts'

/** Tokens that a call without `max_tokens` is taken to generate, and the step in which its reservation grows. */
export const usualAnswer = 256

// About four characters a token. Rather too few than too many: what is missing is reserved as soon as the prompt is counted, but what is too
// much would refuse calls that there is room for.
const charactersPerToken = 4

const textLength = (text: string) => Math.ceil(text.length / charactersPerToken)
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

/** Tokens of a conversation. */
export function chatLength(call: Pick<ChatCall, 'messages'>): number {
  const parts = call.messages.flatMap((message) => message.content)
  return sum(parts.map((part) => (part.type === 'text' ? textLength(part.text) : usualAnswer)))
}

/** Tokens of a prompt to continue. */
export function promptLength({ prompt }: Pick<CompletionCall, 'prompt'>): number {
  if (prompt.type === 'tokens') return prompt.tokens.length
  if (prompt.type === 'text') return textLength(prompt.text)
  return textLength(prompt.prefix) + textLength(prompt.suffix) + sum(prompt.files.map(({ text }) => textLength(text)))
}

/** Tokens of the texts to embed. */
export function inputsLength({ inputs }: Pick<EmbeddingCall, 'inputs'>): number {
  return sum(inputs.map((input) => (typeof input === 'string' ? textLength(input) : input.length)))
}

/** Tokens of the documents to rank. */
export function documentsLength({ documents }: Pick<RankingCall, 'documents'>): number {
  return sum(documents.map(textLength))
}

/** What an answer may have at most; without `max_tokens` one step, and then it grows. */
export interface AnswerBound {
  readonly tokens: number
  readonly grows: boolean
}

/** No answer is longer than a stream, whatever `max_tokens` says. */
export function answerBound({ sampling }: ChatCall | CompletionCall, { contextLength }: ModelCard): AnswerBound {
  const choices = sampling.choices ?? 1
  const grows = sampling.maxTokens === undefined
  return { tokens: choices * Math.min(sampling.maxTokens ?? usualAnswer, contextLength), grows }
}

/** Tokens that an event stands for, rather too many: a delta may hold several, and a tool call comes whole. */
export function tokensOf(event: ModelEvent): number {
  if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
    return Math.max(1, event.logprobs?.length ?? Math.ceil(event.text.length / 3))
  }
  if (event.type === 'tool-call') return 8 + Math.ceil((event.call.name.length + event.call.arguments.length) / 3)
  return 0
}
