// Writes whole GGUF files out of memory, for tests. Knows no architecture.

import { open } from 'node:fs/promises'
import { type GgufValue, ggufHeader, padding } from '../../src/formats/gguf.ts'
import { encodeWeights, weightBytes, weightTypes } from '../../src/formats/weights.ts'

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

const types = { f32: 'F32', f16: 'F16' } as const

/** Writes the file, replacing one that is there. */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  const file = await open(path, 'w')
  try {
    const header = headerOf(content)
    await file.writeFile(header)
    await file.writeFile(padding(header.length))
    for (const { type, values } of content.tensors) {
      const data = encodeWeights(types[type], values)
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
    const bytes = weightBytes(types[type], values.length)
    offset += bytes + padding(bytes).length
    return { name, shape, type: weightTypes[types[type]].number, offset: at }
  })
  return ggufHeader(metadata, placed)
}
