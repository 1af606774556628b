// What the server and an engine process say to each other: the types of both directions. Everything here survives structured cloning.

import type { FailureCode, FailureFields } from '../base/errors.ts'
import type {
  ChatCall,
  CompletionCall,
  EmbeddingCall,
  ModelCard,
  ModelEvent,
  RankingCall,
  TokenizeInput,
} from '../wire/model.ts'
import type { ContextOptions } from './child/context-options.ts'
import type { Offload } from './plan-devices.ts'

/** How token vectors become one embedding; `rank`: the model has a classifier head that scores a pair of texts. */
export type Pooling = 'none' | 'mean' | 'cls' | 'last' | 'rank'

/** All that a child needs to load its model. */
export interface EngineSettings {
  readonly name: string
  readonly aliases: readonly string[]
  readonly path: string
  readonly digest: string | null
  /** What the file's header says, for the model card: `Q4_K_M`. */
  readonly quantisation: string
  /** Milliseconds since 1970, for the model card. */
  readonly createdAt: number
  /** Streams, lengths, threads and types, as planned. */
  readonly context: Omit<ContextOptions, 'pooling' | 'embeddings'>
  /** Absent: what the file says. */
  readonly pooling?: Pooling
  /** Which layers lie on GPUs; absent: as many as there are, as the library does it. */
  readonly offload?: Offload
  /** Host memory for the KV of streams that had to make room, bytes. */
  readonly spillBytes: number
  /** Files for the same, and for after a restart; absent: none. */
  readonly prefixDisk?: PrefixDisk | undefined
}

/** Where displaced KV is kept in files. They hold prompts in clear. */
export interface PrefixDisk {
  readonly folder: string
  /** All files together. */
  readonly bytes: number
  /** Age at which a file is deleted, milliseconds. */
  readonly keepMs: number
}

/** One request to a child. */
export type EngineRequest =
  | { readonly type: 'chat'; readonly call: ChatCall; readonly adapters: readonly RequestAdapter[] }
  | { readonly type: 'complete'; readonly call: CompletionCall; readonly adapters: readonly RequestAdapter[] }
  | { readonly type: 'embed'; readonly call: EmbeddingCall }
  | { readonly type: 'rank'; readonly call: RankingCall }
  | { readonly type: 'tokenize'; readonly input: TokenizeInput }
  | { readonly type: 'detokenize'; readonly tokens: readonly number[] }
  | { readonly type: 'tokenizer' }
  /** Loads adapters ahead of the first request for them: `true`, or why they cannot be. */
  | { readonly type: 'adapters'; readonly adapters: readonly RequestAdapter[] }

/** A LoRA adapter: where it lies, what it is, and how strongly it applies. */
export interface RequestAdapter {
  readonly path: string
  /** sha256 of the file. */
  readonly digest: string
  readonly scale: number
}

/** Server → child. Ids are chosen by the server and never used twice in one child. */
export type ToEngine =
  | { readonly type: 'load'; readonly settings: EngineSettings }
  /** Say `ready` with the model's card, from its metadata and vocabulary alone; nothing else follows. */
  | { readonly type: 'describe'; readonly settings: EngineSettings }
  | { readonly type: 'request'; readonly id: number; readonly request: EngineRequest }
  | { readonly type: 'cancel'; readonly id: number }
  /** The reader is behind: decode nothing more of this request until `resume`. */
  | { readonly type: 'pause'; readonly id: number }
  | { readonly type: 'resume'; readonly id: number }
  /** Say `remembered` with what the streams know, within `limit` bytes. Nothing is at work. */
  | { readonly type: 'remember'; readonly limit: number }
  /** What an earlier child of the same model and plan remembered. */
  | { readonly type: 'recall'; readonly lines: readonly SpilledLine[] }
  /** Compute on at most so many threads from the next step on: other models are loaded, or gone. */
  | { readonly type: 'threads'; readonly count: number }
  | { readonly type: 'stop' }

/** What a stream held, outside the engine: its tokens and their KV. */
export interface SpilledLine {
  readonly scope: string
  readonly tokens: readonly number[]
  readonly state: Uint8Array
}

/** A failure as it crosses: `Failure.toJSON`, read back by `reviveFailure`. */
export interface EngineFailure {
  readonly code: FailureCode
  readonly fields: FailureFields
}

/** News of one request. `closed` comes once, last, when its streams are free again. */
export interface Delivery {
  readonly id: number
  readonly events?: readonly ModelEvent[]
  /** What a request without a stream of events resolves to. */
  readonly result?: unknown
  readonly failure?: EngineFailure
  readonly closed?: boolean
}

/** Counts since the child started, and what is so now. For `load()` and `/metrics`. */
export interface EngineLoad {
  /** Sequences that hold a stream. */
  readonly running: number
  /** Sequences admitted that wait for a stream. */
  readonly waiting: number
  /** Fraction of KV cells in use, 0–1. */
  readonly kvUse: number
  readonly spilledBytes: number
  readonly steps: number
  /** Computed; those from the prefix cache come on top. */
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly acceptedTokens: number
  /** Steps that were given up: for a live call that came, or because nobody waited for them any more. */
  readonly stopped: number
  readonly displaced: number
  /** Threads that the next step may compute on. */
  readonly threads: number
}

/** What a loaded model takes, bytes: buffers as the library logged them, and the process as the system sees it. */
export interface EngineMemory {
  readonly weights: number
  /** Weights that the library keeps a second time, arranged for this processor; the first copy's pages may go. */
  readonly repacked: number
  readonly kv: number
  readonly state: number
  readonly compute: number
  /** At the start: it grows with the outputs that a batch asks for. */
  readonly output: number
  readonly resident: number
}

/** Child → server. All news of one step travels in one `news` message. */
export type FromEngine =
  | { readonly type: 'loading'; readonly fraction: number }
  | { readonly type: 'ready'; readonly card: ModelCard; readonly engine: string; readonly memory?: EngineMemory }
  | { readonly type: 'load-failed'; readonly failure: EngineFailure }
  | { readonly type: 'news'; readonly deliveries: readonly Delivery[]; readonly load: EngineLoad }
  | { readonly type: 'remembered'; readonly lines: readonly SpilledLine[] }
  /** Once a second, so that a child that hangs is noticed. */
  | { readonly type: 'pulse'; readonly load: EngineLoad }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly line: string }

/** The load of a child that has not spoken yet. */
export const idleLoad: EngineLoad = {
  running: 0,
  waiting: 0,
  kvUse: 0,
  spilledBytes: 0,
  steps: 0,
  promptTokens: 0,
  cachedTokens: 0,
  generatedTokens: 0,
  acceptedTokens: 0,
  stopped: 0,
  displaced: 0,
  threads: 0,
}
