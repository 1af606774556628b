// Numbers of weights in the types that model files hold: to 32-bit floats and from them. Pure; knows no file and no architecture.

/** Types that weights are read in: safetensors' names. */
export type FloatType = 'F32' | 'F16' | 'BF16'

/** Types that weights are written in: ggml's names. */
export type WeightType = 'F32' | 'F16' | 'Q8_0'

/** Bytes of one number. */
export const floatBytes: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 }

/** What ggml calls a type, and how many numbers share how many bytes (ggml.h, ggml-common.h). */
export const weightTypes: Readonly<Record<WeightType, { number: number; block: number; blockBytes: number }>> = {
  F32: { number: 0, block: 1, blockBytes: 4 },
  F16: { number: 1, block: 1, blockBytes: 2 },
  Q8_0: { number: 8, block: 32, blockBytes: 34 },
}

/** Bytes of `count` numbers, which fill whole blocks. */
export function weightBytes(type: WeightType, count: number): number {
  const { block, blockBytes } = weightTypes[type]
  return (count / block) * blockBytes
}

/** Little-endian bytes as 32-bit floats. The bytes are a whole number of numbers. */
export function decodeFloats(type: FloatType, bytes: Uint8Array): Float32Array {
  // A view wants its place aligned, and a piece of a file may begin anywhere.
  const own = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  const { buffer, byteOffset, byteLength } = own
  if (type === 'F32') return new Float32Array(buffer, byteOffset, byteLength / 4)
  if (type === 'F16') return Float32Array.from(new Float16Array(buffer, byteOffset, byteLength / 2))
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2)
  const bits = new Uint32Array(halves.length)
  for (let index = 0; index < halves.length; index++) bits[index] = (halves[index] as number) << 16
  return new Float32Array(bits.buffer)
}

/** The largest number that a type holds. */
export function largestOf(type: WeightType): number {
  // A block of Q8_0 is scaled by a half-precision number, to 127.
  return { F32: 3.4028234663852886e38, F16: 65_504, Q8_0: 65_504 * 127 }[type]
}

/** 32-bit floats as little-endian bytes, to the nearest number of the type; for Q8_0 in whole blocks. */
export function encodeWeights(type: WeightType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (type === 'F16') return new Uint8Array(Float16Array.from(values).buffer)
  return quantise(values)
}

/** ggml's Q8_0: blocks of 32 integers of 8 bits behind their scale, the largest at 127. */
function quantise(values: Float32Array): Uint8Array {
  const { block, blockBytes } = weightTypes.Q8_0
  const bytes = new Uint8Array(weightBytes('Q8_0', values.length))
  const view = new DataView(bytes.buffer)
  for (let start = 0, at = 0; start < values.length; start += block, at += blockBytes) {
    let largest = 0
    for (let index = start; index < start + block; index++)
      largest = Math.max(largest, Math.abs(values[index] as number))
    const scale = Math.fround(largest / 127)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    view.setFloat16(at, scale, true)
    for (let index = 0; index < block; index++) {
      const scaled = Math.fround((values[start + index] as number) * inverse)
      // Half away from zero, as C rounds.
      view.setInt8(at + 2 + index, Math.sign(scaled) * Math.round(Math.abs(scaled)))
    }
  }
  return bytes
}
