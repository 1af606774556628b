// The tensors of a folder's safetensors files, one file or several with an index, read piece by piece. Knows no architecture.

import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  headerLength,
  isFloatType,
  lengthBytes,
  parseHeader,
  type SafeTensor,
  SafetensorsError,
} from '../../formats/safetensors.ts'
import { decodeFloats, floatBytes } from '../../formats/weights.ts'
import { isObject, readJson, refused } from './folder.ts'

/** The tensors of a model, by name. */
export interface Shards {
  readonly tensors: ReadonlyMap<string, SafeTensor>
  /** `count` numbers of a tensor from its number `from` on. Throws `invalid_value` for types that are no floats. */
  read(name: string, from: number, count: number): Promise<Float32Array>
  close(): Promise<void>
}

const indexName = 'model.safetensors.index.json'
const mostFiles = 1000

/** Opens the files of a folder. Throws `invalid_value` with the file, and the tensor, that is wrong. */
export async function openShards(folder: string): Promise<Shards> {
  const { files, index } = await filesOf(folder)
  return await openFiles(folder, files, index)
}

/** Opens one file of a folder, like `openShards`. */
export async function openShard(folder: string, file: string): Promise<Shards> {
  return await openFiles(folder, [file], undefined)
}

async function openFiles(
  folder: string,
  files: readonly string[],
  index: ReadonlyMap<string, string> | undefined,
): Promise<Shards> {
  const handles: FileHandle[] = []
  const places = new Map<string, { readonly handle: FileHandle; readonly file: string; readonly tensor: SafeTensor }>()
  const close = async () => {
    await Promise.all(handles.map((handle) => handle.close()))
  }
  try {
    for (const file of files) {
      const handle = await open(join(folder, file)).catch((error: unknown) => {
        throw refused(file, isMissing(error) ? 'it is missing' : 'it cannot be read')
      })
      handles.push(handle)
      for (const tensor of await readHeader(handle, file)) {
        const other = places.get(tensor.name)
        if (other !== undefined) throw refused(`${file}: ${tensor.name}`, `it is in ${other.file} too`)
        places.set(tensor.name, { handle, file, tensor })
      }
    }
    for (const [name, file] of index ?? [])
      if (places.get(name)?.file !== file) throw refused(`${indexName}: ${name}`, `it is not in ${file}`)
  } catch (error) {
    await close()
    throw error
  }
  return {
    tensors: new Map([...places].map(([name, { tensor }]) => [name, tensor])),
    close,
    async read(name, from, count) {
      const place = places.get(name)
      if (place === undefined) throw refused(name, 'there is no such tensor')
      const { handle, file, tensor } = place
      if (!isFloatType(tensor.type))
        throw refused(`${file}: ${name}`, `its numbers are ${tensor.type}, and F32, F16 and BF16 are read`)
      const width = floatBytes[tensor.type]
      if (from < 0 || count < 0 || (from + count) * width > tensor.bytes)
        throw new RangeError(`${name} has no numbers ${from} to ${from + count}.`)
      const bytes = new Uint8Array(count * width)
      await readWhole(handle, bytes, tensor.offset + from * width, file)
      return decodeFloats(tensor.type, bytes)
    },
  }
}

/** The index names the files where there is one; else there is one file. Other formats that lie beside are not touched. */
async function filesOf(folder: string): Promise<{ files: readonly string[]; index?: ReadonlyMap<string, string> }> {
  const index = await readJson(folder, indexName)
  if (index !== undefined) {
    const map = isObject(index) ? index['weight_map'] : undefined
    if (!isObject(map)) throw refused(`${indexName}: weight_map`, 'it is not an object')
    const entries = new Map<string, string>()
    for (const [name, file] of Object.entries(map)) {
      // A name out of a file must not lead out of the folder.
      if (typeof file !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(file))
        throw refused(`${indexName}: ${name}`, 'it is no name of a safetensors file')
      entries.set(name, file)
    }
    const files = [...new Set(entries.values())].sort()
    if (files.length === 0 || files.length > mostFiles)
      throw refused(`${indexName}: weight_map`, `it names ${files.length} files`)
    return { files, index: entries }
  }
  const found = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort()
  const [only, ...others] = found.includes('model.safetensors') ? ['model.safetensors'] : found
  if (only === undefined) throw refused('folder', `there is no .safetensors file in ${basename(folder)}`)
  if (others.length > 0) throw refused('folder', `it has ${found.length} .safetensors files and no ${indexName}`)
  return { files: [only] }
}

async function readHeader(handle: FileHandle, file: string): Promise<readonly SafeTensor[]> {
  const { size } = await handle.stat()
  const start = new Uint8Array(Math.min(size, lengthBytes))
  await readWhole(handle, start, 0, file)
  try {
    const header = new Uint8Array(headerLength(start, size))
    await readWhole(handle, header, lengthBytes, file)
    return parseHeader(header, size)
  } catch (error) {
    throw error instanceof SafetensorsError ? refused(file, error.message) : error
  }
}

async function readWhole(handle: FileHandle, bytes: Uint8Array, position: number, file: string): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, from, bytes.length - from, position + from)
    if (bytesRead === 0) throw refused(file, 'it became shorter while it was read')
    from += bytesRead
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
