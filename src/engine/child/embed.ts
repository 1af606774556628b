// Texts to unit vectors on a context, a chunk a step, so that generation can go on between steps. Token outputs are pooled here and not in the
// library, whose pooling is silently wrong for sequences of different length and for texts longer than a micro-batch (measured).

import { fail } from '../../base/errors.ts'
import type { Context } from './context.ts'
import type { LoadedModel } from './llama-model.ts'

/** How the vectors of a text's tokens become the text's: their mean, the first token's or the last token's. */
export type TextPooling = 'mean' | 'cls' | 'last'

/** What a GGUF says of pooling: LLAMA_POOLING_TYPE_* 1–4. `undefined`: nothing, as with models that were made to generate. */
export function poolingOf(model: LoadedModel): TextPooling | 'rank' | undefined {
  const value = model.metadata(`${model.architecture}.pooling_type`)
  return ({ '1': 'mean', '2': 'cls', '3': 'last', '4': 'rank' } as const)[value ?? '']
}

/** A text that is under way. */
interface Progress {
  readonly tokens: Int32Array
  readonly stream: number
  /** Place among the texts that were given. */
  readonly index: number
  next: number
  readonly sum: Float64Array
}

/** The embedding of some texts. Call `step` until `done`; between steps the context may be used for other streams. */
export class EmbeddingJob {
  readonly #context: Context
  readonly #pooling: TextPooling
  readonly #texts: readonly Int32Array[]
  readonly #freeStreams: number[]
  readonly #vectors: (Float32Array | undefined)[]
  #running: Progress[] = []
  #next = 0

  /**
   * `texts` are token ids as `tokenize` with `addSpecial` gives them; `streams` are free and stay ours until `done`. Throws
   * `context_length_exceeded` for a text that no stream can hold, and a RangeError for an empty one.
   */
  constructor(context: Context, pooling: TextPooling, texts: readonly Int32Array[], streams: readonly number[]) {
    const limit = longestText(context)
    for (const text of texts) {
      if (text.length > limit) throw fail('context_length_exceeded', { limit, promptTokens: text.length })
      if (text.length === 0) throw new RangeError('A text without tokens has no embedding.')
    }
    if (streams.length === 0) throw new RangeError('Embedding needs at least one stream.')
    this.#context = context
    this.#pooling = pooling
    this.#texts = texts
    this.#freeStreams = [...streams]
    this.#vectors = new Array<Float32Array | undefined>(texts.length)
  }

  /** Whether every text has its vector. */
  get done(): boolean {
    return this.#next === this.#texts.length && this.#running.length === 0
  }

  /** One vector of length 1 per text, in order, once `done`. */
  get vectors(): readonly Float32Array[] {
    return this.#vectors.map((vector) => {
      if (vector === undefined) throw new Error('The embedding is not done yet.')
      return vector
    })
  }

  /**
   * Decodes the next chunk, at most `most` tokens of it where the model can take a text in pieces. Leaves embeddings on: whoever generates
   * next turns them off. False when it was stopped: step again.
   */
  async step(most = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.#context.setEmbeddings(true)
    this.#admit()
    const capacity = chunkCapacity(this.#context)
    const rows = this.#fill(this.#context.model.causal ? Math.max(1, Math.min(capacity, most)) : capacity)
    const result = await this.#context.decode()
    if (result === 'stopped') return this.#restart()
    if (result === 'full') throw new Error('A stream was not free for an embedding.')
    for (const { progress, from, row, count } of rows) this.#take(progress, from, row, count)
    this.#running = this.#running.filter((progress) => !this.#finished(progress))
    return true
  }

  /** Gives up: empties our streams. */
  cancel(): void {
    for (const { stream } of this.#running) this.#context.clear(stream)
    this.#running = []
    this.#next = this.#texts.length
  }

  /** A model without memory needs a text whole in one batch; others take it in chunks, so every free stream starts a text. */
  #admit(): void {
    let room = chunkCapacity(this.#context) - this.#running.reduce((sum, one) => sum + one.tokens.length - one.next, 0)
    for (;;) {
      const tokens = this.#texts[this.#next]
      if (tokens === undefined || room <= 0) return
      if (!this.#context.model.causal && tokens.length > room) return
      const stream = this.#freeStreams.pop()
      if (stream === undefined) return
      this.#context.clear(stream)
      const sum = new Float64Array(this.#context.model.embeddingLength)
      this.#running.push({ tokens, stream, index: this.#next, next: 0, sum })
      this.#next += 1
      room -= tokens.length
    }
  }

  #fill(capacity: number): { progress: Progress; from: number; row: number; count: number }[] {
    const { batch } = this.#context
    batch.clear()
    const rows: { progress: Progress; from: number; row: number; count: number }[] = []
    for (const progress of this.#running) {
      const count = Math.min(capacity - batch.length, progress.tokens.length - progress.next)
      if (count <= 0) continue
      const row = batch.length
      for (let i = 0; i < count; i++)
        batch.add(progress.tokens[progress.next + i] ?? 0, progress.next + i, progress.stream, true)
      rows.push({ progress, from: progress.next, row, count })
    }
    return rows
  }

  #take(progress: Progress, from: number, row: number, count: number): void {
    const last = progress.tokens.length - 1
    for (let i = 0; i < count; i++) {
      const position = from + i
      const wanted = this.#pooling === 'mean' || position === (this.#pooling === 'cls' ? 0 : last)
      if (wanted) addTo(progress.sum, this.#context.embedding(row + i))
    }
    progress.next = from + count
  }

  #finished(progress: Progress): boolean {
    if (progress.next < progress.tokens.length) return false
    this.#vectors[progress.index] = unitVector(progress.sum)
    this.#context.clear(progress.stream)
    this.#freeStreams.push(progress.stream)
    return true
  }

  /** A stopped decode keeps some micro-batches and not others: the texts under way start again. */
  #restart(): false {
    for (const progress of this.#running) {
      this.#context.clear(progress.stream)
      progress.sum.fill(0)
      progress.next = 0
    }
    return false
  }
}

/** Tokens that one step can take: with embeddings on, every token is an output. */
function chunkCapacity(context: Context): number {
  return Math.min(context.batch.capacity, context.batch.outputCapacity)
}

/** Tokens of the longest text that can be embedded on a context. */
export function longestText(context: Context): number {
  return context.model.causal ? context.contextLength : Math.min(context.contextLength, chunkCapacity(context))
}

function addTo(sum: Float64Array, vector: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (vector[i] as number)
}

/** Scales to length 1; a vector of zeros stays as it is. */
export function unitVector(values: ArrayLike<number>): Float32Array {
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] as number) ** 2
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0
  return Float32Array.from(values, (value) => value * scale)
}

/** Cosine of two unit vectors: their similarity, −1 … 1. */
export function cosine(one: Float32Array, other: Float32Array): number {
  let sum = 0
  for (let i = 0; i < one.length; i++) sum += (one[i] as number) * (other[i] as number)
  return sum
}
