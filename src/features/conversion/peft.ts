// Turns the folder of a LoRA adapter, as Hugging Face's PEFT saves it, into the bytes of a GGUF adapter. What a folder holds is hostile input.

import type { ModelHeader } from '../../engine/header-types.ts'
import type { GgufValue } from '../../formats/gguf.ts'
import type { SafeTensor } from '../../formats/safetensors.ts'
import { layOut, writeAll } from './convert.ts'
import { type Fields, isObject, readFields, refused, shown } from './folder.ts'
import { f32, type PlannedTensor, text } from './plan.ts'
import { openShard } from './shards.ts'

/** An adapter's folder that is understood, before its numbers are read. */
export interface AdapterConversion {
  /** Size of the file to come. */
  readonly bytes: number
  /** The file's bytes, in order; a few MiB are held at a time. Throws `invalid_value` that names the tensor. */
  chunks(): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

const configFile = 'adapter_config.json'
const most = { rank: 65_536, modules: 1024, nameLength: 512 }

/** The matrices of a layer: PEFT's names, which are Hugging Face's, and GGUF's of the architecture "llama". */
const matrices: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

/** Fields that would change the numbers in a way that a GGUF adapter has no place for, unless they are empty. */
const unknown: Readonly<Record<string, string>> = {
  use_dora: 'magnitudes (DoRA) have no place in a GGUF adapter',
  lora_bias: 'biases have no place in a GGUF adapter',
  use_qalora: 'pooled inputs (QALoRA) have no place in a GGUF adapter',
  use_bdlora: 'blocks (BD-LoRA) have no place in a GGUF adapter',
  fan_in_fan_out: 'the weights of Llama and Mistral do not lie that way',
  modules_to_save: 'whole modules have no place in a GGUF adapter',
  alpha_pattern: 'a GGUF adapter has one alpha',
  layer_replication: 'layers are not replicated',
  target_parameters: 'parameters that are no modules have no place in a GGUF adapter',
  trainable_token_indices: 'embeddings are not changed',
  alora_invocation_tokens: 'an adapter counts for the whole text',
  arrow_config: 'adapters are not routed',
}

/** Ways to begin that leave the model's own weights as they are; others adapt weights that differ from the model's. */
const beginnings: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal']

/** What the configuration says. */
interface Settings {
  /** What GGUF's loader divides by the rank of each matrix. */
  readonly alpha: number
  /** Ranks that a matrix may have. */
  readonly ranks: readonly number[]
  /** Ends of modules' names; undefined where they are an expression, which is not run. */
  readonly targets: readonly string[] | undefined
}

/** One matrix that the adapter changes. */
interface Parts {
  readonly module: string
  readonly layer: string
  readonly matrix: string
  A?: SafeTensor
  B?: SafeTensor
}

/**
 * Reads what the folder says and compares every tensor with the model. Throws `invalid_value` with the file, and the field or tensor, that
 * is wrong.
 */
export async function openAdapterConversion(folder: string, base: ModelHeader): Promise<AdapterConversion> {
  const config = await readFields(folder, configFile)
  if (config === undefined) throw refused('folder', `there is no ${configFile}: it is not the folder of a PEFT adapter`)
  const settings = readSettings(config)
  if (base.architecture !== 'llama')
    throw refused('model', `its architecture is "${base.architecture}", and PEFT folders are taken for "llama"`)
  const shard = await openShard(folder, 'adapter_model.safetensors')
  try {
    const tensors = partsOf(shard.tensors).flatMap((parts) => planParts(parts, settings, base))
    if (tensors.length === 0) throw refused('adapter_model.safetensors', 'it holds no tensors')
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', text(base.architecture)],
      ['general.type', text('adapter')],
      ['adapter.type', text('lora')],
      ['adapter.lora.alpha', f32(settings.alpha)],
    ])
    const { header, end } = layOut(metadata, tensors)
    return {
      bytes: header.length + end,
      chunks: () => writeAll(header, tensors, shard),
      close: () => shard.close(),
    }
  } catch (error) {
    await shard.close()
    throw error
  }
}

function readSettings(config: Fields): Settings {
  const wrong = (name: string, reason: string) => refused(`${config.where}: ${name}`, reason)
  const type = config.text('peft_type')
  if (type !== 'LORA') throw wrong('peft_type', `it is ${shown(type)}, and "LORA" is known`)
  for (const [name, reason] of Object.entries(unknown))
    if (!isEmpty(config.values[name])) throw wrong(name, `it is ${shown(config.values[name])}: ${reason}`)
  const bias = config.text('bias') ?? 'none'
  if (bias !== 'none') throw wrong('bias', `it is ${shown(bias)}: biases have no place in a GGUF adapter`)
  const beginning = config.values['init_lora_weights']
  if (!beginnings.includes(beginning))
    throw wrong('init_lora_weights', `it is ${shown(beginning)}: it may be for weights that are not the model's own`)
  const rank = config.count('r', { most: most.rank })
  const isStabilised = config.flag('use_rslora', false)
  const others = readRanks(config)
  // GGUF's loader divides alpha by the rank of each matrix: that holds for any rank, a root for one alone.
  if (isStabilised && others.length > 0)
    throw wrong('rank_pattern', 'with use_rslora a GGUF adapter has one rank for all its matrices')
  const given = config.number('lora_alpha')
  const alpha = Math.fround(isStabilised ? given * Math.sqrt(rank) : given)
  if (alpha === 0 || !Number.isFinite(alpha))
    throw wrong('lora_alpha', `it is ${shown(given)}, which no 32-bit float can hold`)
  return { alpha, ranks: [rank, ...others], targets: readTargets(config) }
}

/** Ranks of single modules: their tensors say which. */
function readRanks(config: Fields): readonly number[] {
  const pattern = config.object('rank_pattern')
  if (pattern === undefined) return []
  const names = Object.keys(pattern.values)
  if (names.length > most.modules) throw refused(pattern.where, `it names ${names.length} modules`)
  return names.map((name) => pattern.count(name, { most: most.rank }))
}

function readTargets(config: Fields): readonly string[] | undefined {
  const value = config.values['target_modules']
  const where = `${config.where}: target_modules`
  if (typeof value === 'string' && value !== '' && value.length <= most.nameLength) return undefined
  const isName = (one: unknown) => typeof one === 'string' && one !== '' && one.length <= most.nameLength
  if (!Array.isArray(value) || value.length === 0 || value.length > most.modules || !value.every(isName))
    throw refused(where, `it is ${shown(value)}, and a text or a list of modules' names is needed`)
  const targets = value as readonly string[]
  const outer = targets.find((target) => /(^|\.)(embed_tokens|lm_head)$/.test(target))
  if (outer !== undefined) throw refused(where, `${shown(outer)} is among them, and the matrices of layers are known`)
  return targets
}

/** Absent, off, or holding nothing. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  return isObject(value) && Object.keys(value).length === 0
}

/** The tensors two by two. */
function partsOf(tensors: ReadonlyMap<string, SafeTensor>): readonly Parts[] {
  const found = new Map<string, Parts>()
  for (const [name, tensor] of tensors) {
    const pattern =
      /^base_model\.model\.(model\.layers\.(0|[1-9]\d{0,3})\.([a-z_.]+))\.lora_([AB])(?:\.default)?\.weight$/
    const [, module = '', layer = '', within = '', side] = pattern.exec(name) ?? []
    const matrix = Object.hasOwn(matrices, within) ? matrices[within] : undefined
    if (matrix === undefined || (side !== 'A' && side !== 'B'))
      throw refused(
        name,
        'this tensor is no lora_A or lora_B of a matrix of a layer: it has no place in a GGUF adapter',
      )
    const parts = found.get(module) ?? { module, layer, matrix }
    if (parts[side] !== undefined) throw refused(name, `lora_${side} of this module is there twice`)
    parts[side] = tensor
    found.set(module, parts)
  }
  return [...found.values()]
}

/** The two tensors of a matrix: kept in F32, which holds F16 and BF16 exactly. */
function planParts({ module, layer, matrix, A, B }: Parts, settings: Settings, base: ModelHeader): PlannedTensor[] {
  if (A === undefined || B === undefined)
    throw refused((A ?? B)?.name ?? module, `lora_${A === undefined ? 'A' : 'B'} of this module is missing`)
  if (settings.targets?.some((target) => module === target || module.endsWith(`.${target}`)) === false)
    throw refused(A.name, `its module is not among the target_modules of ${configFile}`)
  const weight = `blk.${layer}.${matrix}.weight`
  const [input, output] = base.tensors.find(({ name }) => name === weight)?.dimensions ?? []
  if (input === undefined || output === undefined) throw refused(A.name, `the model has no weight "${weight}"`)
  const rank = A.shape[0] ?? 0
  if (!settings.ranks.includes(rank))
    throw refused(A.name, `its rank is ${rank}, and ${configFile} says ${settings.ranks.join(', ')}`)
  requireShape(A, [rank, input])
  requireShape(B, [output, rank])
  const headRows = headRowsOf(matrix, output, base)
  const pairs = headRows === undefined ? {} : { pairs: { headRows } }
  return [
    { name: `${weight}.lora_a`, shape: [input, rank], type: 'F32', from: [A.name] },
    { name: `${weight}.lora_b`, shape: [rank, output], type: 'F32', from: [B.name], ...pairs },
  ]
}

function requireShape({ name, shape }: SafeTensor, wanted: readonly number[]): void {
  if (shape.length === wanted.length && shape.every((size, place) => size === wanted[place])) return
  throw refused(name, `its shape is [${shape.join(', ')}], and the model's weight asks for [${wanted.join(', ')}]`)
}

/** Rows of one head of queries or keys, which GGUF's "llama" has in pairs: what is added to them goes the same way. */
function headRowsOf(matrix: string, rows: number, { metadata }: ModelHeader): number | undefined {
  if (matrix !== 'attn_q' && matrix !== 'attn_k') return undefined
  const all = metadata.get('llama.attention.head_count')
  const heads = matrix === 'attn_q' ? all : (metadata.get('llama.attention.head_count_kv') ?? all)
  if (typeof heads !== 'number' || !Number.isInteger(rows / heads / 2))
    throw refused('model', `its ${rows} rows of ${matrix} are not shared by ${shown(heads)} heads`)
  return rows / heads
}
