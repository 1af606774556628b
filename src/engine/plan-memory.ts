// How many bytes a model takes with so many streams of such a length: the formulas, each with its source. Pure.

import type { KvType } from './child/context-options.ts'
import type { ModelShape } from './plan-shape.ts'

/** Every term, in bytes. */
export interface MemoryNeed {
  readonly weights: number
  readonly kv: number
  /** Recurrent state. */
  readonly state: number
  /** Intermediate results of one micro-batch. */
  readonly compute: number
  /** Logits handed to us. */
  readonly output: number
  /** Node, the libraries and the vocabulary's tables. */
  readonly overhead: number
  readonly total: number
}

/** What the memory depends on besides the model. */
export interface MemoryUse {
  readonly streams: number
  readonly contextLength: number
  readonly kvType: KvType
  readonly microBatchSize: number
  readonly outputs: number
  /** Keep all cells of sliding-window layers. */
  readonly fullWindow: boolean
}

const mebibyte = 2 ** 20

/** A child with SmolLM2 is 263 MiB resident, of which 92 are weights (measured); the rest is Node, libraries and tables. */
const overheadBytes = 150 * mebibyte

/** Bytes of one KV float: q8_0 keeps 32 of them in 34 bytes. */
const floatBytes: Readonly<Record<KvType, number>> = { f16: 2, q8_0: 34 / 32 }

/** The library rounds a stream up to this many cells. */
export const cellPadding = 256

/** Rounds a number of tokens up to whole cells. */
export function padCells(tokens: number): number {
  return Math.ceil(tokens / cellPadding) * cellPadding
}

/** Bytes that one token leaves in all layers that keep everything (windowed layers too when `windowed` is true). */
export function kvBytesPerToken(shape: ModelShape, kvType: KvType, windowed = true): number {
  const floats = shape.layers
    .filter((layer) => windowed || !layer.windowed)
    .reduce((sum, layer) => sum + layer.keyFloats + layer.valueFloats, 0)
  return floats * floatBytes[kvType]
}

/** Bytes of KV for all streams. A windowed layer keeps its window and a micro-batch, padded (llama-kv-cache-iswa.cpp). */
export function kvBytes(shape: ModelShape, use: MemoryUse): number {
  const cells = padCells(use.contextLength)
  const windowCells = use.fullWindow ? cells : Math.min(cells, padCells(shape.window + use.microBatchSize))
  const full = kvBytesPerToken(shape, use.kvType, false)
  const windowed = kvBytesPerToken(shape, use.kvType, true) - full
  return use.streams * (cells * full + windowCells * windowed)
}

/** All terms. */
export function memoryNeed(shape: ModelShape, use: MemoryUse): MemoryNeed {
  const need = {
    weights: shape.weightBytes,
    kv: kvBytes(shape, use),
    state: use.streams * shape.layers.reduce((sum, layer) => sum + layer.stateBytes, 0),
    compute: computeBytes(shape, use),
    output: Math.max(use.outputs, use.streams) * (shape.vocabulary + shape.embedding) * 4,
    overhead: overheadBytes,
  }
  return { ...need, total: Object.values(need).reduce((sum, one) => sum + one, 0) }
}

/**
 * The larger of a layer's intermediates and the output matrix's, as ggml reuses the space: with flash attention no scores are kept, but a
 * mask of context × micro-batch. Within 20 % of the log's `compute buffer size` for the two models at hand (test).
 */
function computeBytes(shape: ModelShape, use: MemoryUse): number {
  const { microBatchSize: rows, outputs } = use
  const attention = shape.heads * (shape.keyLength + shape.valueLength)
  const layer = 4 * rows * (3 * shape.embedding + Math.max(2 * shape.feedForward, attention))
  const head = 4 * (Math.min(outputs, rows) * (shape.vocabulary + shape.embedding) + rows * shape.embedding)
  const mask = (shape.causal ? 2 : 4 * shape.heads) * rows * padCells(use.contextLength)
  return Math.max(layer, head) + mask + 2 * mebibyte
}
