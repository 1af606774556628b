// Writes GGUF files of any size that hold a header and then nothing: a sparse file whose tensors read as zeros and take no room on disk.
// For asking the engine what a model of real size would take, without having it.

import { truncate, writeFile } from 'node:fs/promises'
import { tensorTypes } from '../../src/engine/header-tensor-types.ts'
import type { TensorInfo } from '../../src/engine/header-types.ts'
import { type GgufValue, ggufHeader, padding } from '../../src/formats/gguf.ts'

const numbers = new Map([...tensorTypes].map(([number, [name]]) => [name, number]))

/** Writes the file; `tensors` say their type by name and their bytes. */
export async function writeHollowGguf(
  path: string,
  content: { readonly metadata: ReadonlyMap<string, GgufValue>; readonly tensors: readonly TensorInfo[] },
): Promise<void> {
  let offset = 0
  const tensors = content.tensors.map(({ name, dimensions, type, bytes }) => {
    const number = numbers.get(type)
    if (number === undefined) throw new Error(`There is no tensor type "${type}".`)
    const at = offset
    offset += bytes + padding(bytes).length
    return { name, shape: dimensions, type: number, offset: at }
  })
  const header = ggufHeader(content.metadata, tensors)
  await writeFile(path, header)
  await truncate(path, header.length + padding(header.length).length + offset)
}
