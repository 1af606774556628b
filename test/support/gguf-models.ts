// Tiny random models for tests, one for each architecture that no small real file has. The same seed gives the same file.

import { join } from 'node:path'
import type { GgufValue } from '../../src/formats/gguf.ts'
import { type GgufTensor, writeGguf } from './gguf.ts'
import type { GgufVocabulary } from './gguf-vocabulary.ts'

/** What a tiny model is made of. */
export interface TinyModelOptions {
  readonly vocabulary: GgufVocabulary
  /** Where the file goes. Its name is the model's kind. */
  readonly folder: string
  readonly name?: string
  readonly seed?: number
  readonly contextLength?: number
  /** F16 halves the file; norms and biases stay F32, as the engine wants. */
  readonly type?: 'f32' | 'f16'
  /** Files that the model is cut into, as llama.cpp's gguf-split cuts it; one without it. */
  readonly parts?: number
  /** Changes the values of a weight before it is written. */
  readonly change?: (name: string, values: Float32Array) => void
}

const width = 64
const heads = 4
const feedForward = 128

/** A dense Llama: two layers, four heads over two key-value heads. Resolves with the file's path. */
export function tinyLlama(options: TinyModelOptions): Promise<string> {
  const model = new TinyModel('llama', 'tiny-llama', options)
  model.transformer(2, 2)
  for (let layer = 0; layer < 2; layer++) {
    model.attention(layer, 2)
    model.denseFeedForward(layer)
  }
  return model.write()
}

/** A mixture of experts as Mixtral has it: four experts, two for each token. */
export function tinyMixtral(options: TinyModelOptions): Promise<string> {
  const experts = 4
  const model = new TinyModel('llama', 'tiny-mixtral', options)
  model.transformer(2, 2)
  model.set('expert_count', { type: 'u32', value: experts })
  model.set('expert_used_count', { type: 'u32', value: 2 })
  for (let layer = 0; layer < 2; layer++) {
    model.attention(layer, 2)
    model.weight(`blk.${layer}.ffn_norm.weight`, [width], 'ones')
    model.weight(`blk.${layer}.ffn_gate_inp.weight`, [width, experts])
    model.weight(`blk.${layer}.ffn_gate_exps.weight`, [width, feedForward, experts])
    model.weight(`blk.${layer}.ffn_up_exps.weight`, [width, feedForward, experts])
    model.weight(`blk.${layer}.ffn_down_exps.weight`, [feedForward, width, experts])
  }
  return model.write()
}

/** Gemma 3's shape: five layers see a window of tokens, the sixth sees all. */
export function tinySlidingWindow(options: TinyModelOptions & { readonly window?: number }): Promise<string> {
  const layers = 6
  const headWidth = 16
  const model = new TinyModel('gemma3', 'tiny-sliding-window', options)
  model.transformer(layers, 1)
  model.set('attention.key_length', { type: 'u32', value: headWidth })
  model.set('attention.value_length', { type: 'u32', value: headWidth })
  model.set('attention.sliding_window', { type: 'u32', value: options.window ?? 32 })
  model.set('rope.freq_base', { type: 'f32', value: 1_000_000 })
  for (let layer = 0; layer < layers; layer++) {
    model.attention(layer, 1)
    model.weight(`blk.${layer}.attn_q_norm.weight`, [headWidth], 'ones')
    model.weight(`blk.${layer}.attn_k_norm.weight`, [headWidth], 'ones')
    model.weight(`blk.${layer}.post_attention_norm.weight`, [width], 'ones')
    model.denseFeedForward(layer)
    model.weight(`blk.${layer}.post_ffw_norm.weight`, [width], 'ones')
  }
  return model.write()
}

/** Mamba: recurrent state only, no attention and no KV cache. */
export function tinyRecurrent(options: TinyModelOptions): Promise<string> {
  const [inner, state, rank, kernel] = [2 * width, 16, 4, 4]
  const model = new TinyModel('mamba', 'tiny-recurrent', options)
  model.set('block_count', { type: 'u32', value: 2 })
  model.set('feed_forward_length', { type: 'u32', value: 0 })
  model.set('attention.head_count', { type: 'u32', value: 0 })
  model.set('attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 })
  model.set('ssm.conv_kernel', { type: 'u32', value: kernel })
  model.set('ssm.inner_size', { type: 'u32', value: inner })
  model.set('ssm.state_size', { type: 'u32', value: state })
  model.set('ssm.time_step_rank', { type: 'u32', value: rank })
  model.embeddings()
  for (let layer = 0; layer < 2; layer++) {
    model.weight(`blk.${layer}.attn_norm.weight`, [width], 'ones')
    model.weight(`blk.${layer}.ssm_in.weight`, [width, 2 * inner])
    model.weight(`blk.${layer}.ssm_conv1d.weight`, [kernel, inner], 'exact')
    model.weight(`blk.${layer}.ssm_conv1d.bias`, [inner], 'zeros')
    model.weight(`blk.${layer}.ssm_x.weight`, [inner, rank + 2 * state])
    model.weight(`blk.${layer}.ssm_dt.weight`, [rank, inner])
    model.weight(`blk.${layer}.ssm_dt.bias`, [inner], 'zeros')
    // The state must decay: the file holds the negative rate itself.
    model.weight(`blk.${layer}.ssm_a`, [state, inner], 'minus-ones')
    model.weight(`blk.${layer}.ssm_d`, [inner], 'ones')
    model.weight(`blk.${layer}.ssm_out.weight`, [inner, width])
  }
  return model.write()
}

/** BERT with mean pooling, for embeddings; with `ranks` it has a classifier head instead and is a reranker. Wants a WordPiece vocabulary. */
export function tinyBert(options: TinyModelOptions & { readonly ranks?: boolean }): Promise<string> {
  const contextLength = options.contextLength ?? 512
  const model = new TinyModel('bert', 'tiny-bert', { ...options, contextLength })
  model.set('block_count', { type: 'u32', value: 2 })
  model.set('feed_forward_length', { type: 'u32', value: feedForward })
  model.set('attention.head_count', { type: 'u32', value: heads })
  model.set('attention.layer_norm_epsilon', { type: 'f32', value: 1e-12 })
  model.set('attention.causal', { type: 'bool', value: false })
  model.set('pooling_type', { type: 'u32', value: options.ranks ? 4 : 1 })
  if (options.ranks) {
    model.linear('cls', width, width)
    model.linear('cls.output', width, 1)
  }
  model.weight('token_embd.weight', [width, options.vocabulary.size])
  model.weight('token_types.weight', [width, 2], 'exact')
  model.weight('position_embd.weight', [width, contextLength], 'exact')
  model.norm('token_embd_norm')
  for (let layer = 0; layer < 2; layer++) {
    const block = `blk.${layer}`
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) model.linear(`${block}.${part}`, width, width)
    model.norm(`${block}.attn_output_norm`)
    model.linear(`${block}.ffn_up`, width, feedForward)
    model.linear(`${block}.ffn_down`, feedForward, width)
    model.norm(`${block}.layer_output_norm`)
  }
  return model.write()
}

type Filling = 'random' | 'exact' | 'ones' | 'minus-ones' | 'zeros'

/** Collects metadata and tensors of one model. */
class TinyModel {
  private readonly architecture: string
  private readonly path: string
  private readonly vocabulary: GgufVocabulary
  private readonly metadata: Map<string, GgufValue>
  private readonly tensors: GgufTensor[] = []
  private readonly random: () => number
  private readonly type: 'f32' | 'f16'
  private readonly parts: number
  private readonly change: TinyModelOptions['change']

  constructor(architecture: string, name: string, options: TinyModelOptions) {
    this.architecture = architecture
    this.path = join(options.folder, `${options.name ?? name}.gguf`)
    this.vocabulary = options.vocabulary
    this.random = randomNumbers(options.seed ?? 1)
    this.type = options.type ?? 'f16'
    this.parts = options.parts ?? 1
    this.change = options.change
    this.metadata = new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: architecture }],
      ['general.name', { type: 'string', value: options.name ?? name }],
    ])
    this.set('context_length', { type: 'u32', value: options.contextLength ?? 2048 })
    this.set('embedding_length', { type: 'u32', value: width })
  }

  /** Sets a key of the architecture. */
  set(key: string, value: GgufValue): void {
    this.metadata.set(`${this.architecture}.${key}`, value)
  }

  transformer(layers: number, keyValueHeads: number): void {
    this.set('block_count', { type: 'u32', value: layers })
    this.set('feed_forward_length', { type: 'u32', value: feedForward })
    this.set('attention.head_count', { type: 'u32', value: heads })
    this.set('attention.head_count_kv', { type: 'u32', value: keyValueHeads })
    this.set('attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 })
    this.embeddings()
  }

  embeddings(): void {
    this.weight('token_embd.weight', [width, this.vocabulary.size])
    this.weight('output_norm.weight', [width], 'ones')
  }

  attention(layer: number, keyValueHeads: number): void {
    const block = `blk.${layer}`
    const keyValueWidth = (width / heads) * keyValueHeads
    this.weight(`${block}.attn_norm.weight`, [width], 'ones')
    this.weight(`${block}.attn_q.weight`, [width, width])
    this.weight(`${block}.attn_k.weight`, [width, keyValueWidth])
    this.weight(`${block}.attn_v.weight`, [width, keyValueWidth])
    this.weight(`${block}.attn_output.weight`, [width, width])
  }

  denseFeedForward(layer: number): void {
    const block = `blk.${layer}`
    this.weight(`${block}.ffn_norm.weight`, [width], 'ones')
    this.weight(`${block}.ffn_gate.weight`, [width, feedForward])
    this.weight(`${block}.ffn_up.weight`, [width, feedForward])
    this.weight(`${block}.ffn_down.weight`, [feedForward, width])
  }

  linear(name: string, input: number, output: number): void {
    this.weight(`${name}.weight`, [input, output])
    this.weight(`${name}.bias`, [output], 'zeros')
  }

  norm(name: string): void {
    this.weight(`${name}.weight`, [width], 'ones')
    this.weight(`${name}.bias`, [width], 'zeros')
  }

  /** Adds a tensor. Random values are spread by the input's width, so that activations keep their size. `exact`: random, but always F32. */
  weight(name: string, shape: readonly number[], filling: Filling = 'random'): void {
    const length = shape.reduce((product, size) => product * size, 1)
    const values = new Float32Array(length)
    const spread = 1 / Math.sqrt(shape[0] ?? 1)
    const constant = { ones: 1, 'minus-ones': -1, zeros: 0, random: undefined, exact: undefined }[filling]
    for (let index = 0; index < length; index++) values[index] = constant ?? this.random() * spread
    this.change?.(name, values)
    this.tensors.push({ name, shape, type: filling === 'random' ? this.type : 'f32', values })
  }

  async write(): Promise<string> {
    for (const [key, value] of this.vocabulary.metadata) this.metadata.set(key, value)
    if (this.parts > 1) return await this.writeParts()
    await writeGguf(this.path, { metadata: this.metadata, tensors: this.tensors })
    return this.path
  }

  /** The first part has all metadata, the others only say which part they are. */
  private async writeParts(): Promise<string> {
    const { parts, tensors } = this
    const each = Math.ceil(tensors.length / parts)
    const name = (part: number) => {
      const number = (count: number) => String(count).padStart(5, '0')
      return this.path.replace(/\.gguf$/, `-${number(part + 1)}-of-${number(parts)}.gguf`)
    }
    for (let part = 0; part < parts; part++) {
      const metadata = new Map<string, GgufValue>(part === 0 ? this.metadata : [])
      metadata.set('split.no', { type: 'u16', value: part })
      metadata.set('split.count', { type: 'u16', value: parts })
      metadata.set('split.tensors.count', { type: 'i32', value: tensors.length })
      await writeGguf(name(part), { metadata, tensors: tensors.slice(part * each, (part + 1) * each) })
    }
    return name(0)
  }
}

/** Numbers spread evenly over −√3 … √3 (variance 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * 2 - 1) * Math.sqrt(3)
  }
}
