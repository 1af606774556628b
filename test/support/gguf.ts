// Writes GGUF files, version 3: typed metadata and F32 or F16 tensors. Knows no architecture.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { open } from 'node:fs/promises'

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

/** A tensor; `shape` starts with the dimension that lies together in memory, as ggml counts. */
export interface GgufTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: 'f32' | 'f16'
  readonly values: Float32Array
}

/** What a file holds. */
export interface GgufContent {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
}

const alignment = 32
const tensorTypes = { f32: 0, f16: 1 } as const

/** Writes the file, replacing one that is there. */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  const file = await open(path, 'w')
  try {
    const header = headerOf(content)
    await file.writeFile(header)
    await file.writeFile(padding(header.length))
    for (const tensor of content.tensors) {
      const data = tensorBytes(tensor)
      await file.writeFile(data)
      await file.writeFile(padding(data.length))
    }
  } finally {
    await file.close()
  }
}

function headerOf({ metadata, tensors }: GgufContent): Buffer {
  let offset = 0
  const placed = tensors.map(({ name, shape, type, values }) => {
    const at = offset
    const bytes = values.length * (type === 'f16' ? 2 : 4)
    offset += bytes + padding(bytes).length
    return { name, shape, type: tensorTypes[type], offset: at }
  })
  return ggufHeader(metadata, placed)
}

/** The bytes before the tensors, unpadded. A tensor has its type by ggml's number and its place among the tensors' bytes. */
export function ggufHeader(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly type: number
    readonly offset: number
  }[],
): Buffer {
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

function tensorBytes({ type, values }: GgufTensor): Buffer {
  if (type === 'f32') return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return Buffer.from(Uint16Array.from(values, halfOf).buffer)
}

const floatBits = new Float32Array(1)
const floatBitsAsInteger = new Uint32Array(floatBits.buffer)

/** The nearest half-precision number's bits, ties away from zero; numbers too small for one become zero, too big ones infinity. */
function halfOf(value: number): number {
  floatBits[0] = value
  const bits = floatBitsAsInteger[0] ?? 0
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15
  if (exponent <= 0) return sign
  if (exponent >= 31) return sign | 0x7c00
  return sign | ((((exponent << 23) | (bits & 0x7fffff)) + 0x1000) >>> 13)
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

/** Zeros up to the next multiple of the alignment. */
export function padding(length: number): Buffer {
  return Buffer.alloc((alignment - (length % alignment)) % alignment)
}
