// Where a model's weights belong: to a layer, before the first one, or behind the last. And how many of them one token passes. Pure.

import type { ModelHeader } from './header-types.ts'
import type { ModelShape } from './plan-shape.ts'

/** Bytes of the weights by place. */
export interface WeightParts {
  readonly layers: readonly number[]
  /** Looked up by row: stays in the processor's memory, even when all layers are on GPUs. */
  readonly input: number
  /** The last norm and the output matrix; a second copy of the input's where a model has one matrix for both. */
  readonly output: number
  /** Bytes that a step reads for one token, and the part of them that more tokens of a step may share with it. */
  readonly active: number
  /** Bytes of one expert in all layers. */
  readonly expert: number
}

/** Reads the parts from the header's tensors. */
export function weightParts(header: Pick<ModelHeader, 'tensors'>, shape: ModelShape, layerCount: number): WeightParts {
  const layers = Array.from({ length: layerCount }, () => 0)
  let [input, output, experts, inputMatrix] = [0, 0, 0, 0]
  let tied = true
  for (const { name, bytes } of header.tensors) {
    const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
    if (name.includes('_exps.')) experts += bytes
    if (name === 'output.weight') tied = false
    if (name === 'token_embd.weight') inputMatrix = bytes
    if (layer >= 0 && layer < layerCount) layers[layer] = (layers[layer] ?? 0) + bytes
    else if (name.startsWith('output')) output += bytes
    else input += bytes
  }
  const generates = shape.causal
  const whole = header.tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  // A look-up reads one row; a tied matrix is read whole, as the output.
  const read = whole - (tied && generates ? 0 : inputMatrix)
  return {
    layers,
    input,
    output: output + (tied && generates ? inputMatrix : 0),
    active: read - experts * (1 - shape.expertsUsed / shape.experts),
    expert: experts / shape.experts,
  }
}

/** Bytes that one step reads for so many tokens: experts that several tokens need are read once. */
export function stepBytes(parts: WeightParts, shape: ModelShape, tokens: number): number {
  if (parts.expert === 0) return parts.active
  const { experts, expertsUsed } = shape
  const met = experts * (1 - (1 - expertsUsed / experts) ** tokens)
  return parts.active + parts.expert * (met - expertsUsed)
}
