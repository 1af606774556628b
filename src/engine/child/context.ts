// A typed llama_context: streams of KV, one preallocated batch, decoding on or off the event loop, logits without a copy.
// Every call that could end the process is checked before it is made. Knows no prompt and no policy: the scheduler decides.

import { promisify } from 'node:util'
import koffi from 'koffi'
import { Batch } from './context-batch.ts'
import { type ContextOptions, toParams } from './context-options.ts'
import { NativeRows } from './context-rows.ts'
import { createSoftMax, type SoftMax } from './context-softmax.ts'
import { ContextStreams } from './context-streams.ts'
import { attachStopFlag, createThreadPool, type StopFlag, type ThreadPool } from './context-threads.ts'
import type { Llama, Pointer } from './llama.ts'
import type { LoadedModel } from './llama-model.ts'

/** How a decode ended: `full` = a stream has no room (nothing changed); `stopped` = the stop flag was raised (finished micro-batches stay: remove them). */
export type DecodeResult = 'done' | 'full' | 'stopped'

/** What a context took, MiB, as its log said: KV cells, recurrent state, compute and output buffers. */
export interface ContextMemory {
  readonly kv: number
  readonly state: number
  readonly compute: number
  readonly output: number
}

/** An adapter that was loaded for the same model, and how strongly it applies. */
export interface AppliedAdapter {
  readonly pointer: Pointer
  readonly scale: number
}

/** One context of one model. Not for two callers at once: no call may be made while `decode()` is pending, except `stop()`. */
export class Context {
  /** Filled by the caller before each decode: `clear()`, then `add()` per token. */
  readonly batch: Batch
  readonly model: LoadedModel
  readonly options: ContextOptions
  /** Parallel sequences; ids are 0 … streams − 1. */
  readonly streams: number
  /** Tokens that one stream holds (rounded up to 256 by the library). */
  readonly contextLength: number
  readonly memory: ContextMemory
  readonly #llama: Llama
  readonly #pointer: Pointer
  readonly #streams: ContextStreams
  readonly #logits: NativeRows
  readonly #hidden: NativeRows
  readonly #threads: ThreadPool
  readonly #stop: StopFlag
  readonly #softMax: SoftMax
  readonly #decodeAsync: (context: Pointer, batch: Record<string, unknown>) => Promise<number>
  #adapters: readonly AppliedAdapter[] = []
  #threadCount: number
  /** What the library was told. */
  #threadsUsed: number
  #embeddings: boolean
  /** Attention in both directions sees a batch only as a whole. */
  readonly #wholeBatch: boolean
  #busy = false

  constructor(llama: Llama, model: LoadedModel, options: ContextOptions) {
    this.#llama = llama
    this.model = model
    this.options = options
    const { pointer, memory } = createNative(llama, model, options)
    this.#pointer = pointer
    this.memory = memory
    const streamMiB = options.layout === 'split' ? (memory.kv + memory.state) / options.streams : 0
    this.#streams = new ContextStreams(llama, model, pointer, streamMiB)
    this.#logits = new NativeRows(() => llama.logits(pointer))
    this.#hidden = new NativeRows(() => llama.embeddings(pointer))
    this.streams = llama.contextSequences(pointer)
    // A unified pool would let one sequence take everybody's cells: the length that was planned is the limit in both layouts.
    this.contextLength = Math.min(llama.contextCellsPerSequence(pointer), Math.ceil(options.contextLength / 256) * 256)
    this.batch = new Batch(llama.contextBatch(pointer), Math.min(options.outputs, llama.contextBatch(pointer)))
    this.#threads = createThreadPool(llama, options.threads)
    llama.attachThreadpool(pointer, this.#threads.pointer, this.#threads.pointer)
    llama.setThreads(pointer, options.threads, options.threads)
    this.#threadCount = this.#threadsUsed = options.threads
    this.#stop = attachStopFlag(llama, pointer)
    this.#softMax = createSoftMax(llama, model.vocabulary.size)
    this.#decodeAsync = promisify(llama.decode.async)
    this.#embeddings = options.embeddings ?? false
    this.#wholeBatch = !model.causal || llama.contextMemory(pointer) === null
  }

  /** Decodes the batch off the event loop. Throws when the library refuses the batch or fails. */
  async decode(): Promise<DecodeResult> {
    this.#begin()
    try {
      return this.#end(await this.#decodeAsync(this.#pointer, this.batch.toStruct()))
    } finally {
      this.#busy = false
    }
  }

  /** The same, on the event loop: for tests and single steps that are known to be short. */
  decodeSync(): DecodeResult {
    this.#begin()
    try {
      return this.#end(this.#llama.decode(this.#pointer, this.batch.toStruct()))
    } finally {
      this.#busy = false
    }
  }

  /** Ends a pending decode early; it then reports `stopped`. Takes effect within 1–12 ms. */
  stop(): void {
    if (this.#busy) this.#stop.raise()
  }

  /**
   * Logits of a row that asked for an output: a view over native memory, one float per token of the vocabulary.
   * Valid until the next decode; writing into it is allowed (samplers do).
   */
  logits(row: number): Float32Array {
    const place = this.#place(row)
    const { size } = this.model.vocabulary
    return this.#allLogits().subarray(place * size, (place + 1) * size)
  }

  /** Logarithm of the sum of exponentials over a row's logits: `logit − logSumExp` is a log-probability. */
  logSumExp(row: number): number {
    const place = this.#place(row)
    const { size } = this.model.vocabulary
    return this.#softMax.logSumExp(this.#allLogits().subarray(place * size, (place + 1) * size))
  }

  /** Hidden state of a row after the last layer: a view, valid until the next decode. Only after a decode with embeddings on. */
  embedding(row: number): Float32Array {
    const place = this.#place(row)
    const length = this.model.embeddingLength
    if (!this.#embeddings) throw new Error('Embeddings were off in the last decode.')
    return this.#hidden.rows(this.batch.length * length).subarray(place * length, (place + 1) * length)
  }

  /** Pooled output of a sequence, `length` floats copied: classifier scores with pooling `rank`. */
  pooled(sequence: number, length: number): Float32Array {
    this.#checkSequence(sequence)
    return this.#floats(this.#llama.embeddingOfSequence(this.#pointer, sequence), length)
  }

  /** Whether every token yields a hidden state. Costs the next step about 4 ms (a new graph), so switch rarely. */
  setEmbeddings(on: boolean): void {
    this.#idle()
    if (on === this.#embeddings) return
    this.#embeddings = on
    this.#llama.setEmbeddings(this.#pointer, on)
  }

  /** How many of its threads the next decodes compute on. May be called while one runs. */
  setThreads(count: number): void {
    if (count < 1 || count > this.options.threads) throw new RangeError(`${count} of ${this.options.threads} threads.`)
    this.#threadCount = count
  }

  /** Threads of the next decode. */
  get threads(): number {
    return this.#threadCount
  }

  /** Which adapters apply to every token of the next decodes; an empty list is the plain model. Only a change costs a new graph. */
  setAdapters(adapters: readonly AppliedAdapter[]): void {
    this.#idle()
    const same =
      adapters.length === this.#adapters.length &&
      adapters.every((it, i) => it.pointer === this.#adapters[i]?.pointer && it.scale === this.#adapters[i]?.scale)
    if (same) return
    this.#adapters = [...adapters]
    if (adapters.length === 0) this.#llama.setAdapters(this.#pointer, null, 0, null)
    else {
      const pointers = koffi.alloc('uint64_t', adapters.length) as Pointer
      new BigUint64Array(koffi.view(pointers, adapters.length * 8)).set(adapters.map((it) => it.pointer))
      this.#llama.setAdapters(
        this.#pointer,
        pointers,
        adapters.length,
        Float32Array.from(adapters, (it) => it.scale),
      )
      koffi.free(pointers)
    }
  }

  /** Empties a stream. Never fails. */
  clear(sequence: number): void {
    this.#checkSequence(sequence)
    this.#streams.clear(sequence)
  }

  /**
   * Keeps the first `length` tokens of a stream. False when that cannot be had (recurrent state cannot go back; a sliding window has
   * moved on): the stream is then empty and must be filled again.
   */
  trim(sequence: number, length: number): boolean {
    this.#checkSequence(sequence)
    return this.#streams.trim(sequence, length)
  }

  /**
   * Copies the first `length` tokens of one stream to another, whatever the other held: at once, or at the start of the next decode,
   * whichever is cheaper. False (and the target empty) under the same conditions as `trim`.
   */
  copyPrefix(source: number, target: number, length: number): boolean {
    this.#checkSequence(source)
    this.#checkSequence(target)
    return this.#streams.copyPrefix(source, target, length)
  }

  /** Milliseconds that `copyPrefix` from this stream is expected to take. */
  copyMs(source: number): number {
    this.#checkSequence(source)
    return this.#streams.copyMs(source)
  }

  /** Position of the first token that a stream still holds; −1 when empty. Above 0 only with a sliding window or recurrent state. */
  firstPosition(sequence: number): number {
    this.#checkSequence(sequence)
    return this.#streams.first(sequence)
  }

  /** Position of a stream's last token; −1 when empty. */
  lastPosition(sequence: number): number {
    this.#checkSequence(sequence)
    return this.#streams.last(sequence)
  }

  /** Whether decoding may go on at position `length` and give the same as a prefill would. */
  holds(sequence: number, length: number): boolean {
    this.#checkSequence(sequence)
    return this.#streams.holds(sequence, length)
  }

  /**
   * A stream's state as bytes, to restore later into any stream of a context with the same streams, KV type and flash attention.
   * Throws for a stream that a queued copy touches: decode first.
   */
  saveState(sequence: number): Buffer {
    this.#checkSequence(sequence)
    return this.#streams.save(sequence)
  }

  /** Puts a saved state into a stream, replacing what it held. False when it does not fit; the stream is then empty. Throws like `saveState`. */
  restoreState(sequence: number, state: Uint8Array): boolean {
    this.#checkSequence(sequence)
    return this.#streams.restore(sequence, state)
  }

  /** Gives everything back. The model is freed after its contexts, never before. */
  free(): void {
    this.#idle()
    this.#llama.detachThreadpool(this.#pointer)
    this.#stop.free()
    this.#llama.contextFree(this.#pointer)
    this.#threads.free()
    this.#softMax.free()
    this.batch.free()
  }

  #useThreads(): void {
    const { threads } = this
    if (threads === this.#threadsUsed) return
    this.#threadsUsed = threads
    this.#llama.setThreads(this.#pointer, threads, threads)
  }

  #begin(): void {
    this.#idle()
    this.#useThreads()
    const { batch } = this
    if (batch.length === 0) throw new RangeError('An empty batch was given to decode.')
    if (this.#embeddings && batch.length > batch.outputCapacity)
      throw new RangeError(
        `With embeddings every token is an output, and a batch gives at most ${batch.outputCapacity}.`,
      )
    if (this.#wholeBatch && batch.length > this.#llama.contextMicroBatch(this.#pointer))
      throw new RangeError('Attention in both directions needs the whole batch in one micro-batch.')
    this.#stop.lower()
    this.#logits.stale()
    this.#hidden.stale()
    this.#busy = true
  }

  #end(code: number): DecodeResult {
    this.#streams.decoded()
    if (code === 0) return 'done'
    if (code === 1) return 'full'
    if (code === 2) return 'stopped'
    throw new Error(`The engine could not decode a batch of ${this.batch.length} tokens (code ${code}).`)
  }

  #idle(): void {
    if (this.#busy) throw new Error('A decode is running on this context.')
  }

  #checkSequence(sequence: number): void {
    this.#idle()
    if (!Number.isInteger(sequence) || sequence < 0 || sequence >= this.streams)
      throw new RangeError(`Stream ${sequence} is not one of this context's ${this.streams}.`)
  }

  #place(row: number): number {
    this.#idle()
    const place = this.#embeddings ? row : this.batch.place(row)
    if (place < 0 || row >= this.batch.length) throw new RangeError(`Row ${row} of the batch asked for no output.`)
    return place
  }

  #allLogits(): Float32Array {
    const count = this.#embeddings ? this.batch.length : this.batch.outputCount
    return this.#logits.rows(count * this.model.vocabulary.size)
  }

  #floats(pointer: Pointer | null, length: number): Float32Array {
    if (pointer === null) throw new Error('The engine holds no embedding for this: embeddings were off.')
    return new Float32Array(koffi.view(pointer, length * 4)).slice()
  }
}

function createNative(
  llama: Llama,
  model: LoadedModel,
  options: ContextOptions,
): { pointer: Pointer; memory: ContextMemory } {
  const sizes = { kv: 0, state: 0, compute: 0, output: 0 }
  let reason = 'no reason given'
  const listen = (level: string, line: string) => {
    const found = /(KV|RS|compute|output) buffer size = +([0-9.]+) MiB/.exec(line)
    const kind = { KV: 'kv', RS: 'state', compute: 'compute', output: 'output' }[found?.[1] ?? '']
    if (kind !== undefined) sizes[kind as keyof typeof sizes] += Number(found?.[2])
    if (level === 'error') reason = line
  }
  llama.library.listeners.add(listen)
  try {
    const pointer = llama.contextCreate(model.pointer, toParams(llama.contextDefaults(), options))
    if (pointer === null) throw new Error(`The engine could not make a context for ${model.path}: ${reason}`)
    return { pointer, memory: sizes }
  } finally {
    llama.library.listeners.delete(listen)
  }
}
