// Llama, Mistral and Mixtral in GGUF's words, which has one architecture for the three. Knows names and shapes, reads no numbers.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, refused } from './folder.ts'
import { type ConversionPlan, f32, type TensorCollector, u32 } from './plan.ts'
import { readRope } from './rope.ts'

/** Bounds of llama.cpp's loader, and of what a memory holds. */
const most = { layers: 512, experts: 1024, width: 1_048_576, context: 2 ** 30 }

/** The numbers that decide names and shapes. */
interface Numbers {
  readonly layers: number
  readonly width: number
  readonly feedForward: number
  readonly heads: number
  readonly keyHeads: number
  readonly headLength: number
  readonly vocabulary: number
  /** 0 without experts. */
  readonly experts: number
}

/** Makes the plan but for the tokenizer, whose metadata follows. Throws `invalid_value` with the field or tensor that is wrong. */
export function planLlama(config: Fields, tensors: TensorCollector): ConversionPlan {
  requireKnown(config)
  const numbers = readNumbers(config)
  const context = readContext(config)
  const rope = readRope(config, { headLength: numbers.headLength, isMixtral: numbers.experts > 0 })
  const metadata = new Map<string, GgufValue>([
    ['llama.context_length', u32(context.length)],
    ['llama.vocab_size', u32(numbers.vocabulary)],
    ['llama.embedding_length', u32(numbers.width)],
    ['llama.block_count', u32(numbers.layers)],
    ['llama.feed_forward_length', u32(numbers.feedForward)],
    ['llama.attention.head_count', u32(numbers.heads)],
    ['llama.attention.head_count_kv', u32(numbers.keyHeads)],
    ['llama.attention.key_length', u32(numbers.headLength)],
    ['llama.attention.value_length', u32(numbers.headLength)],
    ['llama.attention.layer_norm_rms_epsilon', f32(config.number('rms_norm_eps', numbers.experts > 0 ? 1e-5 : 1e-6))],
    ['llama.rope.dimension_count', u32(numbers.headLength)],
    ...rope.metadata,
  ])
  if (numbers.experts > 0) {
    metadata.set('llama.expert_count', u32(numbers.experts))
    const used = config.count('num_experts_per_tok', { most: numbers.experts, fallback: Math.min(2, numbers.experts) })
    metadata.set('llama.expert_used_count', u32(used))
  }
  if (rope.factors !== undefined) tensors.add('rope_freqs.weight', [rope.factors.length], rope.factors)
  takeTensors(tensors, numbers, config)
  return { architecture: 'llama', metadata, tensors: tensors.finish(), remarks: [...context.remarks, ...rope.remarks] }
}

/** What would change the numbers and has no place in the architecture. */
function requireKnown(config: Fields): void {
  const activation = config.text('hidden_act') ?? 'silu'
  if (activation !== 'silu') throw refused(`${config.where}: hidden_act`, `it is "${activation}", and "silu" is known`)
  for (const name of ['attention_bias', 'mlp_bias'])
    if (config.flag(name, false)) throw refused(`${config.where}: ${name}`, 'biases have no place in the architecture')
}

function readNumbers(config: Fields): Numbers {
  const width = config.count('hidden_size', { most: most.width })
  const heads = config.count('num_attention_heads', { most: 65_536 })
  const keyHeads = config.count('num_key_value_heads', { most: heads, fallback: heads })
  if (heads % keyHeads !== 0)
    throw refused(`${config.where}: num_key_value_heads`, `${heads} heads cannot share ${keyHeads} of keys`)
  const headLength = config.count('head_dim', { most: 65_536, fallback: width / heads })
  if (headLength % 2 !== 0) throw refused(`${config.where}: head_dim`, `it is ${headLength}, and pairs are rotated`)
  return {
    layers: config.count('num_hidden_layers', { most: most.layers }),
    width,
    feedForward: config.count('intermediate_size', { most: most.width }),
    heads,
    keyHeads,
    headLength,
    vocabulary: config.count('vocab_size', { most: 16 * 1_048_576 }),
    experts: config.has('num_local_experts') ? config.count('num_local_experts', { most: most.experts }) : 0,
  }
}

/** The engine attends to everything: beyond a sliding window it would not compute what the model was trained for. */
function readContext(config: Fields): { length: number; remarks: string[] } {
  const length = config.count('max_position_embeddings', { most: most.context })
  const window = config.has('sliding_window') ? config.count('sliding_window', { most: most.context }) : length
  if (window >= length) return { length, remarks: [] }
  const remark = `Its sliding window of ${window} tokens has no place in GGUF's architecture "llama": its context is ${window} tokens, not ${length}.`
  return { length: window, remarks: [remark] }
}

function takeTensors(tensors: TensorCollector, numbers: Numbers, config: Fields): void {
  const { layers, width, vocabulary } = numbers
  // Recomputed from the base; old folders hold them.
  tensors.leave(/\.rotary_emb\.inv_freq$/)
  tensors.take('token_embd.weight', 'model.embed_tokens.weight', [vocabulary, width])
  for (let layer = 0; layer < layers; layer++) {
    takeAttention(tensors, numbers, layer)
    takeFeedForward(tensors, numbers, layer)
  }
  tensors.take('output_norm.weight', 'model.norm.weight', [width])
  // Where both are one matrix the engine takes the first for the last.
  if (config.flag('tie_word_embeddings', false)) tensors.leave(/^lm_head\.weight$/)
  else tensors.take('output.weight', 'lm_head.weight', [vocabulary, width])
}

function takeAttention(tensors: TensorCollector, numbers: Numbers, layer: number): void {
  const { width, heads, keyHeads, headLength } = numbers
  const [block, from] = [`blk.${layer}`, `model.layers.${layer}`]
  const projection = `${from}.self_attn`
  tensors.take(`${block}.attn_norm.weight`, `${from}.input_layernorm.weight`, [width])
  // Hugging Face rotates the halves of a head, ggml's kind of this architecture neighbouring pairs.
  const headRows = headLength
  tensors.take(`${block}.attn_q.weight`, `${projection}.q_proj.weight`, [heads * headLength, width], { headRows })
  tensors.take(`${block}.attn_k.weight`, `${projection}.k_proj.weight`, [keyHeads * headLength, width], { headRows })
  tensors.take(`${block}.attn_v.weight`, `${projection}.v_proj.weight`, [keyHeads * headLength, width])
  tensors.take(`${block}.attn_output.weight`, `${projection}.o_proj.weight`, [width, heads * headLength])
  tensors.take(`${block}.ffn_norm.weight`, `${from}.post_attention_layernorm.weight`, [width])
}

function takeFeedForward(tensors: TensorCollector, numbers: Numbers, layer: number): void {
  const { width, feedForward, experts } = numbers
  const [block, from] = [`blk.${layer}`, `model.layers.${layer}`]
  if (experts === 0) {
    tensors.take(`${block}.ffn_gate.weight`, `${from}.mlp.gate_proj.weight`, [feedForward, width])
    tensors.take(`${block}.ffn_up.weight`, `${from}.mlp.up_proj.weight`, [feedForward, width])
    tensors.take(`${block}.ffn_down.weight`, `${from}.mlp.down_proj.weight`, [width, feedForward])
    return
  }
  const mixture = `${from}.block_sparse_moe`
  const each = (name: string) => Array.from({ length: experts }, (_, e) => `${mixture}.experts.${e}.${name}.weight`)
  // The choice of experts is small and decides much: it stays exact.
  tensors.take(`${block}.ffn_gate_inp.weight`, `${mixture}.gate.weight`, [experts, width], { exact: true })
  tensors.take(`${block}.ffn_gate_exps.weight`, each('w1'), [feedForward, width])
  tensors.take(`${block}.ffn_up_exps.weight`, each('w3'), [feedForward, width])
  tensors.take(`${block}.ffn_down_exps.weight`, each('w2'), [width, feedForward])
}
