// Writes the header of GGUF files, version 3: typed metadata, and where each tensor lies. Pure; knows no architecture.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

/** Types of metadata values by the numbers of the file format. */
const valueTypes = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

type ScalarType = Exclude<keyof typeof valueTypes, 'array'>

/** One metadata value with its type. */
export type GgufValue =
  | { readonly type: ScalarType; readonly value: number | bigint | boolean | string }
  | { readonly type: 'array'; readonly of: ScalarType; readonly value: readonly (number | bigint | boolean | string)[] }

/** A tensor as the header names it. */
export interface PlacedTensor {
  readonly name: string
  /** Starts with the dimension that lies together in memory, as ggml counts. */
  readonly shape: readonly number[]
  /** ggml's number of its type. */
  readonly type: number
  /** Its first byte among the tensors' bytes. */
  readonly offset: number
}

/** Tensors begin at multiples of it. */
const alignment = 32

/** The bytes before the tensors, unpadded. */
export function ggufHeader(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly PlacedTensor[]): Buffer {
  const pieces: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.size)]
  for (const [key, value] of metadata) {
    pieces.push(string(key), u32(valueTypes[value.type]))
    if (value.type !== 'array') pieces.push(scalar(value.type, value.value))
    else {
      pieces.push(u32(valueTypes[value.of]), u64(value.value.length))
      for (const item of value.value) pieces.push(scalar(value.of, item))
    }
  }
  for (const { name, shape, type, offset } of tensors)
    pieces.push(string(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset))
  return Buffer.concat(pieces)
}

/** Zeros up to the next multiple of the alignment. */
export function padding(length: number): Buffer {
  return Buffer.alloc((alignment - (length % alignment)) % alignment)
}

function scalar(type: ScalarType, value: number | bigint | boolean | string): Buffer {
  switch (type) {
    case 'string':
      return string(String(value))
    case 'bool':
    case 'u8':
      return Buffer.of(Number(value))
    case 'i8':
      return Buffer.from(Int8Array.of(Number(value)).buffer)
    case 'u16':
      return Buffer.from(Uint16Array.of(Number(value)).buffer)
    case 'i16':
      return Buffer.from(Int16Array.of(Number(value)).buffer)
    case 'u32':
      return u32(Number(value))
    case 'i32':
      return Buffer.from(Int32Array.of(Number(value)).buffer)
    case 'f32':
      return Buffer.from(Float32Array.of(Number(value)).buffer)
    case 'f64':
      return Buffer.from(Float64Array.of(Number(value)).buffer)
    case 'u64':
      return u64(BigInt(value))
    case 'i64':
      return Buffer.from(BigInt64Array.of(BigInt(value)).buffer)
  }
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function u64(value: number | bigint): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}
