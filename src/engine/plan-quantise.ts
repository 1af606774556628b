// Which type each tensor has in a quantisation, and so its bytes: llama.cpp's mixes (src/llama-quant.cpp of v0.5.0) as a table.
// Pure. Proved against that library's own dry run (test/proof/plan-simulation.ts).

import { tensorTypes } from './header-tensor-types.ts'
import type { TensorInfo } from './header-types.ts'
import type { ModelNumbers, PlainTensor } from './plan-tensors.ts'

/** A type for all layers, or one for each. */
type Choice = string | ((layer: number, numbers: ModelNumbers) => string)

/** A mix: one type for all, and exceptions for what suffers most. */
interface Mix {
  readonly base: string
  readonly value?: Choice
  readonly down?: Choice
  readonly attentionOutput?: string
  /** Attention output of a mixture of eight experts, where attention is a small part of the whole. */
  readonly mixedAttentionOutput?: string
  /** The first and the last matrix, where they are not as llama.cpp has them. */
  readonly ends?: string
}

const plain = (base: string): Mix => ({ base })

/** More bits for the first eighth, the last eighth, and every third layer between. */
const moreBits =
  (most: string, rest: string): Choice =>
  (layer, { layers }) => {
    const eighth = Math.floor(layers / 8)
    return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2 ? most : rest
  }
const firstLayers =
  (count: (layers: number) => number, first: string, rest: string): Choice =>
  (layer, { layers }) =>
    layer < count(layers) ? first : rest
const eighth = (layers: number) => Math.floor(layers / 8)

/** Query heads for each key-value head. */
const sharing = ({ heads, keyValueHeads }: ModelNumbers): number =>
  typeof keyValueHeads === 'number' ? heads / keyValueHeads : 1

const fiveMedium: Mix = { base: 'q5_K', value: moreBits('q6_K', 'q5_K'), down: moreBits('q6_K', 'q5_K') }
const fourMedium: Mix = {
  base: 'q4_K',
  value: moreBits('q6_K', 'q4_K'),
  down: moreBits('q6_K', 'q4_K'),
  mixedAttentionOutput: 'q5_K',
}

const mixes: Readonly<Record<string, Mix>> = {
  F32: plain('f32'),
  F16: plain('f16'),
  BF16: plain('bf16'),
  Q8_0: plain('q8_0'),
  // The names in _L are not llama.cpp's: those who publish so keep the ends of the model in Q8_0.
  Q6_K_L: { base: 'q6_K', ends: 'q8_0' },
  Q6_K: plain('q6_K'),
  Q5_K_L: { ...fiveMedium, ends: 'q8_0' },
  Q5_K_M: fiveMedium,
  Q5_K_S: plain('q5_K'),
  Q4_K_L: { ...fourMedium, ends: 'q8_0' },
  Q4_K_M: fourMedium,
  Q4_K_S: {
    base: 'q4_K',
    value: firstLayers(() => 4, 'q5_K', 'q4_K'),
    down: firstLayers(eighth, 'q5_K', 'q4_K'),
    mixedAttentionOutput: 'q5_K',
  },
  Q4_1: plain('q4_1'),
  Q4_0: plain('q4_0'),
  Q3_K_M: {
    base: 'q3_K',
    value: firstLayers(() => 2, 'q5_K', 'q4_K'),
    down: firstLayers((layers) => Math.floor(layers / 16), 'q5_K', 'q4_K'),
    attentionOutput: 'q4_K',
    mixedAttentionOutput: 'q5_K',
  },
  Q2_K: {
    base: 'q2_K',
    value: (_, numbers) => (sharing(numbers) >= 4 ? 'q4_K' : 'q3_K'),
    down: 'q3_K',
    attentionOutput: 'q3_K',
    mixedAttentionOutput: 'q5_K',
  },
}

/** Names of the quantisations whose bytes can be computed. */
export const knownQuantisations: readonly string[] = Object.keys(mixes)

/** Gives every tensor its type and its bytes. Throws for a quantisation that is not in the table. */
export function quantised(
  tensors: readonly PlainTensor[],
  numbers: ModelNumbers,
  quantisation: string,
): readonly TensorInfo[] {
  const mix = mixes[quantisation]
  if (mix === undefined) throw new RangeError(`The bytes of the quantisation "${quantisation}" are not known.`)
  return tensors.map((tensor) => {
    const type = typeOf(tensor, mix, numbers)
    return { ...tensor, type, bytes: tensorBytes(tensor, type) }
  })
}

/** Bytes of a tensor in a type. */
export function tensorBytes({ dimensions }: PlainTensor, type: string): number {
  const [, elements, bytes] = typeFacts(type)
  return (dimensions.reduce((product, one) => product * one, 1) / elements) * bytes
}

function typeFacts(name: string): readonly [number: number, elements: number, bytes: number] {
  for (const [number, [known, elements, bytes]] of tensorTypes) if (known === name) return [number, elements, bytes]
  throw new RangeError(`The tensor type "${name}" is not known.`)
}

/** Kept as they are: vectors, norms, the gate that picks experts, positions, and what is tiny or sensitive. */
function isKept({ name, dimensions }: PlainTensor): boolean {
  return (
    // ggml does not count trailing dimensions of one.
    dimensions.slice(1).every((one) => one === 1) ||
    !name.endsWith('weight') ||
    /_norm\.weight$|ffn_gate_inp\.weight|position_embd|token_types|ssm_conv1d/.test(name)
  )
}

function typeOf(tensor: PlainTensor, mix: Mix, numbers: ModelNumbers): string {
  if (isKept(tensor)) return 'f32'
  if (mix.base === 'f32' || mix.base === 'f16' || mix.base === 'bf16') return mix.base
  return fitting(tensor, wanted(tensor, mix, numbers))
}

function wanted({ name, dimensions }: PlainTensor, mix: Mix, numbers: ModelNumbers): string {
  const isInput = name === 'token_embd.weight'
  const isOutput = name === 'output.weight' || (isInput && numbers.tiedEmbeddings === true)
  if ((isInput || isOutput) && mix.ends !== undefined) return mix.ends
  if (isOutput) return (dimensions[0] ?? 0) % blockOf(mix.base) !== 0 || mix.base === 'q8_0' ? 'q8_0' : 'q6_K'
  if (isInput) return mix.base
  const eight = numbers.experts === 8
  if (eight && /attn_[kv]\.weight$/.test(name)) return 'q8_0'
  const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0)
  const choose = (choice: Choice = mix.base) => (typeof choice === 'string' ? choice : choice(layer, numbers))
  if (/attn_(v|qkv)\.weight$/.test(name)) return choose(mix.value)
  if (/ffn_down/.test(name)) return choose(mix.down)
  if (/attn_output\.weight$/.test(name)) return (eight ? mix.mixedAttentionOutput : mix.attentionOutput) ?? mix.base
  return mix.base
}

const blockOf = (type: string): number => typeFacts(type)[1]

/** Rows that are no whole blocks of 256 take the next type with blocks of 32. */
const fallbacks: Readonly<Record<string, string>> = {
  q2_K: 'q4_0',
  q3_K: 'q4_0',
  q4_K: 'q5_0',
  q5_K: 'q5_1',
  q6_K: 'q8_0',
}

function fitting({ dimensions }: PlainTensor, type: string): string {
  const columns = dimensions[0] ?? 0
  if (columns % blockOf(type) === 0) return type
  const other = fallbacks[type] ?? 'f16'
  return columns % blockOf(other) === 0 ? other : 'f16'
}
