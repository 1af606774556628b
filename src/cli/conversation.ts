// One conversation with a model over the streaming chat endpoint: keeps the turns and measures the answers. Knows no terminal.
import { createParser } from 'eventsource-parser'
import type { Clock } from '../base/clock.ts'
import type { Connection } from './connection.ts'

/** A turn as the API takes it. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A finished or stopped answer. */
export interface Answer {
  readonly text: string
  /** What the model thought before; empty for one that does not say. */
  readonly reasoning: string
  readonly finishReason: string | null
  readonly promptTokens: number | null
  readonly cachedTokens: number | null
  readonly completionTokens: number | null
  /** Seconds from sending to the first text. */
  readonly firstTokenSeconds: number | null
  /** Tokens of the answer after the first one, over the time they took. */
  readonly tokensPerSecond: number | null
}

/** How answers are asked for. */
export interface AnswerOptions {
  readonly model: string
  readonly temperature?: number
  readonly maxTokens?: number
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens?: number
    readonly completion_tokens?: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null
  } | null
  readonly error?: { readonly message?: string }
}

/** Takes the answer as it comes; `thought` is what the model says to itself. */
export type OnText = (text: string, thought: boolean) => void

/**
 * Asks for the next turn and hands its text to `onText` as it arrives. An abort ends the answer: what came so far is returned with
 * `finishReason` null. Throws the server's message for an error answer or an error frame inside the stream.
 */
export async function askModel(
  connection: Connection,
  turns: readonly Turn[],
  options: AnswerOptions,
  clock: Clock,
  signal: AbortSignal,
  onText: OnText,
): Promise<Answer> {
  const body = JSON.stringify({
    model: options.model,
    messages: turns,
    stream: true,
    stream_options: { include_usage: true },
    ...(options.temperature !== undefined && { temperature: options.temperature }),
    ...(options.maxTokens !== undefined && { max_tokens: options.maxTokens }),
  })
  const sentAt = clock.elapsed()
  const seen = { text: '', reasoning: '', finishReason: null as string | null, usage: undefined as Chunk['usage'] }
  let firstAt: number | undefined
  let lastAt = sentAt
  try {
    const answer = await connection.send('/v1/chat/completions', { method: 'POST', body, signal })
    for await (const chunk of readChunks(answer.body)) {
      if (chunk.error !== undefined)
        throw new Error(chunk.error.message ?? 'The server ended the answer with an error.')
      const choice = chunk.choices?.[0]
      const { content, reasoning_content: thought } = choice?.delta ?? {}
      if (content || thought) {
        lastAt = clock.elapsed()
        firstAt ??= lastAt
      }
      if (thought) {
        seen.reasoning += thought
        onText(thought, true)
      }
      if (content) {
        seen.text += content
        onText(content, false)
      }
      seen.finishReason = choice?.finish_reason ?? seen.finishReason
      seen.usage = chunk.usage ?? seen.usage
    }
  } catch (error) {
    if (!signal.aborted) throw error
    seen.finishReason = null
  }
  const completionTokens = seen.usage?.completion_tokens ?? null
  const seconds = firstAt === undefined ? 0 : (lastAt - firstAt) / 1000
  return {
    text: seen.text,
    reasoning: seen.reasoning,
    finishReason: seen.finishReason,
    promptTokens: seen.usage?.prompt_tokens ?? null,
    cachedTokens: seen.usage?.prompt_tokens_details?.cached_tokens ?? null,
    completionTokens,
    firstTokenSeconds: firstAt === undefined ? null : (firstAt - sentAt) / 1000,
    tokensPerSecond:
      completionTokens !== null && completionTokens > 1 && seconds > 0 ? (completionTokens - 1) / seconds : null,
  }
}

async function* readChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Chunk> {
  const events: string[] = []
  const parser = createParser({ onEvent: (event) => events.push(event.data) })
  const decoder = new TextDecoder()
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }))
    for (const data of events.splice(0)) {
      if (data === '[DONE]') return
      yield JSON.parse(data) as Chunk
    }
  }
}
