// How many bytes a model takes with so many streams of such a length: the formulas, each with its source. Pure.

import type { KvType } from './child/context-options.ts'
import type { Correction, ModelShape } from './plan-shape.ts'

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
  /** LoRA adapters, all that calls may name: any may be at work. */
  readonly adapters: number
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
  /** `unified`: every stream attends over the cells of all. Split without it. */
  readonly layout?: 'split' | 'unified'
}

const mebibyte = 2 ** 20

/** Part of the free memory that a plan leaves for everything else. */
export const margin = 0.1

/** A child with SmolLM2 is 263 MiB resident, of which 92 are weights (measured); the rest is Node, libraries and tables. */
export const overheadBytes = 150 * mebibyte

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

/**
 * Cells of all streams together, of layers that keep everything and of windowed ones. The latter keep a window for each sequence and a
 * micro-batch, padded (llama-kv-cache-iswa.cpp): in a split cache that is so in each stream.
 */
function cellsOf(shape: ModelShape, use: MemoryUse): { readonly full: number; readonly windowed: number } {
  const stream = padCells(use.contextLength)
  const full = stream * use.streams
  if (use.fullWindow) return { full, windowed: full }
  const unified = padCells(shape.window * use.streams + use.microBatchSize)
  const split = use.streams * Math.min(stream, padCells(shape.window + use.microBatchSize))
  return { full, windowed: use.layout === 'unified' ? Math.min(full, unified) : split }
}

/** Bytes of KV for all streams. */
export function kvBytes(shape: ModelShape, use: MemoryUse): number {
  const cells = cellsOf(shape, use)
  const full = kvBytesPerToken(shape, use.kvType, false)
  const windowed = kvBytesPerToken(shape, use.kvType, true) - full
  return cells.full * full + cells.windowed * windowed
}

/** Bytes of KV and recurrent state that each layer keeps for all streams. */
export function keptBytesPerLayer(shape: ModelShape, use: MemoryUse): readonly number[] {
  const cells = cellsOf(shape, use)
  return shape.layers.map(
    ({ keyFloats, valueFloats, windowed, stateBytes }) =>
      (windowed ? cells.windowed : cells.full) * (keyFloats + valueFloats) * floatBytes[use.kvType] +
      use.streams * stateBytes,
  )
}

/** All terms. */
export function memoryNeed(shape: ModelShape, use: MemoryUse): MemoryNeed {
  const need = {
    weights: shape.weightBytes,
    kv: kvBytes(shape, use),
    state: use.streams * shape.layers.reduce((sum, layer) => sum + layer.stateBytes, 0),
    compute: computeBytes(shape, use),
    output: Math.max(use.outputs, use.streams) * (shape.vocabulary + shape.embedding) * 4,
    adapters: shape.adapterBytes ?? 0,
    overhead: overheadBytes,
  }
  return corrected(need, shape.correction)
}

/** The plan's terms as a load taught them. */
export function corrected(need: Omit<MemoryNeed, 'total'>, correction: Correction | undefined): MemoryNeed {
  const terms =
    correction === undefined
      ? need
      : {
          weights: need.weights,
          kv: need.kv * correction.kv,
          state: need.state * correction.state,
          compute: need.compute * correction.compute,
          output: need.output,
          adapters: need.adapters,
          overhead: correction.overheadBytes,
        }
  const { weights, kv, state, compute, output, adapters, overhead } = terms
  const total = weights + kv + state + compute + output + adapters + overhead
  return { weights, kv, state, compute, output, adapters, overhead, total }
}

/** The same with other adapters. */
export function withAdapterBytes(need: MemoryNeed, adapters: number): MemoryNeed {
  return { ...need, adapters, total: need.total - need.adapters + adapters }
}

/**
 * The larger of the widest layer's intermediates and of the output matrix's, as ggml's allocator reuses the space. With flash attention no
 * scores are kept, but a mask of half floats over cells × micro-batch. It equals the log's `compute buffer size` (test).
 */
export function computeBytes(
  shape: ModelShape,
  use: MemoryUse,
  holds: { readonly head: boolean } = { head: true },
): number {
  // A split cache gives every stream equally many rows.
  const rows = use.layout === 'unified' ? use.microBatchSize : Math.ceil(use.microBatchSize / use.streams) * use.streams
  const passed = shape.layers.reduce((most, one) => Math.max(most, one.stateBytes + one.convolutionBytes), 0)
  const layer = 4 * rows * shape.rowFloats + maskBytes(shape, use, rows) + use.streams * passed
  if (!holds.head) return layer + rows * inputBytes
  const outputs = shape.causal ? Math.min(use.outputs, rows) : 0
  const hidden = outputs === rows ? 2 * rows : 2 * (rows + outputs)
  const head = 4 * (outputs * shape.vocabulary + hidden * shape.embedding)
  return Math.max(layer, head) + rows * inputBytes
}

/** A token, its position, its two places in the cache and its place in the output. */
const inputBytes = 28

function maskBytes(shape: ModelShape, use: MemoryUse, rows: number): number {
  if (!shape.causal) return 2 * rows * rows
  // A row sees the cells of its stream, or in a unified cache everybody's.
  const seen = use.layout === 'unified' ? 1 : 1 / use.streams
  const cells = cellsOf(shape, use)
  const kept = (windowed: boolean) => shape.layers.some((one) => one.windowed === windowed && one.keyFloats > 0)
  return 2 * rows * seen * ((kept(false) ? cells.full : 0) + (kept(true) ? cells.windowed : 0))
}
