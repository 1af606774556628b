// Reads the header of a GGUF file: metadata and where the tensors lie. The file is hostile input: everything is bounded, nothing is trusted,
// and what would end the engine's process is refused here with a plain reason. Format: ggml's docs/gguf.md, versions 2 and 3.

import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { Failure, fail } from '../base/errors.ts'
import { checkAdapter, checkArchitecture } from './header-check.ts'
import { FileReader, HeaderError, HeaderIncomplete } from './header-reader.ts'
import { tensorTypes } from './header-tensor-types.ts'
import type { MetadataValue, ModelHeader, TensorInfo } from './header-types.ts'

const limits = {
  keys: 65_536,
  tensors: 262_144,
  keyBytes: 65_535,
  textBytes: 16 * 1024 * 1024,
  keptElements: 1024,
  parts: 1000,
}

/** Reads and checks a model's header; throws `model_load_failed` with the reason. `model` is the name to use in the message. */
export function readHeader(path: string, model: string = basename(path)): ModelHeader {
  return readChecked(path, model, checkArchitecture)
}

/** Reads and checks the header of a LoRA adapter; throws like `readHeader`. */
export function readAdapterHeader(path: string, adapter: string = basename(path)): ModelHeader {
  return readChecked(path, adapter, checkAdapter)
}

/**
 * Reads a header of which the first bytes are here, of a file of `wholeBytes`; undefined when it needs more of them. What a whole model
 * must hold is checked by `joinHeaders`.
 */
export function readHeaderStart(path: string, wholeBytes: number, model: string): ModelHeader | undefined {
  return named(model, () => {
    try {
      return parseFile(path, wholeBytes)
    } catch (error) {
      if (error instanceof HeaderIncomplete) return undefined
      throw error
    }
  })
}

/** The header of a model from those of all its files, in order; checked like `readHeader`. */
export function joinHeaders(parts: readonly [ModelHeader, ...ModelHeader[]], model: string): ModelHeader {
  return named(model, () => {
    const header = joined(parts)
    checkArchitecture(header)
    return header
  })
}

function readChecked(path: string, model: string, check: (header: ModelHeader) => void): ModelHeader {
  return named(model, () => {
    const header = withParts(parseFile(path))
    check(header)
    return header
  })
}

/** Every fault becomes a failure that names the model. */
function named<T>(model: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof Failure) throw error
    throw fail('model_load_failed', { model, reason: plainReason(error) }, error)
  }
}

function parseFile(path: string, wholeBytes?: number): ModelHeader {
  const reader = new FileReader(path, wholeBytes)
  try {
    return parse(reader, path)
  } finally {
    reader.close()
  }
}

/** A model in several files: the first names how many, and the others hold the rest of the tensors. llama.cpp finds them by their names. */
function withParts(first: ModelHeader): ModelHeader {
  const count = first.metadata.get('split.count')
  if (typeof count !== 'number' || count <= 1) return first
  const place = first.metadata.get('split.no')
  const stem = /^(.*)-\d{5}-of-\d{5}\.gguf$/.exec(first.path)?.[1]
  const part = (number: number) => `${stem}-${pad(number)}-of-${pad(count)}.gguf`
  if (place !== 0 || stem === undefined || first.path !== part(1) || count > limits.parts)
    throw new HeaderError(
      `it is a part of a model in ${count} files: name the first one, …-00001-of-${pad(count)}.gguf`,
    )
  const parts: [ModelHeader, ...ModelHeader[]] = [first]
  for (let number = 2; number <= count; number++) {
    if (!existsSync(part(number)))
      throw new HeaderError(`its part ${number} of ${count} is missing: ${basename(part(number))}`)
    parts.push(parseFile(part(number)))
  }
  return joined(parts)
}

function joined(parts: readonly [ModelHeader, ...ModelHeader[]]): ModelHeader {
  const [first] = parts
  const sum = (of: (one: ModelHeader) => number) => parts.reduce((total, one) => total + of(one), 0)
  return {
    ...first,
    fileBytes: sum((one) => one.fileBytes),
    tensors: parts.flatMap((one) => one.tensors),
    tensorBytes: sum((one) => one.tensorBytes),
  }
}

function pad(number: number): string {
  return String(number).padStart(5, '0')
}

function plainReason(error: unknown): string {
  if (error instanceof HeaderError) return `${error.message}.`
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'the file does not exist.'
  if (code === 'EACCES') return 'the file may not be read by this user.'
  if (code === 'EISDIR') return 'it is a folder, not a file.'
  return 'its header could not be read.'
}

function parse(reader: FileReader, path: string): ModelHeader {
  readMagic(reader)
  const tensorCount = reader.count('tensors', 24)
  const keyCount = reader.count('metadata keys', 12)
  if (tensorCount > limits.tensors || keyCount > limits.keys)
    throw new HeaderError(`it is damaged: ${tensorCount} tensors and ${keyCount} metadata keys are too many`)
  const metadata = new Map<string, MetadataValue>()
  for (let i = 0; i < keyCount; i++) {
    const key = reader.text('a metadata key', limits.keyBytes)
    if (metadata.has(key)) throw new HeaderError(`it is damaged: the metadata key "${clip(key)}" appears twice`)
    metadata.set(key, readValue(reader, reader.uint32(), key))
  }
  const tensors = readTensors(reader, tensorCount, alignmentOf(metadata))
  const named = metadata.get('general.architecture')
  const architecture = typeof named === 'string' ? named : ''
  const tensorBytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  return { path, fileBytes: reader.size, architecture, metadata, tensors, tensorBytes }
}

function readMagic(reader: FileReader): void {
  if (reader.size < 24) throw new HeaderError(`it is not a GGUF file: it has only ${reader.size} bytes`)
  const magic = reader.bytes(4).toString('latin1')
  if (magic !== 'GGUF') {
    const start = magic.replace(/[^\x20-\x7e]/g, '.')
    const page = start.startsWith('<') ? ' (a web page was saved in place of the model?)' : ''
    throw new HeaderError(`it is not a GGUF file: it begins with "${start}"${page}`)
  }
  const version = reader.uint32()
  if (version === 0x02000000 || version === 0x03000000)
    throw new HeaderError('it is a big-endian GGUF file, and this machine needs a little-endian one')
  if (version < 2 || version > 3) throw new HeaderError(`its GGUF version is ${version}, and 2 and 3 are known`)
}

/** Readers of scalar values by GGUF type number, with their bytes. 8 is a string, 9 an array. */
const scalars: Readonly<Record<number, readonly [bytes: number, read: (reader: FileReader) => number | boolean]>> = {
  0: [1, (reader) => reader.uint8()],
  1: [1, (reader) => reader.int8()],
  2: [2, (reader) => reader.uint16()],
  3: [2, (reader) => reader.int16()],
  4: [4, (reader) => reader.uint32()],
  5: [4, (reader) => reader.int32()],
  6: [4, (reader) => reader.float32()],
  7: [1, (reader) => reader.uint8() !== 0],
  10: [8, (reader) => reader.uint64()],
  11: [8, (reader) => reader.int64()],
  12: [8, (reader) => reader.float64()],
}

function readValue(reader: FileReader, type: number, key: string): MetadataValue {
  if (type === 8) return reader.text(`the value of "${clip(key)}"`, limits.textBytes)
  if (type === 9) return readArray(reader, key)
  const scalar = scalars[type]
  if (scalar === undefined) throw new HeaderError(`it is damaged: "${clip(key)}" has the unknown type ${type}`)
  return scalar[1](reader)
}

function readArray(reader: FileReader, key: string): MetadataValue {
  const type = reader.uint32()
  if (type === 8) return readTexts(reader, key)
  const scalar = scalars[type]
  if (scalar === undefined)
    throw new HeaderError(`it is damaged: "${clip(key)}" is an array of the unknown type ${type}`)
  const [bytes, read] = scalar
  const length = reader.count(`elements of "${clip(key)}"`, bytes)
  if (length <= limits.keptElements) return Array.from({ length }, () => read(reader))
  reader.skip(length * bytes)
  return { arrayLength: length }
}

function readTexts(reader: FileReader, key: string): MetadataValue {
  const length = reader.count(`elements of "${clip(key)}"`, 8)
  if (key === 'tokenizer.ggml.tokens') return readTokens(reader, length)
  if (length <= limits.keptElements)
    return Array.from({ length }, () => reader.text(`an element of "${clip(key)}"`, limits.textBytes))
  const what = `bytes of an element of "${clip(key)}"`
  for (let i = 0; i < length; i++) reader.skip(reader.count(what, 1))
  return { arrayLength: length }
}

/** Two tokens with one text end the engine's process (GGML_ASSERT in llama-vocab.cpp). It reads C strings, so a text ends at its first NUL. */
function readTokens(reader: FileReader, length: number): MetadataValue {
  const seen = new Set<string>()
  let different = 0
  for (let i = 0; i < length; i++) {
    const bytes = reader.count('bytes of a token', 1)
    if (bytes > limits.keyBytes) throw new HeaderError(`it is damaged: a token is ${bytes} bytes long`)
    const whole = reader.characters(bytes)
    const end = whole.indexOf('\0')
    const text = end < 0 ? whole : whole.slice(0, end)
    if (text === '') continue
    different += 1
    // One look-up instead of two: every start waits for them.
    if (seen.add(text).size < different) throw new HeaderError(`it is damaged: the token "${clip(text)}" appears twice`)
  }
  return { arrayLength: length }
}

function alignmentOf(metadata: ReadonlyMap<string, MetadataValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || alignment < 1 || !Number.isInteger(Math.log2(alignment)))
    throw new HeaderError('it is damaged: general.alignment is not a power of two')
  return alignment
}

function readTensors(reader: FileReader, count: number, alignment: number): TensorInfo[] {
  const tensors: TensorInfo[] = []
  const names = new Set<string>()
  const ends: number[] = []
  for (let i = 0; i < count; i++) {
    const { tensor, offset } = readTensor(reader, alignment)
    if (names.has(tensor.name)) throw new HeaderError(`it is damaged: the tensor "${tensor.name}" appears twice`)
    names.add(tensor.name)
    tensors.push(tensor)
    ends.push(offset + tensor.bytes)
  }
  const data = Math.ceil(reader.position / alignment) * alignment
  const end = ends.reduce((last, one) => Math.max(last, one), 0) + data
  if (count > 0 && end > reader.size)
    throw new HeaderError(
      `it is truncated: its tensors end at byte ${end}, and the file has ${reader.size}. Pull it again`,
    )
  return tensors
}

function readTensor(reader: FileReader, alignment: number): { tensor: TensorInfo; offset: number } {
  const name = reader.text('a tensor name', 63)
  const dimensionCount = reader.uint32()
  if (dimensionCount < 1 || dimensionCount > 4)
    throw new HeaderError(`it is damaged: the tensor "${clip(name)}" has ${dimensionCount} dimensions`)
  const dimensions = Array.from({ length: dimensionCount }, reader.uint64)
  const elements = dimensions.reduce((product, one) => product * one, 1)
  if (elements < 1 || !Number.isSafeInteger(elements))
    throw new HeaderError(`it is damaged: the tensor "${clip(name)}" has the shape ${dimensions.join(' × ')}`)
  const number = reader.uint32()
  const type = tensorTypes.get(number)
  if (type === undefined)
    throw new HeaderError(`the tensor "${clip(name)}" has the type ${number}, which this engine does not know`)
  const [typeName, blockElements, blockBytes] = type
  if ((dimensions[0] ?? 0) % blockElements !== 0)
    throw new HeaderError(`it is damaged: the rows of the tensor "${clip(name)}" are no whole blocks of ${typeName}`)
  const offset = reader.uint64()
  if (offset % alignment !== 0) throw new HeaderError(`it is damaged: the tensor "${clip(name)}" is not aligned`)
  return { tensor: { name, dimensions, type: typeName, bytes: (elements / blockElements) * blockBytes }, offset }
}

/** Names come from the file: shortened, and without control characters, before they enter a message. */
function clip(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
}
