// A small deterministic Model for tests of what stands before one: it answers with the last user's words, token by token, and keeps the whole contract.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../../src/base/errors.ts'
import type {
  CallContext,
  ChatCall,
  ChosenLogprob,
  CompletionCall,
  ContentPart,
  FinishReason,
  Model,
  ModelCard,
  ModelEvent,
  Sampling,
  TokenizeInput,
  ToolCall,
} from '../../src/wire/model.ts'

/** What a test may choose. */
export interface EchoOptions {
  readonly name?: string
  readonly aliases?: readonly string[]
  readonly contextLength?: number
  readonly streams?: number
  /** Milliseconds between two tokens; 0 yields to the event loop only. */
  readonly tokenMs?: number
  /** Awaited before each token: a test holds calls for as long as it wants. */
  readonly hold?: () => Promise<void>
  /** Text that comes as reasoning before every answer. */
  readonly reasoning?: string
  /** Fails with this after so many tokens. */
  readonly failAfter?: number
  /** sha256 of its weights, as far as an echo has any. */
  readonly digest?: string
  /** What the card says instead of "everything but vision". */
  readonly capabilities?: Partial<ModelCard['capabilities']>
}

/** The model, and what it saw. */
export interface EchoModel extends Model {
  /** Contexts of all calls, in the order in which they started. */
  readonly seen: CallContext[]
  /** Tokens generated so far, over all calls. */
  generated(): number
}

// A token is a word with the white space before it; its id is a hash, so that any text has ids.
const vocabularySize = 65_536
const words = (text: string) => text.match(/\s*\S+|\s+$/g) ?? []
const idOf = (word: string) => createHash('sha256').update(word).digest().readUInt16BE(0)

/** Makes an echo model. `max_tokens`, `stop`, `n`, `logprobs`, tools, aborts and the context length work as the contract says. */
export function createEchoModel(options: EchoOptions = {}): EchoModel {
  const contextLength = options.contextLength ?? 4096
  const streams = options.streams ?? 4
  const seen: CallContext[] = []
  const known = new Map<number, string>()
  let running = 0
  let generated = 0

  const encode = (text: string): number[] =>
    words(text).map((word) => {
      known.set(idOf(word), word)
      return idOf(word)
    })
  const card: ModelCard = {
    name: options.name ?? 'echo',
    aliases: options.aliases ?? [],
    description: null,
    ownedBy: 'galerne',
    createdAt: 1_700_000_000_000,
    contextLength,
    vocabularySize,
    defaultTemperature: null,
    capabilities: {
      chat: true,
      completion: true,
      tools: true,
      fillInTheMiddle: true,
      embeddings: true,
      ranking: true,
      vision: false,
      reasoning: options.reasoning !== undefined,
      ...options.capabilities,
    },
    embeddingLength: 8,
    digest: options.digest ?? null,
  }

  async function* speak(speech: Speech, signal: AbortSignal): AsyncGenerator<ModelEvent, void> {
    const { prompt, sampling, context } = speech
    const promptTokens = encode(prompt).length
    if (promptTokens >= contextLength) {
      throw fail('context_length_exceeded', { limit: contextLength, promptTokens, param: 'messages' })
    }
    seen.push(context)
    running += 1
    try {
      yield { type: 'started', promptTokens, cachedTokens: 0, queueMs: 0, ranOn: `${card.name}@test` }
      if (speech.promptLogprobs !== undefined) yield promptLogprobs(prompt, speech.promptLogprobs)
      let completionTokens = 0
      let reasoningTokens = 0
      for (let choice = 0; choice < (sampling.choices ?? 1); choice++) {
        for (const text of words(options.reasoning ?? '')) {
          reasoningTokens += 1
          yield { type: 'reasoning-delta', choice, text }
        }
        let said = 0
        let reason: FinishReason = 'stop'
        for (const text of cutAtStop(speech.answer, sampling.stop)) {
          if (said >= (sampling.maxTokens ?? Number.POSITIVE_INFINITY)) reason = 'length'
          else if (promptTokens + said >= contextLength) reason = 'context'
          if (reason !== 'stop') break
          await sleep(options.tokenMs ?? 0, undefined, { signal }).catch(() => signal.throwIfAborted())
          await options.hold?.()
          if (options.failAfter !== undefined && said >= options.failAfter)
            throw fail('engine_failed', { model: card.name })
          said += 1
          generated += 1
          yield { type: 'text-delta', choice, text, ...logprobsOf(text, sampling.logprobs) }
        }
        for (const [index, call] of speech.calls.entries()) yield { type: 'tool-call', choice, index, call }
        if (speech.calls.length > 0) reason = 'tool-calls'
        completionTokens += said
        yield { type: 'finish', choice, reason }
      }
      yield {
        type: 'end',
        usage: { promptTokens, cachedTokens: 0, completionTokens: completionTokens + reasoningTokens, reasoningTokens },
        timings: { queueMs: 0, prefillMs: 0, decodeMs: 0, acceptedTokens: 0 },
      }
    } finally {
      running -= 1
    }
  }

  return {
    card,
    seen,
    generated: () => generated,
    load: () => ({ streams, running, kvUse: running / streams }),
    chat: (call, signal) => speak(chatSpeech(call), signal),
    complete: (call, signal) => speak(completionSpeech(call, known), signal),
    async embed({ inputs }, signal) {
      signal.throwIfAborted()
      const tokens = inputs.map((input) => (typeof input === 'string' ? encode(input) : input))
      return { vectors: tokens.map(direction), promptTokens: tokens.flat().length }
    },
    async rank({ query, documents }, signal) {
      signal.throwIfAborted()
      const wanted = new Set(words(query).map((word) => word.trim()))
      const scores = documents.map((text) => words(text).filter((word) => wanted.has(word.trim())).length)
      return { scores, promptTokens: [query, ...documents].flatMap(encode).length }
    },
    async tokenize(input, signal) {
      signal.throwIfAborted()
      return encode(tokenizeText(input))
    },
    async detokenize(tokens) {
      return tokens.map((token) => known.get(token) ?? `<${token}>`).join('')
    },
    async tokenizer() {
      return {
        type: 'words',
        vocabularySize,
        beginOfSequence: null,
        endOfSequence: null,
        addsBeginOfSequence: false,
        chatTemplate: null,
      }
    },
  }
}

/** What will be said. */
interface Speech {
  readonly context: CallContext
  readonly prompt: string
  readonly answer: string
  readonly calls: readonly ToolCall[]
  readonly sampling: Sampling
  readonly promptLogprobs?: number
}

/** Answers with the last user's words; with tools that may be called, calls those whose name the user says, or all of a required choice. */
function chatSpeech(call: ChatCall): Speech {
  const { context, sampling, messages, toolChoice } = call
  const last = messages.at(-1)
  const asked = textOf(messages.findLast(({ role }) => role === 'user')?.content ?? [])
  const answered = last?.role === 'tool'
  const chosen = call.tools.filter(({ name }) => {
    if (toolChoice === 'none' || answered) return false
    if (typeof toolChoice === 'object') return toolChoice.name === name
    return toolChoice === 'required' || asked.includes(name)
  })
  const calls = (call.parallelToolCalls ? chosen : chosen.slice(0, 1)).map(({ name }, index) => ({
    id: createHash('sha256').update(`${name}${index}${messages.length}`).digest('hex').slice(0, 9),
    name,
    arguments: JSON.stringify({ text: asked }),
  }))
  const prefix = last?.role === 'assistant' && last.prefix === true ? textOf(last.content) : ''
  const words = answered
    ? `${textOf(last.content)}`
    : call.output.type === 'text'
      ? asked
      : JSON.stringify({ text: asked })
  return {
    context,
    sampling,
    calls,
    prompt: messages.map(({ content }) => textOf(content)).join(' '),
    answer: calls.length > 0 ? '' : prefix + words,
  }
}

function completionSpeech(call: CompletionCall, known: ReadonlyMap<number, string>): Speech {
  const { context, sampling, prompt, promptLogprobs } = call
  const text =
    prompt.type === 'text'
      ? prompt.text
      : prompt.type === 'tokens'
        ? prompt.tokens.map((token) => known.get(token) ?? `<${token}>`).join('')
        : `${prompt.prefix}${prompt.suffix}`
  const speech = { context, sampling, prompt: text, answer: text, calls: [] }
  return promptLogprobs === undefined ? speech : { ...speech, promptLogprobs }
}

function tokenizeText(input: TokenizeInput): string {
  if (input.type === 'text') return input.text
  if (input.type === 'chat') return input.call.messages.map(({ content }) => textOf(content)).join(' ')
  return `${input.prefix}${input.suffix}`
}

function textOf(content: readonly ContentPart[]): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

function cutAtStop(answer: string, stop: readonly string[] = []): string[] {
  const ends = stop.map((text) => answer.indexOf(text)).filter((index) => index >= 0)
  return words(answer.slice(0, Math.min(answer.length, ...ends)))
}

function logprobsOf(text: string, alternatives: number | undefined): { logprobs?: readonly ChosenLogprob[] } {
  return alternatives === undefined ? {} : { logprobs: [logprobOf(text, alternatives)] }
}

function logprobOf(text: string, alternatives: number): ChosenLogprob {
  const entry = { token: text, tokenId: idOf(text), logprob: -0.5, bytes: [...Buffer.from(text)] }
  return { ...entry, top: Array.from({ length: alternatives }, () => entry) }
}

/** Each token of the prompt; the first follows nothing. */
function promptLogprobs(prompt: string, alternatives: number): ModelEvent {
  const [first, ...rest] = words(prompt).map((text) => logprobOf(text, alternatives))
  const tokens = first === undefined ? [] : [{ ...first, logprob: null, top: [] }, ...rest]
  return { type: 'prompt-logprobs', tokens }
}

/** A unit vector that depends on the tokens alone. */
function direction(tokens: readonly number[]): Float32Array {
  const bytes = createHash('sha256').update(tokens.join(' ')).digest().subarray(0, 8)
  const vector = Float32Array.from(bytes, (byte) => byte - 127.5)
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
