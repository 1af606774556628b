// Random LoRA adapters for tests, and what they add to a weight. The same seed gives the same file.

import { type GgufTensor, writeGguf } from './gguf.ts'
import { randomNumbers } from './gguf-models.ts'

/** A weight that an adapter changes: its name, inputs and outputs. */
export type AdaptedWeight = readonly [name: string, input: number, output: number]

/** What an adapter is made of. */
export interface AdapterContent {
  readonly path: string
  readonly weights: readonly AdaptedWeight[]
  readonly seed: number
  readonly architecture?: string
  readonly rank?: number
  readonly alpha?: number
  /** How strongly it changes: 1 is a lot. */
  readonly spread?: number
  /** In place of random numbers. */
  readonly value?: number
}

/** Writes the file; `add` does to a weight's values what applying the adapter does. */
export async function writeAdapter(content: AdapterContent): Promise<{
  add(name: string, values: Float32Array, scale: number): void
}> {
  const { path, weights, seed, architecture = 'llama', rank = 4, alpha = 8, spread = 0.3, value } = content
  const random = randomNumbers(seed)
  const fill = (length: number, by: number) => Float32Array.from({ length }, () => value ?? random() * by)
  const parts = new Map(
    weights.map(([name, input, output]) => {
      const a = fill(input * rank, spread / Math.sqrt(input))
      const b = fill(output * rank, spread / Math.sqrt(rank))
      return [name, { a, b, input, output }]
    }),
  )
  const tensors: GgufTensor[] = [...parts].flatMap(([name, { a, b, input, output }]) => [
    { name: `${name}.lora_a`, shape: [input, rank], type: 'f32' as const, values: a },
    { name: `${name}.lora_b`, shape: [rank, output], type: 'f32' as const, values: b },
  ])
  const metadata = new Map([
    ['general.architecture', { type: 'string', value: architecture } as const],
    ['general.type', { type: 'string', value: 'adapter' } as const],
    ['adapter.type', { type: 'string', value: 'lora' } as const],
    ['adapter.lora.alpha', { type: 'f32', value: alpha } as const],
  ])
  await writeGguf(path, { metadata, tensors })
  return {
    add(name, values, scale) {
      const part = parts.get(name)
      if (part === undefined) return
      const { a, b, input } = part
      for (let place = 0; place < values.length; place += 1) {
        const [out, column] = [Math.floor(place / input), place % input]
        let sum = 0
        for (let k = 0; k < rank; k += 1) sum += (b[out * rank + k] ?? 0) * (a[k * input + column] ?? 0)
        values[place] = (values[place] ?? 0) + scale * (alpha / rank) * sum
      }
    },
  }
}

/** Weights of the tiny Llama. */
export const tinyWeights: readonly AdaptedWeight[] = [0, 1].flatMap((layer) => [
  [`blk.${layer}.attn_q.weight`, 64, 64] as const,
  [`blk.${layer}.attn_v.weight`, 64, 32] as const,
  [`blk.${layer}.ffn_down.weight`, 128, 64] as const,
])

/** Some weights of SmolLM2 135M. */
export const starterWeights: readonly AdaptedWeight[] = Array.from({ length: 30 }, (_, layer) => [
  [`blk.${layer}.attn_q.weight`, 576, 576] as const,
  [`blk.${layer}.attn_v.weight`, 576, 192] as const,
]).flat()
