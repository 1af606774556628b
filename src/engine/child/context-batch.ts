// The arrays of a llama_batch in native memory, allocated once and written without any allocation per token.

import koffi from 'koffi'
import type { StructValue } from './layout.ts'
import type { Pointer } from './llama.ts'

/** Tokens to decode in one step. `add` gives the row by which logits or embeddings are asked for afterwards. */
export class Batch {
  /** Tokens it can hold. */
  readonly capacity: number
  /** Of those, how many may ask for an output. */
  readonly outputCapacity: number
  readonly #tokens: Int32Array
  readonly #positions: Int32Array
  readonly #sequences: Int32Array
  readonly #outputs: Int8Array
  /** Row → place among the outputs, or −1. */
  readonly #places: Int32Array
  readonly #pointers: readonly Pointer[]
  readonly #struct: StructValue
  #length = 0
  #outputCount = 0

  constructor(capacity: number, outputCapacity: number) {
    this.capacity = capacity
    this.outputCapacity = outputCapacity
    const allocate = (type: string, bytes: number): { pointer: Pointer; memory: ArrayBuffer } => {
      const pointer = koffi.alloc(type, capacity) as Pointer
      return { pointer, memory: koffi.view(pointer, capacity * bytes) }
    }
    const tokens = allocate('int32_t', 4)
    const positions = allocate('int32_t', 4)
    const counts = allocate('int32_t', 4)
    const sequences = allocate('int32_t', 4)
    const lists = allocate('uint64_t', 8)
    const outputs = allocate('int8_t', 1)
    this.#tokens = new Int32Array(tokens.memory)
    this.#positions = new Int32Array(positions.memory)
    this.#sequences = new Int32Array(sequences.memory)
    this.#outputs = new Int8Array(outputs.memory)
    this.#places = new Int32Array(capacity)
    // Every token belongs to exactly one sequence, so these two never change.
    new Int32Array(counts.memory).fill(1)
    new BigUint64Array(lists.memory).forEach((_, row, all) => {
      all[row] = sequences.pointer + BigInt(row * 4)
    })
    this.#pointers = [tokens, positions, counts, sequences, lists, outputs].map((part) => part.pointer)
    this.#struct = {
      n_tokens: 0,
      token: tokens.pointer,
      embd: null,
      pos: positions.pointer,
      n_seq_id: counts.pointer,
      seq_id: lists.pointer,
      logits: outputs.pointer,
    }
  }

  /** Tokens in it now. */
  get length(): number {
    return this.#length
  }

  /** Of those, how many ask for an output. */
  get outputCount(): number {
    return this.#outputCount
  }

  /** Room left for tokens. */
  get room(): number {
    return this.capacity - this.#length
  }

  /** Empties it. Call before filling the next step. */
  clear(): void {
    this.#length = 0
    this.#outputCount = 0
  }

  /** Adds a token of a sequence at a position; returns its row. `output` asks for logits (or an embedding) of that row. */
  add(token: number, position: number, sequence: number, output: boolean): number {
    const row = this.#length
    if (row >= this.capacity) throw new RangeError(`A batch holds at most ${this.capacity} tokens.`)
    if (output && this.#outputCount >= this.outputCapacity)
      throw new RangeError(`A batch gives at most ${this.outputCapacity} outputs.`)
    this.#tokens[row] = token
    this.#positions[row] = position
    this.#sequences[row] = sequence
    this.#outputs[row] = output ? 1 : 0
    this.#places[row] = output ? this.#outputCount++ : -1
    this.#length = row + 1
    return row
  }

  /** Place of a row among the outputs, or −1 when it asked for none. */
  place(row: number): number {
    return row >= 0 && row < this.#length ? (this.#places[row] ?? -1) : -1
  }

  /** Token ids added so far, for checking before a call: a view, valid until `clear`. */
  get tokens(): Int32Array {
    return this.#tokens.subarray(0, this.#length)
  }

  /** Sequence of each row: a view, valid until `clear`. */
  get sequences(): Int32Array {
    return this.#sequences.subarray(0, this.#length)
  }

  /** Position of each row: a view, valid until `clear`. */
  get positions(): Int32Array {
    return this.#positions.subarray(0, this.#length)
  }

  /** The struct to hand to llama_decode. */
  toStruct(): StructValue {
    this.#struct['n_tokens'] = this.#length
    return this.#struct
  }

  /** Gives the native memory back; the batch must not be used afterwards. */
  free(): void {
    for (const pointer of this.#pointers) koffi.free(pointer)
  }
}
