// Reads the header of safetensors files: which tensors lie where. The file is hostile input: everything is bounded and compared.
// https://github.com/huggingface/safetensors#format

import { type FloatType, floatBytes } from './weights.ts'

/** One tensor of a file. */
export interface SafeTensor {
  readonly name: string
  /** `F32`, `F16`, `BF16`, or another name, whose numbers are not read. */
  readonly type: string
  /** The slowest dimension first, as PyTorch counts. */
  readonly shape: readonly number[]
  /** Its first byte in the file. */
  readonly offset: number
  readonly bytes: number
}

/** A fault of a file, worded for people; names the tensor where it is one's. */
export class SafetensorsError extends Error {}

/** The length of the header stands in the first eight bytes. */
export const lengthBytes = 8

const limits = { headerBytes: 32 * 1_048_576, tensors: 262_144, nameLength: 512, dimensions: 8 }

/** Bytes of a number by safetensors' names. */
const widths: Readonly<Record<string, number>> = {
  ...{ F64: 8, I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
  ...{ F8_E4M3: 1, F8_E5M2: 1 },
  ...floatBytes,
}

/** Whether the numbers of a type are read. */
export function isFloatType(type: string): type is FloatType {
  return Object.hasOwn(floatBytes, type)
}

/** How long the header is, from the first eight bytes of a file of `fileBytes`. Throws a SafetensorsError. */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  if (start.length < lengthBytes) throw new SafetensorsError('it is not a safetensors file: it is shorter than 8 bytes')
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
  if (length > limits.headerBytes || length < 2 || lengthBytes + length > fileBytes)
    throw new SafetensorsError(`it is not a safetensors file, or not whole: its header would have ${length} bytes`)
  return length
}

/** The tensors that a header names, in the order of their bytes. Throws a SafetensorsError that names the tensor. */
export function parseHeader(header: Uint8Array, fileBytes: number): readonly SafeTensor[] {
  const value = parseObject(header)
  const entries = Object.entries(value).filter(([name]) => name !== '__metadata__')
  if (entries.length > limits.tensors) throw new SafetensorsError(`its header names ${entries.length} tensors`)
  const start = lengthBytes + header.length
  const tensors = entries.map(([name, entry]) => readEntry(name, entry, start))
  tensors.sort((one, other) => one.offset - other.offset || one.bytes - other.bytes)
  let end = start
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) throw new SafetensorsError(`the bytes of "${clip(name)}" do not follow those before them`)
    end = offset + bytes
  }
  if (end !== fileBytes)
    throw new SafetensorsError(`its tensors end at byte ${end}, and the file has ${fileBytes}: it is not whole`)
  return tensors
}

function parseObject(header: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header))
  } catch {
    throw new SafetensorsError('its header is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SafetensorsError('its header is not a JSON object')
  return value as Record<string, unknown>
}

function readEntry(name: string, entry: unknown, start: number): SafeTensor {
  const fault = (what: string) => new SafetensorsError(`the tensor "${clip(name)}" ${what}`)
  if (name.length > limits.nameLength) throw fault('has too long a name')
  if (typeof entry !== 'object' || entry === null) throw fault('has no entry')
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>
  const width = typeof dtype === 'string' ? widths[dtype] : undefined
  if (typeof dtype !== 'string' || width === undefined) throw fault(`has the unknown dtype "${clip(String(dtype))}"`)
  if (!isCounts(shape) || shape.length > limits.dimensions) throw fault('has a shape that is no list of counts')
  if (!isCounts(offsets) || offsets.length !== 2) throw fault('has data_offsets that are no two counts')
  const [from = 0, to = 0] = offsets
  const count = shape.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(count * width) || to - from !== count * width)
    throw fault(`has the shape [${shape.join(', ')}] in ${dtype} and ${to - from} bytes`)
  return { name, type: dtype, shape, offset: start + from, bytes: to - from }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0)
}

/** Names come from the file: shortened, and without control characters, before they enter a message. */
function clip(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
}
