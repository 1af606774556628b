// Turns a unit vector into the shapes a client may ask for: fewer dimensions, smaller numbers, base64. Knows no request and no model.

import { endianness } from 'node:os'

/** How a vector's numbers are written: Mistral's `output_dtype`. */
export type NumberType = 'float' | 'int8' | 'uint8' | 'binary' | 'ubinary'

/** A vector in its number type, in an array of the same width. */
export type QuantisedVector = Float32Array | Int8Array | Uint8Array

/**
 * The first `dimensions` numbers of a vector, scaled back to unit length so that dot products stay cosines
 * (what OpenAI's `dimensions` does). A vector that is zero there stays zero.
 */
export function shorten(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions >= vector.length) return vector
  const short = vector.slice(0, dimensions)
  const length = Math.hypot(...short)
  return length === 0 ? short : short.map((value) => value / length)
}

/**
 * A unit vector in another number type, by Mistral's own formulas (mistralai/cookbook, `mistral/embeddings/dequantization.ipynb`):
 * int8 is round(127 x) within ±127, uint8 round(127.5 x + 127.5), ubinary one bit a dimension (1 where x > 0), most significant
 * bit first and zeros at the end, binary the same bytes less 128 ("offset binary" in the documentation of codestral-embed).
 */
export function quantise(vector: Float32Array, type: NumberType): QuantisedVector {
  switch (type) {
    case 'float':
      return vector
    case 'int8':
      return Int8Array.from(vector, (value) => clamp(Math.round(value * 127), -127, 127))
    case 'uint8':
      return Uint8Array.from(vector, (value) => clamp(Math.round(value * 127.5 + 127.5), 0, 255))
    case 'ubinary':
      return packSigns(vector)
    case 'binary':
      return Int8Array.from(packSigns(vector), (byte) => byte - 128)
  }
}

/** The bytes of a vector in base64, numbers little-endian, as both OpenAI SDKs read them (`encoding_format: "base64"`). */
export function toBase64(vector: QuantisedVector): string {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  // The order on the wire must not depend on the machine.
  const foreign = vector.BYTES_PER_ELEMENT === 4 && endianness() === 'BE'
  return (foreign ? Buffer.from(bytes).swap32() : bytes).toString('base64')
}

function packSigns(vector: Float32Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(vector.length / 8))
  vector.forEach((value, index) => {
    if (value > 0) packed[index >> 3] = (packed[index >> 3] ?? 0) | (0x80 >> (index & 7))
  })
  return packed
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
