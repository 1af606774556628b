// Turns the folder of a LoRA adapter, as Hugging Face's PEFT saves it, into the bytes of a GGUF adapter. What a folder holds is hostile input.

import type { ModelHeader } from '../../engine/header-types.ts'
import type { GgufValue } from '../../formats/gguf.ts'
import { layOut, writeAll } from './convert.ts'
import { type Fields, isObject, readFields, refused, shown } from './folder.ts'
import { type AdapterSettings, adapterConfig, planAdapter } from './peft-tensors.ts'
import { f32, text } from './plan.ts'
import { openShard } from './shards.ts'

/** An adapter's folder that is understood, before its numbers are read. */
export interface AdapterConversion {
  /** Size of the file to come. */
  readonly bytes: number
  /** The file's bytes, in order; a few MiB are held at a time. Throws `invalid_value` that names the tensor. */
  chunks(): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

const most = { rank: 65_536, modules: 1024, nameLength: 512 }

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

/**
 * Reads what the folder says and compares every tensor with the model. Throws `invalid_value` with the file, and the field or tensor, that
 * is wrong.
 */
export async function openAdapterConversion(folder: string, base: ModelHeader): Promise<AdapterConversion> {
  const config = await readFields(folder, adapterConfig)
  if (config === undefined)
    throw refused('folder', `there is no ${adapterConfig}: it is not the folder of a PEFT adapter`)
  const settings = readSettings(config)
  if (base.architecture !== 'llama')
    throw refused('model', `its architecture is "${base.architecture}", and PEFT folders are taken for "llama"`)
  const shard = await openShard(folder, 'adapter_model.safetensors')
  try {
    const tensors = planAdapter(shard.tensors, settings, base)
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

function readSettings(config: Fields): AdapterSettings {
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
