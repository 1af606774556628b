// What a context is made with, in our words, and its translation to llama_context_params.

import type { StructValue } from './layout.ts'

/** Type of the KV cells: q8_0 takes 53 % of f16's memory. */
export type KvType = 'f16' | 'q8_0'

/** How token outputs of a text become one vector. `none` leaves it to `embed.ts`; `rank` gives a classifier's score. */
export type NativePooling = 'none' | 'mean' | 'cls' | 'last' | 'rank'

/** Everything a plan decides about a context. */
export interface ContextOptions {
  /** Parallel sequences. */
  readonly streams: number
  /** Tokens each stream holds; a multiple of 256 (the library rounds up). */
  readonly contextLength: number
  /** Tokens one decode may take. */
  readonly batchSize: number
  /** Tokens computed at a time; the compute buffer grows with it. */
  readonly microBatchSize: number
  /** Outputs one decode may give, at least `streams`: the compute buffer holds a row of logits for each. */
  readonly outputs: number
  readonly threads: number
  readonly kvType: KvType
  /** `split`: each stream has its own cells. `unified`: one pool, where every token attends over everybody's cells. */
  readonly layout: 'split' | 'unified'
  readonly flashAttention: 'auto' | 'on' | 'off'
  /** Keep all cells of sliding-window layers, so that any prefix can be reused, at the cost of memory. */
  readonly fullWindow?: boolean
  readonly pooling?: NativePooling
  /** Start with hidden states on. */
  readonly embeddings?: boolean
}

const ggmlTypes = { f16: 1, q8_0: 8 } as const
const poolings = { none: 0, mean: 1, cls: 2, last: 3, rank: 4 } as const
const flashAttention = { auto: -1, off: 0, on: 1 } as const

/** Fills llama.cpp's defaults with the options. Refuses what would end the process. */
export function toParams(defaults: StructValue, options: ContextOptions): StructValue {
  const { streams, outputs, batchSize, microBatchSize } = options
  if (streams < 1 || streams > 256) throw new RangeError(`A context has 1 to 256 streams, not ${streams}.`)
  if (outputs < streams) throw new RangeError(`A context of ${streams} streams needs at least as many outputs.`)
  if (microBatchSize < 1 || batchSize < microBatchSize)
    throw new RangeError('A batch is no smaller than its micro-batch.')
  const cells = Math.ceil(options.contextLength / 256) * 256
  return {
    ...defaults,
    // Both layouts get the same total, so a unified pool can hold every stream full.
    n_ctx: cells * streams,
    n_batch: batchSize,
    n_ubatch: microBatchSize,
    n_seq_max: streams,
    n_outputs_max: outputs,
    n_outputs_max_per_seq: outputs,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    pooling_type: poolings[options.pooling ?? 'none'],
    flash_attn_type: flashAttention[options.flashAttention],
    type_k: ggmlTypes[options.kvType],
    type_v: ggmlTypes[options.kvType],
    embeddings: options.embeddings ?? false,
    swa_full: options.fullWindow ?? false,
    kv_unified: options.layout === 'unified',
  }
}
