// One view over an output buffer of the library, made anew only when the library moved or grew it.

import koffi from 'koffi'
import type { Pointer } from './llama.ts'

/** Rows of floats that the last decode left in native memory. Views are valid until the next decode. */
export class NativeRows {
  readonly #locate: () => Pointer | null
  #base: Pointer | undefined
  #floats = new Float32Array(0)
  #fresh = false

  /** `locate` asks the library for the buffer; it also waits for the computation and puts the rows in order. */
  constructor(locate: () => Pointer | null) {
    this.#locate = locate
  }

  /** To be called before each decode. */
  stale(): void {
    this.#fresh = false
  }

  /** The first `length` floats of the buffer, or more. */
  rows(length: number): Float32Array {
    if (this.#fresh && this.#floats.length >= length) return this.#floats
    const base = this.#locate()
    if (base === null) throw new Error('The engine holds no output: nothing was decoded that asked for one.')
    if (base !== this.#base || this.#floats.length < length) {
      this.#base = base
      this.#floats = new Float32Array(koffi.view(base, length * 4))
    }
    this.#fresh = true
    return this.#floats
  }
}
