// A header for a model whose file is not here: what its GGUF would say, as far as a plan reads it. Pure.

import type { MetadataValue, ModelHeader } from './header-types.ts'
import { quantised } from './plan-quantise.ts'
import { type ModelNumbers, tensorsOf } from './plan-tensors.ts'

/** A model known by its numbers alone. */
export interface DescribedModel {
  readonly architecture: string
  readonly numbers: ModelNumbers
  readonly contextLength: number
  readonly quantisation: string
  readonly file: string
}

/** The header. `fileBytes` counts the tensors alone. Throws for an architecture or quantisation that is not known. */
export function headerFrom(model: DescribedModel): ModelHeader {
  const { architecture, numbers, quantisation, file } = model
  const tensors = quantised(tensorsOf(architecture, numbers), numbers, quantisation)
  const tensorBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', architecture],
    ...Object.entries(architectureKeys(model)).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ['tokenizer.ggml.tokens', { arrayLength: numbers.vocabulary }],
  ])
  return { path: file, fileBytes: tensorBytes, architecture, metadata, tensors, tensorBytes }
}

/** GGUF's keys of the architecture, without its name in front. */
export function architectureKeys(
  model: DescribedModel,
): Readonly<Record<string, number | boolean | readonly number[]>> {
  const { numbers, contextLength } = model
  const { experts, expertsUsed, window, recurrent } = numbers
  const encodes = /bert/.test(model.architecture)
  return {
    context_length: contextLength,
    embedding_length: numbers.embedding,
    block_count: numbers.layers,
    feed_forward_length: numbers.feedForward,
    'attention.head_count': numbers.heads,
    ...(numbers.heads > 0 && {
      'attention.head_count_kv': numbers.keyValueHeads,
      'attention.key_length': numbers.keyLength,
      'attention.value_length': numbers.valueLength,
    }),
    ...(experts !== undefined && { expert_count: experts, expert_used_count: expertsUsed ?? experts }),
    ...(window !== undefined && { 'attention.sliding_window': window }),
    ...(recurrent !== undefined && {
      'ssm.conv_kernel': recurrent.kernel,
      'ssm.inner_size': recurrent.inner,
      'ssm.state_size': recurrent.state,
      'ssm.group_count': recurrent.groups,
      'ssm.time_step_rank': recurrent.timeStepRank,
    }),
    ...(encodes && { 'attention.causal': false, pooling_type: numbers.classifier === true ? 4 : 1 }),
  }
}
