// One instance of the llguidance module over its memory: numbers in, numbers out. Knows nothing of requests; a trap makes it useless for good.

import { randomFillSync } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { parserLimits } from './guidance-limits.ts'

/** What a grammar is compiled from. A JSON Schema is given as JSON text, so that the order of its properties is the caller's. */
export interface GuidanceRule {
  readonly type: 'json-schema' | 'lark' | 'regex'
  readonly text: string
}

/** The vocabulary as the module wants it: all bytes in one piece, shared between threads without a copy. */
export interface PackedVocabulary {
  readonly data: Uint8Array<SharedArrayBuffer>
  /** Where token i's bytes end in `data`. */
  readonly ends: Uint32Array<SharedArrayBuffer>
  readonly endOfSequence: readonly number[]
}

/** All of an instance that has compiled a rule, and where the rule's first matcher lies in it. */
export interface CompiledImage {
  readonly image: SharedArrayBuffer
  readonly handle: number
}

/** The instance trapped (a panic, a full memory, a stack that ended): nothing in it may be used again. */
export class GuidanceTrap extends Error {
  override readonly name = 'GuidanceTrap'
}

/** The rule is refused; the message says why, mostly in llguidance's words. */
export class GuidanceRefusal extends Error {
  override readonly name = 'GuidanceRefusal'
  /** It cost too much: a variant of the rule is not worth a try. */
  readonly tooCostly: boolean

  constructor(message: string, tooCostly = false) {
    super(message)
    this.tooCostly = tooCostly
  }
}

interface Exports {
  readonly memory: WebAssembly.Memory
  allocate(length: number): number
  release(pointer: number, length: number): void
  text_pointer(): number
  text_length(): number
  load_vocabulary(
    data: number,
    ends: number,
    tokens: number,
    stops: number,
    stopCount: number,
    limits: number,
    limitsLength: number,
  ): number
  compile(kind: number, rule: number, length: number): number
  clone_matcher(handle: number): number
  free_matcher(handle: number): void
  allows(handle: number, token: number): number
  mask(handle: number): number
  accept(handle: number, token: number): number
  status(handle: number): number
  forced(handle: number): void
}

const pageBytes = 65_536
const kinds = { 'json-schema': 0, lark: 1, regex: 2 } as const
const decoder = new TextDecoder()

/** A matcher's state in bits: what `status` answers; its bit 2, failed, shows in every other call. */
export const stoppedBit = 1
export const acceptingBit = 2

/** Handles are addresses in this instance's memory: valid until freed, and only here. */
export class GuidanceInstance {
  #dead = false
  readonly #exports: Exports

  private constructor(module: WebAssembly.Module) {
    const instance = new WebAssembly.Instance(module, {
      env: {
        now: () => systemClock.elapsed(),
        random: (pointer: number, length: number) => {
          randomFillSync(new Uint8Array(this.#exports.memory.buffer, pointer, length))
        },
      },
    })
    // The cast states what native/guidance/src/lib.rs exports; the module's hash was compared before.
    this.#exports = instance.exports as unknown as Exports
  }

  /** Builds the token tree: 0.3 s for 49,152 tokens, 2 s for 262,144. Everything later starts from an image of it. */
  static build(module: WebAssembly.Module, vocabulary: PackedVocabulary): GuidanceInstance {
    const instance = new GuidanceInstance(module)
    instance.#load(vocabulary)
    return instance
  }

  /** A fresh instance in the state that `image` was taken in; tens of milliseconds, nearly all of it copying. */
  static restore(module: WebAssembly.Module, image: SharedArrayBuffer): GuidanceInstance {
    const instance = new GuidanceInstance(module)
    const memory = instance.#exports.memory
    memory.grow(Math.max(0, image.byteLength - memory.buffer.byteLength) / pageBytes)
    new Uint8Array(memory.buffer).set(new Uint8Array(image))
    return instance
  }

  /** True after a trap. */
  get dead(): boolean {
    return this.#dead
  }

  /** Size of its memory, which never shrinks. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength
  }

  /** All of its state: what the memory holds is everything, because the module keeps no mutable table and its stack is empty between calls. */
  image(): SharedArrayBuffer {
    const image = new SharedArrayBuffer(this.memoryBytes)
    new Uint8Array(image).set(new Uint8Array(this.#exports.memory.buffer))
    return image
  }

  /** A handle to a matcher at the start of the rule. @throws GuidanceRefusal with the reason, GuidanceTrap */
  compile(rule: GuidanceRule): { readonly handle: number; readonly warnings: readonly string[] } {
    const handle = this.#withBytes(Buffer.from(rule.text), (pointer, length) =>
      this.#call(() => this.#exports.compile(kinds[rule.type], pointer, length)),
    )
    if (handle === 0) throw new GuidanceRefusal(this.#text())
    return { handle, warnings: this.#text().split('\n').filter(Boolean) }
  }

  clone(handle: number): number {
    return this.#call(() => this.#exports.clone_matcher(handle))
  }

  free(handle: number): void {
    if (!this.#dead) this.#call(() => this.#exports.free_matcher(handle))
  }

  allows(handle: number, token: number): boolean {
    const answer = this.#call(() => this.#exports.allows(handle, token))
    if (answer < 0) throw new GuidanceRefusal(this.#text())
    return answer === 1
  }

  /** Copies the mask into `target`, one bit a token, least significant first. */
  mask(handle: number, target: Uint32Array): void {
    const pointer = this.#call(() => this.#exports.mask(handle))
    if (pointer === 0) throw new GuidanceRefusal(this.#text())
    target.set(new Uint32Array(this.#exports.memory.buffer, pointer, target.length))
  }

  accept(handle: number, token: number): void {
    const answer = this.#call(() => this.#exports.accept(handle, token))
    if (answer < 0) throw new GuidanceRefusal(this.#text())
  }

  status(handle: number): number {
    return this.#call(() => this.#exports.status(handle))
  }

  /** The bytes that must come next; empty when there is a choice. */
  forced(handle: number): Uint8Array {
    this.#call(() => this.#exports.forced(handle))
    return this.#textBytes()
  }

  #load(vocabulary: PackedVocabulary): void {
    const { data, ends, endOfSequence } = vocabulary
    const bytesOf = (array: Uint32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    const limits = Buffer.from(JSON.stringify(parserLimits))
    const loaded = this.#withBytes(data, (dataAt) =>
      this.#withBytes(bytesOf(ends), (endsAt) =>
        this.#withBytes(bytesOf(Uint32Array.from(endOfSequence)), (stopsAt) =>
          this.#withBytes(limits, (limitsAt, limitsLength) =>
            this.#call(() =>
              this.#exports.load_vocabulary(
                dataAt,
                endsAt,
                ends.length,
                stopsAt,
                endOfSequence.length,
                limitsAt,
                limitsLength,
              ),
            ),
          ),
        ),
      ),
    )
    if (loaded !== 1) throw new GuidanceRefusal(this.#text())
  }

  #withBytes<T>(bytes: Uint8Array, work: (pointer: number, length: number) => T): T {
    const pointer = this.#call(() => this.#exports.allocate(bytes.length))
    new Uint8Array(this.#exports.memory.buffer, pointer, bytes.length).set(bytes)
    const result = work(pointer, bytes.length)
    this.#call(() => this.#exports.release(pointer, bytes.length))
    return result
  }

  /** Every entry into the module: a trap (WebAssembly.RuntimeError) or a full stack (RangeError) marks the instance dead. */
  #call<T>(work: () => T): T {
    if (this.#dead) throw new GuidanceTrap('this instance trapped before')
    try {
      return work()
    } catch (error) {
      this.#dead = true
      throw new GuidanceTrap(this.#lastWords() || String(error), { cause: error })
    }
  }

  /** A panic leaves its message in the text buffer before it traps. */
  #lastWords(): string {
    try {
      const text = this.#text()
      return text.includes('panicked') ? text : ''
    } catch {
      return ''
    }
  }

  #text(): string {
    return decoder.decode(this.#textBytes())
  }

  #textBytes(): Uint8Array {
    const { memory, text_pointer, text_length } = this.#exports
    return new Uint8Array(memory.buffer, text_pointer(), text_length()).slice()
  }
}
