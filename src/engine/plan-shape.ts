// The numbers of a model that decide its memory, read from a header's metadata. Where an architecture is not known closely, they err upwards.

import type { MetadataValue, ModelHeader } from './header-types.ts'

/** What a load taught: the buffers' sizes over the planned ones, and what the process takes besides. */
export interface Correction {
  readonly kv: number
  readonly state: number
  readonly compute: number
  readonly overheadBytes: number
}

/** What one layer keeps of the past. */
export interface LayerShape {
  /** Floats of keys and of values that a token leaves here; 0 without attention. */
  readonly keyFloats: number
  readonly valueFloats: number
  /** Whether only the window's tokens are kept. */
  readonly windowed: boolean
  /** Bytes of recurrent state per sequence. */
  readonly stateBytes: number
  /** The part of it that remembers the last inputs of the convolution. */
  readonly convolutionBytes: number
}

/** A model as far as memory is concerned. */
export interface ModelShape {
  readonly weightBytes: number
  readonly layers: readonly LayerShape[]
  /** Tokens of the sliding window; 0 without one. */
  readonly window: number
  readonly trainedContextLength: number
  readonly embedding: number
  readonly feedForward: number
  /** Experts of a layer, and those that a token passes through; 1 without experts. */
  readonly experts: number
  readonly expertsUsed: number
  readonly heads: number
  readonly keyLength: number
  readonly valueLength: number
  readonly vocabulary: number
  /** Floats of intermediate results that are alive at once for each token of a micro-batch, at the widest place of a layer. */
  readonly rowFloats: number
  /** What an earlier load of the same model taught. */
  readonly correction?: Correction | undefined
  /** Of LoRA adapters over it. */
  readonly adapterBytes?: number | undefined
  /** False for models that attend in both directions and keep nothing (BERT). */
  readonly causal: boolean
}

/** Context lengths in published files that the model was not trained for: Mistral NeMo's files say 1,024,000 and its makers 128k. */
const wrongContextLengths: ReadonlyMap<number, number> = new Map([[1_024_000, 131_072]])

/** Every n-th layer attends to everything, the others to a window, as llama.cpp's models/*.cpp have it where the file does not say. */
const windowPatterns: Readonly<Record<string, number>> = {
  cohere2: 4,
  exaone4: 4,
  gemma2: 2,
  gemma3: 6,
  gemma3n: 5,
  'gpt-oss': 2,
  olmo2: 4,
}

/** Architectures without causal attention in llama.cpp's loader. */
const bidirectional: ReadonlySet<string> = new Set([
  'bert',
  'nomic-bert',
  'nomic-bert-moe',
  'jina-bert-v2',
  'jina-bert-v3',
  'modern-bert',
  'neo-bert',
  'eurobert',
  'gemma-embedding',
])

/** Encoders whose feed-forward has no gate. */
const ungated: ReadonlySet<string> = new Set(['bert', 'nomic-bert-moe', 'jina-bert-v3'])

/** Reads the shape. The header has passed its checks, so the required keys are there. */
export function shapeOf(header: Pick<ModelHeader, 'architecture' | 'metadata' | 'tensorBytes'>): ModelShape {
  const read = reader(header)
  const count = read.number('block_count', 1)
  const embedding = read.number('embedding_length', 1)
  const heads = Math.max(...read.perLayer('attention.head_count', count, 0))
  const headLength = heads > 0 ? Math.floor(embedding / heads) : 0
  const keyLength = read.number('attention.key_length', headLength)
  const valueLength = read.number('attention.value_length', headLength)
  const causal = read.flag('attention.causal', !bidirectional.has(header.architecture))
  const window = windowPatterns[header.architecture] === undefined ? 0 : read.number('attention.sliding_window', 0)
  const trained = read.number('context_length', 1)
  const feedForward = Math.max(...read.perLayer('feed_forward_length', count, 4 * embedding))
  const experts = Math.max(1, ...read.perLayer('expert_count', count, 1))
  const expertsUsed = experts > 1 ? Math.max(1, ...read.perLayer('expert_used_count', count, experts)) : 1
  const sizes = { embedding, feedForward: feedForward * expertsUsed, attention: heads * valueLength }
  return {
    weightBytes: header.tensorBytes,
    layers: causal ? layersOf(header, count, heads, keyLength, valueLength, window > 0) : [],
    window,
    trainedContextLength: wrongContextLengths.get(trained) ?? trained,
    embedding,
    feedForward,
    experts,
    expertsUsed,
    heads,
    keyLength,
    valueLength,
    vocabulary: lengthOf(header.metadata.get('tokenizer.ggml.tokens')),
    rowFloats: rowFloats(header, sizes),
    causal,
  }
}

/**
 * What ggml's allocator keeps at once at the widest place of a layer's graph, in floats a token. Read off the `compute buffer size` of
 * 21 models in their real size, which these terms give to the last KiB (docs/proof/, plan-simulation).
 */
function rowFloats(
  header: Pick<ModelHeader, 'architecture' | 'metadata'>,
  { embedding, feedForward, attention }: { embedding: number; feedForward: number; attention: number },
): number {
  const recurrent = recurrentFloats(header, embedding)
  if (attention === 0 && recurrent > 0) return recurrent
  // Without a gate only one matrix of the feed-forward's width is there, and its activation is done in place. Keys and values are halved.
  if (ungated.has(header.architecture)) return Math.max(feedForward + 3 * embedding, 5.5 * embedding)
  if (bidirectional.has(header.architecture)) return 3 * feedForward + 3 * embedding
  // A narrow feed-forward takes the place that queries and norms left.
  const reused = feedForward > embedding + attention ? 0 : (header.architecture.startsWith('gemma') ? 1 : 2) * embedding
  return 3 * feedForward + 3 * embedding + attention + recurrent - reused
}

/** Mamba's and Mamba 2's projections, convolution and output; 0 for models without recurrent layers of their kind. */
function recurrentFloats(header: Pick<ModelHeader, 'architecture' | 'metadata'>, embedding: number): number {
  const read = reader(header)
  const inner = read.number('ssm.inner_size', 0)
  const groups = read.number('ssm.group_count', 0)
  if (inner === 0) return 0
  if (groups === 0) return 6 * inner + embedding
  const convolved = inner + 2 * groups * read.number('ssm.state_size', 0)
  const projected = inner + convolved + read.number('ssm.time_step_rank', 0)
  return projected + 3 * convolved + inner + embedding
}

function layersOf(
  header: Pick<ModelHeader, 'architecture' | 'metadata'>,
  count: number,
  heads: number,
  keyLength: number,
  valueLength: number,
  windowed: boolean,
): LayerShape[] {
  const read = reader(header)
  const keyHeads = read.perLayer('attention.head_count_kv', count, heads)
  const full = windowPatterns[header.architecture] ?? 1
  const state = stateBytes(header)
  const interval = read.number('full_attention_interval', 0)
  const shared = read.number('attention.shared_kv_layers', 0)
  return keyHeads.map((keyHead, layer) => {
    const linear = interval > 0 && (layer + 1) % interval !== 0
    const attends = keyHead > 0 && !linear
    const keeps = attends && layer < count - shared
    // Falcon-H1 runs both kinds in every layer; elsewhere a layer is one or the other.
    const recurrent = state.whole > 0 && (!attends || header.architecture === 'falcon-h1')
    return {
      keyFloats: keeps ? keyHead * keyLength : 0,
      valueFloats: keeps ? keyHead * valueLength : 0,
      windowed: windowed && layer % full !== full - 1,
      stateBytes: recurrent ? state.whole : 0,
      convolutionBytes: recurrent ? state.convolution : 0,
    }
  })
}

/** Recurrent state of one layer for one sequence, and the convolution's part of it: `n_embd_r` and `n_embd_s` of llama-hparams.cpp, 4 bytes each. */
function stateBytes(header: Pick<ModelHeader, 'architecture' | 'metadata'>): { whole: number; convolution: number } {
  const read = reader(header)
  const embedding = read.number('embedding_length', 1)
  const wkv = read.number('wkv.head_size', 0)
  if (wkv > 0) return { whole: 4 * (read.number('token_shift_count', 2) * embedding + embedding * wkv), convolution: 0 }
  const shortConvolution = read.number('shortconv.l_cache', 0)
  if (shortConvolution > 0) return { whole: 4 * embedding * (shortConvolution - 1), convolution: 0 }
  const inner = read.number('ssm.inner_size', 0)
  const size = read.number('ssm.state_size', 0)
  const kernel = read.number('ssm.conv_kernel', 0)
  const groups = read.number('ssm.group_count', 0)
  const convolution = 4 * Math.max(0, kernel - 1) * (inner + 2 * groups * size)
  return { whole: convolution + 4 * size * inner, convolution }
}

function reader(header: Pick<ModelHeader, 'architecture' | 'metadata'>) {
  const value = (key: string) => header.metadata.get(`${header.architecture}.${key}`)
  return {
    number: (key: string, fallback: number): number => {
      const found = value(key)
      return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? found : fallback
    },
    flag: (key: string, fallback: boolean): boolean => {
      const found = value(key)
      return typeof found === 'boolean' ? found : fallback
    },
    /** One number for all layers, or an array with one per layer. */
    perLayer: (key: string, count: number, fallback: number): number[] => {
      const found = value(key)
      const list = Array.isArray(found) ? found : undefined
      return Array.from({ length: count }, (_, layer) => {
        const one = list === undefined ? found : list[layer]
        return typeof one === 'number' && Number.isFinite(one) && one >= 0 ? one : fallback
      })
    },
  }
}

function lengthOf(value: MetadataValue | undefined): number {
  if (Array.isArray(value)) return value.length
  return typeof value === 'object' && 'arrayLength' in value ? value.arrayLength : 0
}
