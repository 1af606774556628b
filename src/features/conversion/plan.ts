// What a converted file will hold: metadata, and each tensor with where its numbers come from. Pure; the architectures fill it in.

import type { GgufValue } from '../../formats/gguf.ts'
import type { SafeTensor } from '../../formats/safetensors.ts'
import { type WeightType, weightTypes } from '../../formats/weights.ts'
import { refused } from './folder.ts'

/** One tensor to be written. */
export interface PlannedTensor {
  readonly name: string
  /** The fastest dimension first, as ggml counts. */
  readonly shape: readonly number[]
  readonly type: WeightType
  /** Tensors of one size whose numbers follow one another, zeros in the place of one that is undefined, or the numbers themselves. */
  readonly from: readonly (string | undefined)[] | Float32Array
  /** Numbers at the beginning of each source that are left out. */
  readonly skip?: number
  /** Heads whose rows are reordered from halves to pairs. */
  readonly pairs?: { readonly headRows: number }
}

/** A model in GGUF's words. */
export interface ConversionPlan {
  readonly architecture: string
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly PlannedTensor[]
  /** What a person should know, a sentence each. */
  readonly remarks: readonly string[]
}

/** Collects the tensors of a model, each compared with the shape that the configuration asks for. */
export class TensorCollector {
  readonly tensors: PlannedTensor[] = []
  readonly #source: ReadonlyMap<string, SafeTensor>
  readonly #type: WeightType
  readonly #taken = new Set<string>()

  constructor(source: ReadonlyMap<string, SafeTensor>, type: WeightType) {
    this.#source = source
    this.#type = type
  }

  /** Whether the model has a tensor of this name. */
  has(name: string): boolean {
    return this.#source.has(name)
  }

  /**
   * Takes tensors of `shape` (slowest dimension first), several of which are stacked into one; `skipRows` at the beginning of each are left out. Vectors stay F32, as the engine wants them,
   * and so does what is `exact`. Throws `invalid_value` for a missing one and for another shape.
   */
  take(
    name: string,
    from: string | readonly string[],
    shape: readonly number[],
    options: { readonly exact?: boolean; readonly headRows?: number; readonly skipRows?: number } = {},
  ): void {
    const names = typeof from === 'string' ? [from] : from
    for (const one of names) this.#check(one, shape)
    const { skipRows = 0 } = options
    const [rows = 0, ...columns] = shape
    const kept = [rows - skipRows, ...columns]
    const stacked = typeof from === 'string' ? kept : [names.length, ...kept]
    const vector = shape.length < 2 || options.exact === true
    this.tensors.push({
      name,
      shape: stacked.toReversed(),
      type: vector ? 'F32' : this.#typeFor(shape.at(-1) ?? 1),
      from: names,
      ...(skipRows > 0 && { skip: skipRows * columns.reduce((product, size) => product * size, 1) }),
      ...(options.headRows !== undefined && { pairs: { headRows: options.headRows } }),
    })
  }

  /** Adds a tensor that is computed. */
  add(name: string, shape: readonly number[], values: Float32Array): void {
    this.tensors.push({ name, shape, type: 'F32', from: values })
  }

  /** Leaves a tensor out, knowingly. */
  leave(pattern: RegExp): void {
    for (const name of this.#source.keys()) if (pattern.test(name)) this.#taken.add(name)
  }

  /** Throws `invalid_value` where a tensor was neither taken nor left out: the model would not be the same without it. */
  finish(): readonly PlannedTensor[] {
    for (const name of this.#source.keys())
      if (!this.#taken.has(name)) throw refused(name, 'this tensor has no place in the architecture')
    return this.tensors
  }

  #check(name: string, shape: readonly number[]): void {
    const tensor = this.#source.get(name)
    if (tensor === undefined) throw refused(name, 'this tensor is missing')
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, place) => size !== shape[place])) {
      const sizes = (list: readonly number[]) => `[${list.join(', ')}]`
      throw refused(name, `its shape is ${sizes(tensor.shape)}, and config.json asks for ${sizes(shape)}`)
    }
    this.#taken.add(name)
  }

  /** Rows that are no whole blocks cannot be quantised. */
  #typeFor(row: number): WeightType {
    return row % weightTypes[this.#type].block === 0 ? this.#type : 'F16'
  }
}

/** Short ways to write metadata. */
export const u32 = (value: number): GgufValue => ({ type: 'u32', value })
export const f32 = (value: number): GgufValue => ({ type: 'f32', value })
export const flag = (value: boolean): GgufValue => ({ type: 'bool', value })
export const text = (value: string): GgufValue => ({ type: 'string', value })
export const texts = (value: readonly string[]): GgufValue => ({ type: 'array', of: 'string', value })
export const integers = (value: readonly number[]): GgufValue => ({ type: 'array', of: 'i32', value })
export const floats = (value: readonly number[]): GgufValue => ({ type: 'array', of: 'f32', value })
export const bytes = (value: Uint8Array): GgufValue => ({ type: 'array', of: 'u8', value: Array.from(value) })
