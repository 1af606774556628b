// Turns a Hugging Face folder of safetensors into the bytes of one GGUF file, in order and piece by piece. Knows no place on disk.

import { basename, resolve } from 'node:path'
import { type GgufValue, ggufHeader, padding } from '../../formats/gguf.ts'
import { encodeWeights, largestOf, type WeightType, weightBytes, weightTypes } from '../../formats/weights.ts'
import { planBert, readPooling } from './bert.ts'
import { type Fields, readFields, refused, shown } from './folder.ts'
import { planLlama } from './llama.ts'
import { type ConversionPlan, type PlannedTensor, TensorCollector, text, u32 } from './plan.ts'
import { openShards, type Shards } from './shards.ts'
import { readTokenizer } from './tokenizer.ts'

/** What the weights become: LLAMA_FTYPE_* for each. */
const fileTypes: Readonly<Record<WeightType, number>> = { F32: 0, F16: 1, Q8_0: 7 }

/** The types that can be asked for. */
export const conversionTypes = ['F16', 'F32', 'Q8_0'] as const satisfies readonly WeightType[]

/** A folder that is understood, before its numbers are read. */
export interface Conversion {
  readonly name: string
  readonly architecture: string
  readonly parameters: number
  /** Size of the file to come. */
  readonly bytes: number
  /** What a person should know, a sentence each. */
  readonly remarks: readonly string[]
  /** The file's bytes, in order; a few MiB are held at a time. Throws `invalid_value` that names the tensor. */
  chunks(): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

/** Numbers that are held at once. */
const pieceLength = 1_048_576

/** Reads what the folder says and compares every tensor with it. Throws `invalid_value` with the file, and the field or tensor, that is wrong. */
export async function openConversion(
  folder: string,
  options: { readonly type?: WeightType; readonly name?: string } = {},
): Promise<Conversion> {
  const config = await readFields(folder, 'config.json')
  if (config === undefined)
    throw refused('folder', 'there is no config.json: it is not a folder of a Hugging Face model')
  const shards = await openShards(folder)
  try {
    const type = options.type ?? 'F16'
    const plan = await planOf(folder, config, new TensorCollector(shards.tensors, type))
    const name = options.name ?? nameOf(folder)
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', text(plan.architecture)],
      ['general.type', text('model')],
      ['general.name', text(name)],
      ['general.file_type', u32(fileTypes[type])],
      ...(type === 'Q8_0' ? [['general.quantization_version', u32(2)] as const] : []),
      ...plan.metadata,
      ...(await readTokenizer(folder, plan.architecture, config)),
    ])
    const { header, end } = layOut(metadata, plan.tensors)
    return {
      name,
      architecture: plan.architecture,
      parameters: plan.tensors.reduce((sum, tensor) => sum + countOf(tensor), 0),
      bytes: header.length + end,
      remarks: plan.remarks,
      chunks: () => writeAll(header, plan.tensors, shards),
      close: () => shards.close(),
    }
  } catch (error) {
    await shards.close()
    throw error
  }
}

async function planOf(folder: string, config: Fields, tensors: TensorCollector): Promise<ConversionPlan> {
  if (config.has('quantization_config'))
    throw refused(
      `${config.where}: quantization_config`,
      'its weights are quantised: import the folder of the originals',
    )
  const list = config.values['architectures']
  const architecture: unknown = Array.isArray(list) ? list[0] : undefined
  switch (architecture) {
    case 'LlamaForCausalLM':
    case 'MistralForCausalLM':
    case 'MixtralForCausalLM':
      return planLlama(config, tensors)
    case 'BertModel':
    case 'XLMRobertaModel':
      return planBert(config, await readPooling(folder), tensors)
    default: {
      const known = 'LlamaForCausalLM, MistralForCausalLM, MixtralForCausalLM, BertModel and XLMRobertaModel are known'
      throw refused(`${config.where}: architectures`, `it is ${shown(architecture)}: ${known}`)
    }
  }
}

/** The folder's name, without what a file's name may not have. */
function nameOf(folder: string): string {
  const plain = basename(resolve(folder))
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[^\w]+/, '')
  return plain === '' ? 'model' : plain.slice(0, 100)
}

/** Places the tensors one after another behind their header; `end` is the bytes of all tensors. */
export function layOut(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly PlannedTensor[]) {
  let end = 0
  const placed = tensors.map((tensor) => {
    const offset = end
    const bytes = weightBytes(tensor.type, countOf(tensor))
    end += bytes + padding(bytes).length
    return { name: tensor.name, shape: tensor.shape, type: weightTypes[tensor.type].number, offset }
  })
  const header = ggufHeader(metadata, placed)
  return { header: Buffer.concat([header, padding(header.length)]), end }
}

/** The bytes of a file in order: the header that was laid out, and each tensor's numbers as they are read. */
export async function* writeAll(
  header: Buffer,
  tensors: readonly PlannedTensor[],
  shards: Shards,
): AsyncGenerator<Uint8Array> {
  yield header
  for (const tensor of tensors) {
    let bytes = 0
    for await (const values of piecesOf(tensor, shards)) {
      requireFits(tensor, values)
      const chunk = encodeWeights(tensor.type, values)
      bytes += chunk.length
      yield chunk
    }
    const gap = padding(bytes)
    if (gap.length > 0) yield gap
  }
}

/** The numbers of a tensor in the order in which they are written. */
async function* piecesOf(
  { from, pairs, shape, skip = 0 }: PlannedTensor,
  shards: Shards,
): AsyncGenerator<Float32Array> {
  if (from instanceof Float32Array) {
    yield from
    return
  }
  const row = shape[0] ?? 1
  const each = shape.reduce((product, size) => product * size, 1) / from.length
  for (const name of from) {
    if (name === undefined) {
      for (let start = 0; start < each; start += pieceLength)
        yield new Float32Array(Math.min(pieceLength, each - start))
      continue
    }
    // A head is moved as one; everything else goes through in equal pieces.
    const length = pairs === undefined ? pieceLength : pairs.headRows * row
    for (let start = 0; start < each; start += length) {
      const values = await shards.read(name, skip + start, Math.min(length, each - start))
      yield pairs === undefined ? values : pairHalves(values, row)
    }
  }
}

/** The rows of one head, those of its second half between those of its first. */
function pairHalves(head: Float32Array, row: number): Float32Array {
  const ordered = new Float32Array(head.length)
  const half = head.length / row / 2
  for (let pair = 0; pair < half; pair++) {
    const [first, second] = [pair * row, (pair + half) * row]
    ordered.set(head.subarray(first, first + row), 2 * pair * row)
    ordered.set(head.subarray(second, second + row), (2 * pair + 1) * row)
  }
  return ordered
}

/** A number that the type cannot hold would become infinity, and one that is none spoils every answer. */
function requireFits({ name, type, from }: PlannedTensor, values: Float32Array): void {
  const largest = largestOf(type)
  for (const value of values) {
    if (Math.abs(value) <= largest) continue
    const where = from instanceof Float32Array ? name : (from[0] ?? name)
    const advice = Number.isFinite(value) ? `, which ${type} cannot hold: ask for F32` : ''
    throw refused(where, `it holds the number ${value}${advice}`)
  }
}

function countOf({ shape }: PlannedTensor): number {
  return shape.reduce((product, size) => product * size, 1)
}
