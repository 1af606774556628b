// BERT, and XLM-RoBERTa which is built alike, as an embedding model in GGUF's words, with the pooling that sentence-transformers' files ask for. Reads no numbers.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, fieldsOf, isObject, readFields, readJson, refused, shown } from './folder.ts'
import { type ConversionPlan, f32, flag, type TensorCollector, u32 } from './plan.ts'

const most = { layers: 512, width: 1_048_576, positions: 1_048_576 }

/** LLAMA_POOLING_TYPE_*: how the vectors of a text's tokens become the text's. */
const poolings = { mean: 1, cls: 2, last: 3 } as const

/** What follows the encoder. */
export interface Pooling {
  readonly type: keyof typeof poolings
  readonly remarks: readonly string[]
}

/** Makes the plan but for the tokenizer. Throws `invalid_value` with the field or tensor that is wrong. */
export function planBert(config: Fields, pooling: Pooling, tensors: TensorCollector): ConversionPlan {
  requireKnown(config)
  const width = config.count('hidden_size', { most: most.width })
  const heads = config.count('num_attention_heads', { most: 65_536 })
  if (width % heads !== 0)
    throw refused(`${config.where}: num_attention_heads`, `${width} numbers cannot be shared by ${heads} heads`)
  const positions = config.count('max_position_embeddings', { most: most.positions })
  const skipRows = firstPosition(config)
  if (skipRows >= positions)
    throw refused(`${config.where}: max_position_embeddings`, `it is ${positions}, and the first is ${skipRows}`)
  const sorts = config.count('type_vocab_size', { most: 1024, fallback: 2 })
  const layers = config.count('num_hidden_layers', { most: most.layers })
  const feedForward = config.count('intermediate_size', { most: most.width })
  const vocabulary = config.count('vocab_size', { most: 16 * 1_048_576 })
  const metadata = new Map<string, GgufValue>([
    ['bert.context_length', u32(positions - skipRows)],
    ['bert.embedding_length', u32(width)],
    ['bert.block_count', u32(layers)],
    ['bert.feed_forward_length', u32(feedForward)],
    ['bert.attention.head_count', u32(heads)],
    ['bert.attention.layer_norm_epsilon', f32(config.number('layer_norm_eps', 1e-12))],
    ['bert.attention.causal', flag(false)],
    ['bert.pooling_type', u32(poolings[pooling.type])],
    ['tokenizer.ggml.token_type_count', u32(sorts)],
  ])
  // A model with a head keeps its encoder under a name of its own.
  const prefix = ['bert.', 'roberta.'].find((name) => tensors.has(`${name}embeddings.word_embeddings.weight`)) ?? ''
  tensors.leave(/(^|\.)(embeddings\.position_ids|pooler\.dense\.(weight|bias))$/)
  const embeddings = `${prefix}embeddings`
  tensors.take('token_embd.weight', `${embeddings}.word_embeddings.weight`, [vocabulary, width])
  const places = `${embeddings}.position_embeddings.weight`
  tensors.take('position_embd.weight', places, [positions, width], { exact: true, skipRows })
  tensors.take('token_types.weight', `${embeddings}.token_type_embeddings.weight`, [sorts, width], { exact: true })
  takeBoth(tensors, 'token_embd_norm', `${embeddings}.LayerNorm`, [width])
  for (let layer = 0; layer < layers; layer++)
    takeLayer(tensors, `blk.${layer}`, `${prefix}encoder.layer.${layer}`, { width, feedForward })
  return { architecture: 'bert', metadata, tensors: tensors.finish(), remarks: pooling.remarks }
}

/** RoBERTa counts positions from behind its padding's id on, so that the rows before are never used; the engine counts from 0. */
function firstPosition(config: Fields): number {
  const list = config.values['architectures']
  if (!Array.isArray(list) || list[0] !== 'XLMRobertaModel') return 0
  return config.count('pad_token_id', { least: 0, most: most.positions, fallback: 1 }) + 1
}

function requireKnown(config: Fields): void {
  const activation = config.text('hidden_act') ?? 'gelu'
  if (!/^gelu(_new|_pytorch_tanh)?$/.test(activation))
    throw refused(`${config.where}: hidden_act`, `it is ${shown(activation)}, and "gelu" is known`)
  const positions = config.text('position_embedding_type') ?? 'absolute'
  if (positions !== 'absolute')
    throw refused(`${config.where}: position_embedding_type`, `it is ${shown(positions)}, and "absolute" is known`)
}

function takeLayer(
  tensors: TensorCollector,
  block: string,
  from: string,
  { width, feedForward }: { readonly width: number; readonly feedForward: number },
): void {
  takeBoth(tensors, `${block}.attn_q`, `${from}.attention.self.query`, [width, width])
  takeBoth(tensors, `${block}.attn_k`, `${from}.attention.self.key`, [width, width])
  takeBoth(tensors, `${block}.attn_v`, `${from}.attention.self.value`, [width, width])
  takeBoth(tensors, `${block}.attn_output`, `${from}.attention.output.dense`, [width, width])
  takeBoth(tensors, `${block}.attn_output_norm`, `${from}.attention.output.LayerNorm`, [width])
  takeBoth(tensors, `${block}.ffn_up`, `${from}.intermediate.dense`, [feedForward, width])
  takeBoth(tensors, `${block}.ffn_down`, `${from}.output.dense`, [width, feedForward])
  takeBoth(tensors, `${block}.layer_output_norm`, `${from}.output.LayerNorm`, [width])
}

/** A weight and its bias. */
function takeBoth(tensors: TensorCollector, name: string, from: string, shape: readonly number[]): void {
  tensors.take(`${name}.weight`, `${from}.weight`, shape)
  tensors.take(`${name}.bias`, `${from}.bias`, shape.slice(0, 1))
}

/**
 * How texts are pooled: what sentence-transformers' `modules.json` and its pooling module say, the mean where there is no such file. The
 * engine gives vectors of length 1. Throws `invalid_value` for a module that GGUF cannot hold.
 */
export async function readPooling(folder: string): Promise<Pooling> {
  const modules = await readJson(folder, 'modules.json')
  if (modules === undefined)
    return { type: 'mean', remarks: ["There is no modules.json: the mean of the tokens is a text's vector."] }
  if (!Array.isArray(modules)) throw refused('modules.json', 'it is not a list')
  let type: Pooling['type'] | undefined
  let normalised = false
  for (const [place, entry] of modules.entries()) {
    const module = isObject(entry) ? fieldsOf(entry, `modules.json: [${place}]`) : undefined
    const kind = module?.text('type')?.split('.').at(-1)
    if (module === undefined || kind === undefined) throw refused(`modules.json: [${place}]`, 'it names no type')
    if (kind === 'Pooling') type = await readPoolingModule(folder, module)
    else if (kind === 'Normalize') normalised = true
    else if (kind !== 'Transformer') throw refused(`${module.where}: type`, `${shown(kind)} has no place in GGUF`)
  }
  if (type === undefined) throw refused('modules.json', 'it names no pooling')
  const remark = 'The folder asks for vectors as they are; the engine gives them the length 1.'
  return { type, remarks: normalised ? [] : [remark] }
}

const modes = { mean_tokens: 'mean', cls_token: 'cls', lasttoken: 'last' } as const

async function readPoolingModule(folder: string, module: Fields): Promise<Pooling['type']> {
  const path = module.text('path') ?? ''
  if (!/^[\w-]+$/.test(path)) throw refused(`${module.where}: path`, `${shown(path)} is no folder beside it`)
  const fields = await readFields(folder, `${path}/config.json`)
  if (fields === undefined) throw refused(`${path}/config.json`, 'it is missing')
  const named = fields.text('pooling_mode')
  const on = Object.keys(fields.values)
    .map((name) => /^pooling_mode_(.+)$/.exec(name)?.[1])
    .filter((mode) => mode !== undefined && fields.flag(`pooling_mode_${mode}`, false))
  const chosen = named === undefined ? on : [named]
  const [mode = ''] = chosen
  const type = { ...modes, mean: 'mean', cls: 'cls' }[mode] as Pooling['type'] | undefined
  if (chosen.length !== 1 || type === undefined)
    throw refused(
      `${fields.where}: pooling_mode`,
      `it is ${chosen.join(' and ') || 'none'}: mean, cls and last are known`,
    )
  return type
}
