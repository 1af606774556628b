// Reads importance matrices as llama.cpp's llama-imatrix writes them: a GGUF file, or the older form that many publish as .dat or .imatrix.
// The file is hostile input: every length is checked against the file before it is trusted.

import { open } from 'node:fs/promises'
import { gguf } from '@huggingface/gguf'
import { fail } from '../../base/errors.ts'
import { FileReader, HeaderError } from '../header-reader.ts'

/** Mean squared input of each column, by the name of the weight. Of experts one after the other. */
export type ImportanceMatrix = ReadonlyMap<string, Float32Array>

/** Weights that one file may name, and columns of one of them (with experts). */
const most = { entries: 65_536, columns: 64 * 1024 * 1024, nameBytes: 1024 }
/** F32 in ggml. */
const float32 = 0

/** @throws Failure `invalid_value` that names the flag */
export async function readImportanceMatrix(path: string): Promise<ImportanceMatrix> {
  try {
    const matrix = (await startsAsGguf(path)) ? await readGguf(path) : readPlain(path)
    if (matrix.size === 0) throw new HeaderError('it has no entries')
    for (const [name, values] of matrix)
      if (!values.every(Number.isFinite)) throw new HeaderError(`"${name.slice(0, 60)}" holds what is no number`)
    return matrix
  } catch (error) {
    const reason = `${path} is no importance matrix: ${error instanceof Error ? error.message : String(error)}`
    throw fail('invalid_value', { param: 'importance-matrix', reason }, error)
  }
}

async function startsAsGguf(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.toString('latin1') === 'GGUF'
  } finally {
    await file.close()
  }
}

/** For each weight `<name>.in_sum2`, sums over so many tokens, and `<name>.counts`, how many those were, per expert. */
async function readGguf(path: string): Promise<ImportanceMatrix> {
  const { tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true })
  const infos = new Map(tensorInfos.map((info) => [info.name, info]))
  const file = await open(path)
  const read = async (name: string): Promise<Float32Array> => {
    const info = infos.get(name)
    if (info === undefined) throw new HeaderError(`"${name.slice(0, 60)}" is missing`)
    const count = info.shape.reduce((product, one) => product * Number(one), 1)
    if (Number(info.dtype) !== float32 || count > most.columns) throw new HeaderError(`"${name}" is no such tensor`)
    const bytes = Buffer.alloc(count * 4)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, Number(tensorDataOffset + info.offset))
    if (bytesRead < bytes.length) throw new HeaderError('it is truncated')
    return new Float32Array(bytes.buffer, bytes.byteOffset, count)
  }
  try {
    const matrix = new Map<string, Float32Array>()
    for (const name of infos.keys()) {
      const weight = /^(.*)\.in_sum2$/.exec(name)?.[1]
      if (weight !== undefined) matrix.set(weight, means(await read(name), await read(`${weight}.counts`)))
    }
    return matrix
  } finally {
    await file.close()
  }
}

/** An expert that no token went to counts alike everywhere. */
function means(sums: Float32Array, counts: Float32Array): Float32Array {
  const columns = sums.length / counts.length
  return sums.map((sum, place) => {
    const count = counts[Math.floor(place / columns)] ?? 0
    return count > 0 ? sum / count : 1
  })
}

/** Count of entries, then of each the name, how often it was seen, and the sums, all little-endian. What follows is of no use here. */
function readPlain(path: string): ImportanceMatrix {
  const reader = new FileReader(path)
  try {
    const entries = limited(reader.int32(), most.entries, 'entries')
    const matrix = new Map<string, Float32Array>()
    for (let entry = 0; entry < entries; entry += 1) {
      const name = reader.bytes(limited(reader.int32(), most.nameBytes, 'bytes of a name')).toString('utf8')
      const calls = reader.int32()
      const count = limited(reader.int32(), most.columns, 'columns')
      const values = Float32Array.from({ length: count }, reader.float32)
      matrix.set(name, calls > 0 ? values.map((value) => value / calls) : values)
    }
    return matrix
  } finally {
    reader.close()
  }
}

function limited(count: number, limit: number, what: string): number {
  if (count < 1 || count > limit) throw new HeaderError(`it claims ${count} ${what}`)
  return count
}
