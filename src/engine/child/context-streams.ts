// The KV memory of a context, stream by stream: emptying, trimming, copying, saving and restoring. Knows no decode and no policy.
// Many return values of the library lie here (engine notes in docs/decisions): only positions tell what a stream holds.

import type { Llama, Pointer } from './llama.ts'
import type { LoadedModel } from './llama-model.ts'

/** Measured with SmolLM2 on two cores: the whole buffer through the library, and the cells in use through their state. */
const bufferMsPerMiB = 0.11
const stateMsPerMiB = 0.23

/** Sequence operations of one context. Stream ids are checked by the caller. */
export class ContextStreams {
  readonly #llama: Llama
  readonly #model: LoadedModel
  readonly #context: Pointer
  /** `null` for models without memory (BERT). */
  readonly #memory: Pointer | null
  readonly #contextLength: number
  /** Cells of one stream, MiB; 0 where streams share one pool and a copy moves nothing. */
  readonly #streamMiB: number
  /** Streams that a queued copy reads or writes; it runs at the start of the next decode. */
  readonly #queued = new Set<number>()
  /** Kept between copies: touching fresh pages would take ten times as long as the copy. */
  #scratch = Buffer.alloc(0)

  constructor(llama: Llama, model: LoadedModel, context: Pointer, streamMiB: number) {
    this.#llama = llama
    this.#model = model
    this.#context = context
    this.#memory = llama.contextMemory(context)
    this.#contextLength = llama.contextCellsPerSequence(context)
    this.#streamMiB = streamMiB
  }

  /** To be called after each decode: what was queued has happened. */
  decoded(): void {
    this.#queued.clear()
  }

  /** Empties a stream. Never fails. */
  clear(sequence: number): void {
    if (this.#memory !== null) this.#llama.memoryRemove(this.#memory, sequence, -1, -1)
  }

  /** Keeps the first `length` tokens, or nothing (false). */
  trim(sequence: number, length: number): boolean {
    if (this.#memory === null) return false
    if (length <= 0) {
      this.clear(sequence)
      return true
    }
    const removed = this.#llama.memoryRemove(this.#memory, sequence, length, -1)
    if (removed && this.holds(sequence, length)) return true
    this.clear(sequence)
    return false
  }

  /** Copies the first `length` tokens of one stream to another, or leaves the other empty (false). */
  copyPrefix(source: number, target: number, length: number): boolean {
    if (this.#memory === null) return false
    if (source === target) return this.trim(target, length)
    this.clear(target)
    if (this.#copiesByState(source, target)) {
      const size = this.#read(source)
      if (!this.#write(target, this.#scratch.subarray(0, size))) return false
    } else {
      // A copy of a part aborts between streams, so the whole is copied and trimmed.
      this.#llama.memoryCopy(this.#memory, source, target, -1, -1)
      this.#queued.add(source).add(target)
    }
    return this.trim(target, length)
  }

  /** Milliseconds that a copy of a stream is expected to take: a stream of a large model at a long context is gigabytes. */
  copyMs(source: number): number {
    if (!this.#copiesByState(source, source)) return this.#streamMiB * bufferMsPerMiB
    return this.#streamMiB * ((this.last(source) + 1) / this.#contextLength) * stateMsPerMiB
  }

  /**
   * A queued copy moves the stream's whole buffer, a state only the cells in use: so a stream that is less than 40 % full is copied by its
   * state. Not where a state holds less than the cells: windows, recurrence.
   */
  #copiesByState(source: number, target: number): boolean {
    const { slidingWindow, recurrent, hybrid } = this.#model
    if (slidingWindow > 0 || recurrent || hybrid) return false
    if (this.#queued.has(source) || this.#queued.has(target)) return false
    return this.last(source) + 1 < this.#contextLength * 0.4
  }

  /** Position of the first token held; −1 when empty. */
  first(sequence: number): number {
    return this.#memory === null ? -1 : this.#llama.memoryFirst(this.#memory, sequence)
  }

  /** Position of the last token held; −1 when empty. */
  last(sequence: number): number {
    return this.#memory === null ? -1 : this.#llama.memoryLast(this.#memory, sequence)
  }

  /** Whether decoding at position `length` gives the same as a prefill of everything before would. */
  holds(sequence: number, length: number): boolean {
    if (this.last(sequence) !== length - 1) return false
    const { slidingWindow, recurrent, hybrid } = this.#model
    if (recurrent || hybrid) return true
    return this.first(sequence) <= (slidingWindow > 0 ? Math.max(0, length - slidingWindow) : 0)
  }

  /** A stream's state in a buffer of its own. */
  save(sequence: number): Buffer {
    this.#settled(sequence)
    const size = Number(this.#llama.stateSize(this.#context, sequence, 0))
    const state = Buffer.allocUnsafeSlow(size)
    const written = Number(this.#llama.stateGet(this.#context, state, size, sequence, 0))
    return state.subarray(0, written)
  }

  /** Puts a saved state into a stream; false (and the stream empty) when it does not fit. */
  restore(sequence: number, state: Uint8Array): boolean {
    this.#settled(sequence)
    return this.#write(sequence, state)
  }

  #read(sequence: number): number {
    const size = Number(this.#llama.stateSize(this.#context, sequence, 0))
    if (this.#scratch.length < size) this.#scratch = Buffer.allocUnsafeSlow(size)
    return Number(this.#llama.stateGet(this.#context, this.#scratch, size, sequence, 0))
  }

  #write(sequence: number, state: Uint8Array): boolean {
    const read = state.length === 0 ? 0 : Number(this.#llama.stateSet(this.#context, state, state.length, sequence, 0))
    if (read === 0) this.clear(sequence)
    return read > 0
  }

  /** A queued copy has not moved its bytes yet: a state read or written now would be the wrong one. */
  #settled(sequence: number): void {
    if (this.#queued.has(sequence))
      throw new Error(`Stream ${sequence} takes part in a copy that runs with the next decode: decode first.`)
  }
}
