// Asks a model for an answer and tells of it as it comes, with the times that a person waits. Knows the chat API, nothing of the page.
import type { Static } from 'typebox'
import type { ChatChunk } from '../../../../src/wire/chat.ts'
import { send } from '../../server/client.ts'
import { readEvents } from '../../server/events.ts'

/** A written token, how likely it was, and what else there was to say. */
export interface Likelihood {
  readonly token: string
  readonly logprob: number
  readonly others: readonly { readonly token: string; readonly logprob: number }[]
}

/** A tool that the model wants called. */
export interface WantedCall {
  readonly id: string
  readonly name: string
  /** JSON text. */
  readonly arguments: string
}

/** An answer, as far as it has come. */
export interface Answer {
  /** Of the request that it answers. */
  readonly id: string | undefined
  /** The model that answered: where an alias was asked, the one that it led to. */
  readonly model: string | undefined
  readonly state: 'waiting' | 'writing' | 'done' | 'stopped' | 'failed'
  readonly text: string
  readonly reasoning: string
  readonly likelihoods: readonly Likelihood[]
  readonly calls: readonly WantedCall[]
  readonly finish: string | undefined
  /** From sending to the first output, in milliseconds. */
  readonly firstTokenMs: number | undefined
  readonly totalMs: number | undefined
  readonly promptTokens: number | undefined
  readonly cachedTokens: number | undefined
  readonly completionTokens: number | undefined
  readonly queueMs: number | undefined
  readonly error: unknown
}

/** An answer of which nothing has come. */
export const noAnswer: Answer = {
  id: undefined,
  model: undefined,
  state: 'waiting',
  text: '',
  reasoning: '',
  likelihoods: [],
  calls: [],
  finish: undefined,
  firstTokenMs: undefined,
  totalMs: undefined,
  promptTokens: undefined,
  cachedTokens: undefined,
  completionTokens: undefined,
  queueMs: undefined,
  error: undefined,
}

type Chunk = Static<typeof ChatChunk> & { readonly error?: { readonly message: string } }

/** Streams an answer; `tell` is called with each state of it, the last one included. Never throws: a failure is a state. */
export async function streamAnswer(
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  tell: (answer: Answer) => void,
): Promise<void> {
  const since = performance.now()
  const passed = () => performance.now() - since
  let answer = noAnswer
  const change = (changes: Partial<Answer>) => {
    answer = { ...answer, ...changes }
    tell(answer)
  }
  try {
    const streamed = { ...body, stream: true, stream_options: { include_usage: true } }
    const response = await send('/v1/chat/completions', { body: streamed, signal })
    const queued = Number(response.headers.get('galerne-queue-wait-ms') ?? Number.NaN)
    if (Number.isFinite(queued)) change({ queueMs: queued })
    for await (const data of readEvents(response)) {
      const chunk = JSON.parse(data) as Chunk
      if (chunk.error !== undefined) throw new Error(chunk.error.message)
      change({
        ...added(answer, chunk),
        firstTokenMs: answer.firstTokenMs ?? (saysSomething(chunk) ? passed() : undefined),
      })
    }
    // An answer that breaks off is not one that is complete. (What `fetch` throws where no answer comes.)
    if (answer.finish === undefined) throw new TypeError('the answer broke off')
    change({ state: 'done', totalMs: passed() })
  } catch (error) {
    if (signal.aborted) change({ state: 'stopped', totalMs: passed() })
    else change({ state: 'failed', totalMs: passed(), error })
  }
}

function saysSomething(chunk: Chunk): boolean {
  const delta = chunk.choices[0]?.delta as Readonly<Record<string, unknown>> | undefined
  return Boolean(delta?.['content'] || delta?.['reasoning_content'] || delta?.['tool_calls'])
}

function added(answer: Answer, chunk: Chunk): Partial<Answer> {
  const choice = chunk.choices[0]
  const delta = (choice?.delta ?? {}) as {
    readonly content?: string | null
    readonly reasoning_content?: string | null
    readonly tool_calls?: readonly {
      readonly id: string
      readonly function: { readonly name: string; readonly arguments: string }
    }[]
  }
  const usage = chunk.usage ?? undefined
  return {
    id: chunk.id,
    model: chunk.model,
    ...(saysSomething(chunk) && { state: 'writing' as const }),
    text: answer.text + (delta.content ?? ''),
    reasoning: answer.reasoning + (delta.reasoning_content ?? ''),
    ...(choice?.finish_reason != null && { finish: choice.finish_reason }),
    ...(delta.tool_calls !== undefined && {
      calls: [...answer.calls, ...delta.tool_calls.map(({ id, function: called }) => ({ id, ...called }))],
    }),
    ...(choice?.logprobs?.content != null && {
      likelihoods: [
        ...answer.likelihoods,
        ...choice.logprobs.content.map(({ token, logprob, top_logprobs: others }) => ({ token, logprob, others })),
      ],
    }),
    ...(usage !== undefined && {
      promptTokens: usage.prompt_tokens,
      completionTokens: usage.completion_tokens,
      cachedTokens: usage.prompt_tokens_details?.cached_tokens,
    }),
  }
}

/** Milliseconds in which a browser may take several pieces of an answer for one. */
const shortest = 50

/** Tokens a second while the answer was written; undefined where nothing can be said. */
export function speedOf({ completionTokens, totalMs, firstTokenMs }: Answer): number | undefined {
  if (completionTokens === undefined || totalMs === undefined || firstTokenMs === undefined) return undefined
  if (completionTokens < 2) return undefined
  // The first token ended the wait; the others were written in the time after it. Where all came together, that time says nothing.
  const writing = totalMs - firstTokenMs
  return writing < shortest ? (completionTokens / totalMs) * 1000 : ((completionTokens - 1) / writing) * 1000
}
