// The tensors of a PEFT adapter two by two, and where GGUF's architecture "llama" has them: experts stacked, a layer's in one. Reads no numbers.

import type { ModelHeader } from '../../engine/header-types.ts'
import type { SafeTensor } from '../../formats/safetensors.ts'
import { refused, shown } from './folder.ts'
import type { PlannedTensor } from './plan.ts'

/** The file that says what an adapter is. */
export const adapterConfig = 'adapter_config.json'

/** What it says. */
export interface AdapterSettings {
  /** What GGUF's loader divides by the rank of each matrix. */
  readonly alpha: number
  /** Ranks that a matrix may have. */
  readonly ranks: readonly number[]
  /** Ends of modules' names; undefined where they are an expression, which is not run. */
  readonly targets: readonly string[] | undefined
}

/** The matrices of a layer: PEFT's names, which are Hugging Face's, and GGUF's. */
const matrices: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'block_sparse_moe.gate': 'ffn_gate_inp',
}

/** Those of an expert, of which GGUF has one for all experts of a layer. */
const expertMatrices: Readonly<Record<string, string>> = {
  w1: 'ffn_gate_exps',
  w2: 'ffn_down_exps',
  w3: 'ffn_up_exps',
}

/** One matrix that the adapter changes. */
interface Parts {
  readonly module: string
  /** The matrix of the model, by GGUF's name. */
  readonly weight: string
  /** Which of the matrices that are stacked there. */
  readonly expert: number | undefined
  A?: SafeTensor
  B?: SafeTensor
}

/** A matrix with both of its tensors, which fit the model's. */
interface Pair {
  readonly A: SafeTensor
  readonly B: SafeTensor
  readonly rank: number
  readonly expert: number | undefined
}

/** Two tensors a weight. Throws `invalid_value` with the tensor that is wrong. */
export function planAdapter(
  tensors: ReadonlyMap<string, SafeTensor>,
  settings: AdapterSettings,
  base: ModelHeader,
): readonly PlannedTensor[] {
  const weights = new Map<string, Pair[]>()
  for (const parts of partsOf(tensors)) {
    const pairs = weights.get(parts.weight) ?? []
    pairs.push(pairOf(parts, settings, base))
    weights.set(parts.weight, pairs)
  }
  return [...weights].flatMap(([weight, pairs]) => planWeight(weight, pairs, base))
}

function partsOf(tensors: ReadonlyMap<string, SafeTensor>): readonly Parts[] {
  const found = new Map<string, Parts>()
  for (const [name, tensor] of tensors) {
    const pattern =
      /^base_model\.model\.(model\.layers\.(0|[1-9]\d{0,3})\.([a-z_.\d]+))\.lora_([AB])(?:\.default)?\.weight$/
    const [, module = '', layer = '', within = '', side] = pattern.exec(name) ?? []
    const [matrix, expert] = matrixOf(within)
    if (matrix === undefined || (side !== 'A' && side !== 'B'))
      throw refused(
        name,
        'this tensor is no lora_A or lora_B of a matrix of a layer: it has no place in a GGUF adapter',
      )
    const parts = found.get(module) ?? { module, weight: `blk.${layer}.${matrix}.weight`, expert }
    if (parts[side] !== undefined) throw refused(name, `lora_${side} of this module is there twice`)
    parts[side] = tensor
    found.set(module, parts)
  }
  return [...found.values()]
}

function matrixOf(within: string): readonly [matrix: string | undefined, expert: number | undefined] {
  const [, expert, part = ''] = /^block_sparse_moe\.experts\.(0|[1-9]\d{0,3})\.(w[123])$/.exec(within) ?? []
  if (expert !== undefined) return [expertMatrices[part], Number(expert)]
  return [Object.hasOwn(matrices, within) ? matrices[within] : undefined, undefined]
}

function pairOf({ module, weight, expert, A, B }: Parts, settings: AdapterSettings, base: ModelHeader): Pair {
  if (A === undefined || B === undefined)
    throw refused((A ?? B)?.name ?? module, `lora_${A === undefined ? 'A' : 'B'} of this module is missing`)
  if (settings.targets?.some((target) => module === target || module.endsWith(`.${target}`)) === false)
    throw refused(A.name, `its module is not among the target_modules of ${adapterConfig}`)
  const [input, output, experts] = shapeOf(weight, base)
  if (input === undefined || output === undefined) throw refused(A.name, `the model has no weight "${weight}"`)
  if (expert !== undefined && expert >= (experts ?? 1))
    throw refused(A.name, `the model's "${weight}" has ${experts ?? 1} experts, and the first is 0`)
  const rank = A.shape[0] ?? 0
  if (!settings.ranks.includes(rank))
    throw refused(A.name, `its rank is ${rank}, and ${adapterConfig} says ${settings.ranks.join(', ')}`)
  requireShape(A, [rank, input])
  requireShape(B, [output, rank])
  return { A, B, rank, expert }
}

/** The two tensors of a weight: kept in F32, which holds F16 and BF16 exactly. Experts that the adapter leaves as they are get zeros. */
function planWeight(weight: string, pairs: readonly Pair[], base: ModelHeader): readonly PlannedTensor[] {
  const [input = 0, output = 0, ...stacked] = shapeOf(weight, base)
  const { rank } = pairs[0] ?? { rank: 0 }
  const other = pairs.find((pair) => pair.rank !== rank)
  if (other !== undefined)
    throw refused(other.A.name, `its rank is ${other.rank}, and ${rank} that of another expert: GGUF stacks equal ones`)
  const places = Array.from({ length: stacked[0] ?? 1 }, (_, place) =>
    pairs.find(({ expert }) => (expert ?? 0) === place),
  )
  const headRows = headRowsOf(weight, output, base)
  return [
    {
      name: `${weight}.lora_a`,
      shape: [input, rank, ...stacked],
      type: 'F32',
      from: places.map((pair) => pair?.A.name),
    },
    {
      ...{ name: `${weight}.lora_b`, shape: [rank, output, ...stacked], type: 'F32' },
      from: places.map((pair) => pair?.B.name),
      ...(headRows !== undefined && { pairs: { headRows } }),
    },
  ]
}

function shapeOf(weight: string, base: ModelHeader): readonly number[] {
  return base.tensors.find(({ name }) => name === weight)?.dimensions ?? []
}

function requireShape({ name, shape }: SafeTensor, wanted: readonly number[]): void {
  if (shape.length === wanted.length && shape.every((size, place) => size === wanted[place])) return
  throw refused(name, `its shape is [${shape.join(', ')}], and the model's weight asks for [${wanted.join(', ')}]`)
}

/** Rows of one head of queries or keys, which GGUF's "llama" has in pairs: what is added to them goes the same way. */
function headRowsOf(weight: string, rows: number, { metadata }: ModelHeader): number | undefined {
  const matrix = weight.split('.')[2]
  if (matrix !== 'attn_q' && matrix !== 'attn_k') return undefined
  const all = metadata.get('llama.attention.head_count')
  const heads = matrix === 'attn_q' ? all : (metadata.get('llama.attention.head_count_kv') ?? all)
  if (typeof heads !== 'number' || !Number.isInteger(rows / heads / 2))
    throw refused('model', `its ${rows} rows of ${matrix} are not shared by ${shown(heads)} heads`)
  return rows / heads
}
