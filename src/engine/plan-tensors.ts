// The tensors of a model whose file is not here, from the numbers of its shape: names and dimensions as llama.cpp's loader asks for them.
// Pure. What it lists is proved by letting that loader read it (test/proof/plan-simulation.ts).

/** The numbers that decide a model's tensors. */
export interface ModelNumbers {
  readonly layers: number
  readonly embedding: number
  readonly feedForward: number
  readonly heads: number
  readonly keyValueHeads: number | readonly number[]
  readonly keyLength: number
  readonly valueLength: number
  readonly vocabulary: number
  readonly tiedEmbeddings?: boolean
  readonly experts?: number
  readonly expertsUsed?: number
  readonly window?: number
  readonly recurrent?: {
    readonly kernel: number
    readonly inner: number
    readonly state: number
    readonly groups: number
    readonly timeStepRank: number
  }
  readonly positions?: number
  readonly tokenTypes?: number
  readonly classifier?: boolean
}

/** A tensor without a type. */
export interface PlainTensor {
  readonly name: string
  /** The fastest dimension first, as ggml counts. */
  readonly dimensions: readonly number[]
}

type Layer = (numbers: ModelNumbers, layer: number) => readonly (readonly [name: string, ...dimensions: number[]])[]

const layersOf: Readonly<Record<string, Layer>> = {
  llama: (numbers, layer) => [...attention(numbers, layer), ...gatedFeedForward(numbers)],
  mistral3: (numbers, layer) => [...attention(numbers, layer), ...gatedFeedForward(numbers)],
  gemma3: (numbers, layer) => [
    ...attention(numbers, layer),
    ['attn_q_norm.weight', numbers.keyLength],
    ['attn_k_norm.weight', numbers.keyLength],
    ['post_attention_norm.weight', numbers.embedding],
    ...gatedFeedForward(numbers),
    ['post_ffw_norm.weight', numbers.embedding],
  ],
  mamba2: (numbers) => recurrent(numbers),
  bert: (numbers) => encoder(numbers),
  'nomic-bert': (numbers) => joinedEncoder(numbers),
}

/** Whether tensors can be listed for this architecture. */
export function knowsTensors(architecture: string): boolean {
  return Object.hasOwn(layersOf, architecture)
}

/** Every tensor, in no order that matters. Throws for an architecture that is not known. */
export function tensorsOf(architecture: string, numbers: ModelNumbers): readonly PlainTensor[] {
  const layer = layersOf[architecture]
  if (layer === undefined) throw new RangeError(`The tensors of the architecture "${architecture}" are not known.`)
  const blocks = Array.from({ length: numbers.layers }, (_, place) =>
    layer(numbers, place).map(([name, ...dimensions]) => ({ name: `blk.${place}.${name}`, dimensions })),
  )
  return [...outer(architecture, numbers), ...blocks.flat()]
}

/** Weights in all. */
export function parameterCount(tensors: readonly PlainTensor[]): number {
  return tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce((product, one) => product * one, 1), 0)
}

/** What lies before the first layer and behind the last one. */
function outer(architecture: string, numbers: ModelNumbers): PlainTensor[] {
  const { embedding, vocabulary, positions, tokenTypes } = numbers
  const tensors: PlainTensor[] = [{ name: 'token_embd.weight', dimensions: [embedding, vocabulary] }]
  const add = (name: string, ...dimensions: number[]) => tensors.push({ name, dimensions })
  if (architecture === 'bert' || architecture === 'nomic-bert') {
    add('token_embd_norm.weight', embedding)
    add('token_embd_norm.bias', embedding)
    if (tokenTypes !== undefined) add('token_types.weight', embedding, tokenTypes)
    if (positions !== undefined) add('position_embd.weight', embedding, positions)
    if (numbers.classifier === true) {
      add('cls.weight', embedding, embedding)
      add('cls.bias', embedding)
      add('cls.output.weight', embedding, 1)
      add('cls.output.bias', 1)
    }
    return tensors
  }
  add('output_norm.weight', embedding)
  if (numbers.tiedEmbeddings !== true) add('output.weight', embedding, vocabulary)
  return tensors
}

function attention(numbers: ModelNumbers, layer: number): ReturnType<Layer> {
  const { embedding, heads, keyValueHeads, keyLength, valueLength } = numbers
  const shared = typeof keyValueHeads === 'number' ? keyValueHeads : (keyValueHeads[layer] ?? 0)
  return [
    ['attn_norm.weight', embedding],
    ['attn_q.weight', embedding, heads * keyLength],
    ['attn_k.weight', embedding, shared * keyLength],
    ['attn_v.weight', embedding, shared * valueLength],
    ['attn_output.weight', heads * valueLength, embedding],
  ]
}

function gatedFeedForward({ embedding, feedForward, experts }: ModelNumbers): ReturnType<Layer> {
  if (experts === undefined)
    return [
      ['ffn_norm.weight', embedding],
      ['ffn_gate.weight', embedding, feedForward],
      ['ffn_up.weight', embedding, feedForward],
      ['ffn_down.weight', feedForward, embedding],
    ]
  return [
    ['ffn_norm.weight', embedding],
    ['ffn_gate_inp.weight', embedding, experts],
    ['ffn_gate_exps.weight', embedding, feedForward, experts],
    ['ffn_up_exps.weight', embedding, feedForward, experts],
    ['ffn_down_exps.weight', feedForward, embedding, experts],
  ]
}

/** Mamba 2: its state is mixed by heads, one time step each. */
function recurrent({ embedding, recurrent: sizes }: ModelNumbers): ReturnType<Layer> {
  if (sizes === undefined) throw new RangeError('A recurrent model needs the numbers of its state.')
  const { kernel, inner, state, groups, timeStepRank } = sizes
  const convolved = inner + 2 * groups * state
  return [
    ['attn_norm.weight', embedding],
    ['ssm_in.weight', embedding, inner + convolved + timeStepRank],
    ['ssm_conv1d.weight', kernel, convolved],
    ['ssm_conv1d.bias', convolved],
    ['ssm_dt.bias', timeStepRank],
    ['ssm_a', 1, timeStepRank],
    ['ssm_d', 1, timeStepRank],
    ['ssm_norm.weight', inner / groups, groups],
    ['ssm_out.weight', inner, embedding],
  ]
}

function encoder({ embedding, feedForward }: ModelNumbers): ReturnType<Layer> {
  return [
    ...linear('attn_q', embedding, embedding),
    ...linear('attn_k', embedding, embedding),
    ...linear('attn_v', embedding, embedding),
    ...linear('attn_output', embedding, embedding),
    ...norm('attn_output_norm', embedding),
    ...linear('ffn_up', embedding, feedForward),
    ...linear('ffn_down', feedForward, embedding),
    ...norm('layer_output_norm', embedding),
  ]
}

function joinedEncoder({ embedding, feedForward }: ModelNumbers): ReturnType<Layer> {
  return [
    ['attn_qkv.weight', embedding, 3 * embedding],
    ['attn_output.weight', embedding, embedding],
    ...norm('attn_output_norm', embedding),
    ['ffn_gate.weight', embedding, feedForward],
    ['ffn_up.weight', embedding, feedForward],
    ['ffn_down.weight', feedForward, embedding],
    ...norm('layer_output_norm', embedding),
  ]
}

function linear(name: string, input: number, output: number): ReturnType<Layer> {
  return [
    [`${name}.weight`, input, output],
    [`${name}.bias`, output],
  ]
}

function norm(name: string, width: number): ReturnType<Layer> {
  return [
    [`${name}.weight`, width],
    [`${name}.bias`, width],
  ]
}
