// How large a model's batches are for so many streams of such a length. Pure.

import type { KvType } from './child/context-options.ts'
import type { MemoryUse } from './plan-memory.ts'
import type { ModelShape } from './plan-shape.ts'

/** Memory's inputs with the size of a whole batch. */
export interface BatchedUse extends MemoryUse {
  readonly batchSize: number
}

/** Streams, their length, and how their past is kept. */
export interface Wanted {
  readonly streams: number
  readonly contextLength: number
  readonly kvType: KvType
  readonly fullWindow: boolean
}

/** Batches of a model that generates, or that takes whole texts at once. */
export function useOf(shape: ModelShape, wanted: Wanted): BatchedUse {
  return shape.causal ? generatingUse(shape, wanted) : encodingUse(wanted)
}

function generatingUse(shape: ModelShape, wanted: Wanted): BatchedUse {
  // A row of logits is 192 KiB at 49,152 tokens: outputs are what speculation and prompt log-probabilities need, within 64 MiB.
  const rows = Math.floor((64 * 2 ** 20) / (4 * Math.max(1, shape.vocabulary)))
  const batchSize = Math.min(512, wanted.contextLength * wanted.streams)
  const outputs = Math.min(batchSize, Math.max(2 * wanted.streams, Math.min(128, rows)))
  return { ...wanted, batchSize, microBatchSize: batchSize, outputs }
}

/** A model without memory takes whole texts in one micro-batch; its streams are texts that share a batch. */
function encodingUse({ streams, contextLength }: Wanted): BatchedUse {
  const batch = Math.max(contextLength, streams)
  const sizes = { batchSize: batch, microBatchSize: batch, outputs: batch }
  return { streams, contextLength, kvType: 'f16', fullWindow: false, ...sizes }
}
