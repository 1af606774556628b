// The rules of llama.cpp's loader whose breach ends the process (GGML_ASSERT in llama-model.cpp of v0.5.0) or divides by zero,
// checked on the header beforehand. What the loader refuses by itself with a message is left to it.

import { HeaderError } from './header-reader.ts'
import type { MetadataValue, ModelHeader } from './header-types.ts'

/** LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS of llama-hparams.h. */
const most = { layers: 512, experts: 1024 }

type Checked = Pick<ModelHeader, 'architecture' | 'metadata' | 'tensors'>

/** Throws a HeaderError with the reason when the model cannot be loaded safely. */
export function checkArchitecture(header: Checked): void {
  const { metadata } = header
  if (header.architecture === '') throw new HeaderError('it does not say its architecture (general.architecture)')
  const type = metadata.get('general.type') ?? 'model'
  if (type !== 'model') throw new HeaderError(`it is not a model: its general.type is "${String(type)}"`)
  const read = (key: string) => metadata.get(`${header.architecture}.${key}`)
  for (const key of ['context_length', 'embedding_length', 'block_count']) required(header, key)
  const layers = required(header, 'block_count')
  if (layers > most.layers) throw new HeaderError(`it has ${layers} layers, and ${most.layers} is the limit`)
  checkHeads(read)
  checkExperts(read)
  checkScaling(read)
  for (const key of [
    'attention.layer_norm_rms_epsilon',
    'attention.layer_norm_epsilon',
    'attention.group_norm_epsilon',
  ])
    checkEpsilon(key, read(key))
  checkTokenizer(metadata)
  if (header.tensors.length === 0) throw new HeaderError('it holds no tensors')
}

/** The same for a LoRA adapter: two tensors of two dimensions for each weight that it changes, with a rank that both share. */
export function checkAdapter(header: Checked): void {
  const type = header.metadata.get('general.type')
  const kind = header.metadata.get('adapter.type')
  if (type !== 'adapter' || kind !== 'lora')
    throw new HeaderError(`it is not a LoRA adapter: its general.type is "${String(type ?? '')}"`)
  if (header.tensors.length === 0) throw new HeaderError('it holds no tensors')
  const named = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  for (const { name, dimensions } of header.tensors) {
    const [, stem, side] = /^(.*)\.lora_([ab])$/.exec(name) ?? []
    if (stem === undefined)
      throw new HeaderError(`it holds a tensor that is no part of an adapter: "${name.slice(0, 60)}"`)
    const other = named.get(`${stem}.lora_${side === 'a' ? 'b' : 'a'}`)
    if (other === undefined)
      throw new HeaderError(`it is damaged: "${stem.slice(0, 60)}" has only one of its two parts`)
    if (side === 'a' && dimensions[1] !== other.dimensions[0] && dimensions.length === 2)
      throw new HeaderError(`it is damaged: the parts of "${stem.slice(0, 60)}" have different ranks`)
  }
}

/** A count per model or per layer: the largest. */
function largest(value: MetadataValue | undefined): number {
  if (typeof value === 'number') return value
  if (Array.isArray(value)) return Math.max(0, ...value.filter((one) => typeof one === 'number'))
  return 0
}

function required(header: Checked, key: string): number {
  const value = header.metadata.get(`${header.architecture}.${key}`)
  if (typeof value !== 'number') throw new HeaderError(`the metadata key "${header.architecture}.${key}" is missing`)
  if (!Number.isInteger(value) || value < 1 || value > 2 ** 31 - 1)
    throw new HeaderError(`the metadata key "${header.architecture}.${key}" is ${value}`)
  return value
}

function checkHeads(read: (key: string) => MetadataValue | undefined): void {
  const heads = read('attention.head_count')
  const keyHeads = read('attention.head_count_kv')
  if (typeof heads !== 'number' || typeof keyHeads !== 'number') return
  if (keyHeads > 0 && heads % keyHeads !== 0)
    throw new HeaderError(`its ${heads} attention heads cannot share ${keyHeads} key heads`)
}

function checkExperts(read: (key: string) => MetadataValue | undefined): void {
  const experts = largest(read('expert_count'))
  const used = largest(read('expert_used_count'))
  if (experts > most.experts) throw new HeaderError(`it has ${experts} experts, and ${most.experts} is the limit`)
  if (experts > 0 && used === 0) throw new HeaderError('it has expert_count, and expert_used_count is missing')
  if (used > 0 && experts === 0) throw new HeaderError('it has expert_used_count, and expert_count is missing')
  if (used > experts) throw new HeaderError(`it uses ${used} experts of ${experts}`)
  const groups = largest(read('expert_group_count'))
  const usedGroups = largest(read('expert_group_used_count'))
  if (groups === 0) return
  const wrong = groups >= experts || (groups > 1 && (experts % groups !== 0 || usedGroups < 1 || usedGroups >= groups))
  if (wrong)
    throw new HeaderError(`its ${experts} experts cannot form ${groups} groups of which ${usedGroups} are used`)
}

function checkScaling(read: (key: string) => MetadataValue | undefined): void {
  const scaling = read('rope.scaling.type')
  if (scaling !== undefined && !['none', 'linear', 'yarn', 'longrope'].includes(String(scaling)))
    throw new HeaderError(`its rope.scaling.type is "${String(scaling).slice(0, 40)}", which this engine does not know`)
}

function checkEpsilon(key: string, value: MetadataValue | undefined): void {
  if (value !== undefined && !(typeof value === 'number' && value >= 0 && value < 1))
    throw new HeaderError(`its ${key} is ${String(value)}, and a small positive number is needed`)
}

function checkTokenizer(metadata: ModelHeader['metadata']): void {
  const kind = metadata.get('tokenizer.ggml.model')
  if (typeof kind !== 'string' || kind === 'none' || kind === 'no_vocab')
    throw new HeaderError('it has no tokenizer (tokenizer.ggml.model)')
  const tokens = metadata.get('tokenizer.ggml.tokens')
  const count = lengthOf(tokens)
  if (count === 0) throw new HeaderError('its tokenizer has no tokens (tokenizer.ggml.tokens)')
  for (const key of ['scores', 'token_type']) {
    const value = metadata.get(`tokenizer.ggml.${key}`)
    if (value !== undefined && lengthOf(value) < count)
      throw new HeaderError(`its tokenizer has ${count} tokens and only ${lengthOf(value)} entries in ${key}`)
  }
}

function lengthOf(value: MetadataValue | undefined): number {
  if (Array.isArray(value)) return value.length
  return typeof value === 'object' && 'arrayLength' in value ? value.arrayLength : 0
}
