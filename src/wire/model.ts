// The one contract: local models and upstreams keep it, and what wraps a Model is a Model. Types only; everything here can cross a process boundary.
import type { LimitState } from './limits.ts'

/** Facts about a call that are not the prompt: who asks, in which class, and until when. */
export interface CallContext {
  /** The request id that the answer's `x-request-id` carries. */
  readonly requestId: string
  /** Id of this one call of a model, where whoever reserved for it has given one: a request may make several calls. */
  readonly callId?: string
  readonly workspace: string
  /** Id of the key, never its value. */
  readonly key: string
  /** Id of the key whose limits, budgets and spend the call counts under; absent: its own. */
  readonly payer?: string
  /** Id of the person who holds the key. */
  readonly user?: string
  /** Whom the client calls on behalf of, in its own words (`safety_identifier`, `user`). */
  readonly endUser?: string
  /** Batch work gives way to interactive work within one step. */
  readonly class: 'interactive' | 'batch'
  /** Prefixes are shared inside one scope only: the workspace, narrowed by a caller's `prompt_cache_key` when it asks for isolation. */
  readonly cacheScope: string
  /** LoRA adapters over the model's weights; prefixes are never shared across adapters. */
  readonly adapters?: readonly AdapterUse[]
  /** Milliseconds since 1970 after which nobody waits for the answer. */
  readonly deadline?: number
  /** W3C trace context. */
  readonly traceparent?: string
  /** Whether the request asks that what is said is kept, or is not; absent: as its workspace has it. */
  readonly keepContent?: boolean
  /** What the client calls this by, for whoever looks at its trace. */
  readonly labels?: CallLabels
}

/** One LoRA adapter in a call. */
export interface AdapterUse {
  readonly name: string
  /** How strongly it applies: 1 as it was trained, 0 not at all. */
  readonly scale: number
}

/** A client's own words about a call. */
export interface CallLabels {
  /** Calls of one conversation have the same. */
  readonly session?: string
  readonly tags?: readonly string[]
  readonly metadata?: Readonly<Record<string, string>>
  /** The stored prompt that its system message was made of. */
  readonly prompt?: { readonly name: string; readonly version: number }
}

/** How tokens are chosen. Absent means the model's default. Ranges are checked at the edge. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  /** llama.cpp's and vLLM's `repetition_penalty`; 1 is off. */
  readonly repetitionPenalty?: number
  readonly seed?: number
  /** Token id → added to its logit, −100…100. */
  readonly logitBias?: Readonly<Record<string, number>>
  /** Tokens to generate at most; absent: until the context is full. 0 generates nothing (prompt logprobs, cache warming). */
  readonly maxTokens?: number
  /** The end-of-generation tokens are forbidden before this many tokens. */
  readonly minTokens?: number
  /** Strings that end the answer and are not part of it. */
  readonly stop?: readonly string[]
  /** Answers to generate for one prompt (`n`); absent is 1. Choice i is sampled with seed + i. */
  readonly choices?: number
  /** Log-probabilities of chosen tokens with this many alternatives each (0 is allowed); absent: none. From the full vocabulary, before samplers. */
  readonly logprobs?: number
}

/** A piece of a message's content. A model that cannot take a kind of part refuses it; nothing is dropped. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly url: string; readonly detail?: string }
  | { readonly type: 'audio'; readonly data: string; readonly format?: string }
  | { readonly type: 'document'; readonly url: string }

/** A finished call of a function. */
export interface ToolCall {
  /** As the client knows it. Templates that need nine characters get a stable rewrite. */
  readonly id: string
  readonly name: string
  /** JSON text of an object. */
  readonly arguments: string
}

/** One turn, in the canonical form that every door's vocabulary is prepared into. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly content: readonly ContentPart[] }
  | {
      readonly role: 'assistant'
      readonly content: readonly ContentPart[]
      readonly reasoning?: string
      readonly toolCalls: readonly ToolCall[]
      /** Only on the last message: the answer continues this text and includes it (Mistral's `prefix`). */
      readonly prefix?: boolean
    }
  | {
      readonly role: 'tool'
      readonly content: readonly ContentPart[]
      readonly toolCallId: string
      readonly name?: string
    }

/** A function the model may call. `parameters` is a JSON Schema of an object. */
export interface Tool {
  readonly name: string
  readonly description?: string
  readonly parameters: JsonSchema
  readonly strict: boolean
}

/** A JSON Schema as the caller sent it: hostile input until compiled under limits. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** What the answer's text must be. */
export type OutputRule =
  | { readonly type: 'text' }
  | { readonly type: 'json-object' }
  | { readonly type: 'json-schema'; readonly name: string; readonly schema: JsonSchema; readonly strict: boolean }

/** A conversation to answer. */
export interface ChatCall {
  readonly context: CallContext
  readonly messages: readonly Message[]
  readonly sampling: Sampling
  readonly output: OutputRule
  readonly tools: readonly Tool[]
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string }
  readonly parallelToolCalls: boolean
  readonly reasoningEffort?: string
}

/** What to continue: text, token ids, or a hole between two texts. */
export type CompletionPrompt =
  /** With `parseSpecial` a control token that the text spells is that token, for callers who fill in a template themselves. */
  | { readonly type: 'text'; readonly text: string; readonly parseSpecial?: boolean }
  | { readonly type: 'tokens'; readonly tokens: readonly number[] }
  | {
      readonly type: 'fill-in-the-middle'
      readonly prefix: string
      readonly suffix: string
      /** Other files for context (`/infill`'s `input_extra`). */
      readonly files: readonly { readonly name: string; readonly text: string }[]
    }

/** A prompt to continue. */
export interface CompletionCall {
  readonly context: CallContext
  readonly prompt: CompletionPrompt
  readonly sampling: Sampling
  readonly output: OutputRule
  /** Log-probabilities of the prompt's own tokens with this many alternatives; absent: none. */
  readonly promptLogprobs?: number
}

/** A token and how likely it was. */
export interface TokenLogprob {
  /** The token's text; U+FFFD where its bytes are not UTF-8 by themselves. */
  readonly token: string
  readonly tokenId: number
  /** Natural logarithm of the probability. */
  readonly logprob: number
  readonly bytes: readonly number[]
}

/** A chosen token with its most likely alternatives, best first. */
export interface ChosenLogprob extends TokenLogprob {
  readonly top: readonly TokenLogprob[]
}

/** Why a choice ended. `context` is Mistral's `model_length`: the stream is full. */
export type FinishReason = 'stop' | 'length' | 'context' | 'tool-calls'

/** Tokens counted for money: prompt once per call, completion over all choices. */
export interface Usage {
  readonly promptTokens: number
  /** Of the prompt, how many came from the prefix cache. */
  readonly cachedTokens: number
  readonly completionTokens: number
  /** Of the completion, how many were reasoning. */
  readonly reasoningTokens: number
}

/** Where the time went, milliseconds. */
export interface Timings {
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
  /** Of completion tokens, how many were guessed right by speculation. */
  readonly acceptedTokens: number
  /** Sequences in a step of the engine, this call's own among them, on average over its steps; absent where nobody knows. */
  readonly batchSize?: number
}

/** What a call yields, in order: `started` first, `end` last. A refusal before `started` is thrown and becomes a real 4xx. */
export type ModelEvent =
  | {
      readonly type: 'started'
      readonly promptTokens: number
      readonly cachedTokens: number
      readonly queueMs: number
      /** Of that, how long it waited for the model to be loaded; absent: not at all. */
      readonly loadMs?: number
      /** `model@sha256:…@engine-build` (the first digits of the weights' digest, where known) or the upstream's name. */
      readonly ranOn: string
      /** What the choices are drawn with: the call's own or, where it sent none, the engine's; absent where nobody knows. */
      readonly seed?: number
      /** How the caller's limits stand; only what the registry hands out says it. */
      readonly limits?: LimitState
    }
  | {
      readonly type: 'prompt-logprobs'
      readonly tokens: readonly (ChosenLogprob | (Omit<ChosenLogprob, 'logprob'> & { readonly logprob: null }))[]
    }
  | {
      readonly type: 'text-delta'
      readonly choice: number
      readonly text: string
      readonly logprobs?: readonly ChosenLogprob[]
    }
  | {
      readonly type: 'reasoning-delta'
      readonly choice: number
      readonly text: string
      readonly logprobs?: readonly ChosenLogprob[]
    }
  | {
      readonly type: 'tool-call'
      readonly choice: number
      readonly index: number
      readonly call: ToolCall
      /** The answer was cut inside this call: its arguments are what came of them. */
      readonly unfinished?: true
    }
  | { readonly type: 'finish'; readonly choice: number; readonly reason: FinishReason }
  | { readonly type: 'end'; readonly usage: Usage; readonly timings: Timings }

/** Texts (or token ids) to turn into vectors. */
export interface EmbeddingCall {
  readonly context: CallContext
  readonly inputs: readonly (string | readonly number[])[]
}

/** One unit-length vector per input, in order. */
export interface EmbeddingResult {
  readonly vectors: readonly Float32Array[]
  readonly promptTokens: number
  /** As on `started`; bare models may leave them out. */
  readonly queueMs?: number
  readonly loadMs?: number
  readonly limits?: LimitState
}

/** Documents to order by relevance to a query. */
export interface RankingCall {
  readonly context: CallContext
  readonly query: string
  readonly documents: readonly string[]
}

/** One score per document, in the order given; higher is more relevant. */
export interface RankingResult {
  readonly scores: readonly number[]
  readonly promptTokens: number
  /** As on `started`; bare models may leave them out. */
  readonly queueMs?: number
  readonly loadMs?: number
  readonly limits?: LimitState
}

/** Text or a conversation to count; a conversation is rendered by the model's template first. */
export type TokenizeInput =
  | { readonly type: 'text'; readonly text: string; readonly addSpecial: boolean; readonly parseSpecial: boolean }
  | { readonly type: 'chat'; readonly call: Omit<ChatCall, 'context'> }
  | { readonly type: 'fill-in-the-middle'; readonly prefix: string; readonly suffix: string }

/** What a model can do and is, for `/v1/models` and for routing. Constant while it is served. */
export interface ModelCard {
  /** The name that clients send. */
  readonly name: string
  readonly aliases: readonly string[]
  readonly description: string | null
  readonly ownedBy: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Tokens that one request may hold, prompt and answer together. */
  readonly contextLength: number
  readonly vocabularySize: number
  readonly defaultTemperature: number | null
  readonly capabilities: {
    readonly chat: boolean
    readonly completion: boolean
    readonly tools: boolean
    readonly fillInTheMiddle: boolean
    readonly embeddings: boolean
    readonly ranking: boolean
    readonly vision: boolean
    readonly reasoning: boolean
  }
  /** Embedding width, when there is one. */
  readonly embeddingLength: number | null
  /** sha256 of the weights, when known. */
  readonly digest: string | null
  /** How the weights are stored, in llama.cpp's words: `Q4_K_M`, `F16`; absent where nobody knows. */
  readonly quantisation?: string
  /** Names of the LoRA adapters that calls may use; they come and go while the model is served. */
  readonly adapters?: readonly string[]
  /** The model whose weights these are, where this is one with adapters. */
  readonly parent?: string
}

/** How busy a model is: for the waiting line and for `/metrics`. */
export interface ModelLoad {
  /** Parallel sequences it can hold. */
  readonly streams: number
  readonly running: number
  /** Fraction of KV cells in use, 0–1. */
  readonly kvUse: number
  /** How far its loading is, 0–1; absent while it is loaded. A call to it waits for that. */
  readonly loading?: number
}

/** A model to call. Cancelling the signal (or leaving the iteration) ends the work within one step. */
export interface Model {
  readonly card: ModelCard
  load(): ModelLoad
  chat(call: ChatCall, signal: AbortSignal): AsyncIterable<ModelEvent>
  complete(call: CompletionCall, signal: AbortSignal): AsyncIterable<ModelEvent>
  embed(call: EmbeddingCall, signal: AbortSignal): Promise<EmbeddingResult>
  rank(call: RankingCall, signal: AbortSignal): Promise<RankingResult>
  tokenize(input: TokenizeInput, signal: AbortSignal): Promise<readonly number[]>
  /** Token ids to text; special tokens are written out. */
  detokenize(tokens: readonly number[], signal: AbortSignal): Promise<string>
  /** Text of each token id, for `/tokenizer_info` and token strings. */
  tokenizer(): Promise<TokenizerInfo>
}

/** What a client needs to know of the tokenizer. */
export interface TokenizerInfo {
  readonly type: string
  readonly vocabularySize: number
  readonly beginOfSequence: number | null
  readonly endOfSequence: number | null
  readonly addsBeginOfSequence: boolean
  readonly chatTemplate: string | null
}
