// What a GGUF header says, as types.

/** A metadata value. Long arrays are counted, not kept. */
export type MetadataValue =
  | string
  | number
  | boolean
  | readonly (string | number | boolean)[]
  | { readonly arrayLength: number }

/** Where a tensor lies and how large it is. */
export interface TensorInfo {
  readonly name: string
  /** Elements per dimension, the fastest first. */
  readonly dimensions: readonly number[]
  readonly type: string
  readonly bytes: number
}

/** All that is known of a model without loading it. */
export interface ModelHeader {
  readonly path: string
  readonly fileBytes: number
  readonly architecture: string
  readonly metadata: ReadonlyMap<string, MetadataValue>
  readonly tensors: readonly TensorInfo[]
  /** Bytes of all tensors, of all files where the model has several. */
  readonly tensorBytes: number
}
