// Random LoRA adapters in folders as Hugging Face's PEFT saves them, and what they add to a weight. The same seed gives the same folder.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeFloats, encodeWeights, type FloatType } from '../../src/formats/weights.ts'
import { randomNumbers } from './gguf-models.ts'

/** A tensor of a safetensors file, the slowest dimension first. */
export interface SafeContent {
  readonly shape: readonly number[]
  readonly type: FloatType
  readonly values: Float32Array
}

/** What an adapter is made of. */
export interface PeftContent {
  readonly folder: string
  /** Modules as `model.layers.0.self_attn.q_proj` with their outputs and inputs. */
  readonly modules: readonly (readonly [module: string, output: number, input: number])[]
  readonly seed: number
  readonly type: FloatType
  readonly rank: number
  readonly alpha: number
  /** Fields of adapter_config.json beside those that follow from the others. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Ranks of modules whose names end so. */
  readonly ranks?: Readonly<Record<string, number>>
  /** `.default` in the tensors' names. */
  readonly named?: boolean
}

/** Writes a safetensors file. */
export async function writeSafetensors(path: string, tensors: Readonly<Record<string, SafeContent>>): Promise<void> {
  const pieces: Uint8Array[] = []
  const header: Record<string, object> = {}
  let end = 0
  for (const [name, { shape, type, values }] of Object.entries(tensors)) {
    const bytes = encode(type, values)
    header[name] = { dtype: type, shape, data_offsets: [end, end + bytes.length] }
    pieces.push(bytes)
    end += bytes.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  await writeFile(path, Buffer.concat([length, text, ...pieces]))
}

/** Writes the folder; `add` does to a module's weight what applying the adapter does, by PEFT's own rule of the scale. */
export async function writePeft(content: PeftContent): Promise<{ add(weight: string, values: Float32Array): void }> {
  const { folder, modules, seed, type, rank, alpha, config = {}, ranks = {}, named = false } = content
  const random = randomNumbers(seed)
  const fill = (length: number, spread: number) =>
    decodeFloats(
      type,
      encode(
        type,
        Float32Array.from({ length }, () => random() * spread),
      ),
    )
  const tensors: Record<string, SafeContent> = {}
  const parts = new Map<string, { a: Float32Array; b: Float32Array; own: number; input: number }>()
  for (const [module, output, input] of modules) {
    const own = Object.entries(ranks).find(([end]) => module.endsWith(end))?.[1] ?? rank
    const a = fill(own * input, 2 / Math.sqrt(input))
    const b = fill(output * own, 0.3 / Math.sqrt(own))
    const stem = (side: string) => `base_model.model.${module}.lora_${side}${named ? '.default' : ''}.weight`
    tensors[stem('A')] = { shape: [own, input], type, values: a }
    tensors[stem('B')] = { shape: [output, own], type, values: b }
    parts.set(`${module}.weight`, { a, b, own, input })
  }
  await mkdir(folder, { recursive: true })
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors)
  const targets = [...new Set(modules.map(([module]) => module.slice(module.lastIndexOf('.') + 1)))]
  const said = { peft_type: 'LORA', task_type: 'CAUSAL_LM', r: rank, lora_alpha: alpha, target_modules: targets }
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...said, bias: 'none', ...config }))
  return {
    add(weight, values) {
      const part = parts.get(weight)
      if (part === undefined) return
      const { a, b, own, input } = part
      const scale = alpha / (config['use_rslora'] === true ? Math.sqrt(own) : own)
      for (let place = 0; place < values.length; place += 1) {
        const [out, column] = [Math.floor(place / input), place % input]
        let sum = 0
        for (let k = 0; k < own; k += 1) sum += (b[out * own + k] ?? 0) * (a[k * input + column] ?? 0)
        values[place] = (values[place] ?? 0) + scale * sum
      }
    },
  }
}

/** BF16 is the upper half of F32. */
function encode(type: FloatType, values: Float32Array): Uint8Array {
  if (type !== 'BF16') return Uint8Array.from(encodeWeights(type, values))
  const bits = new Uint32Array(Float32Array.from(values).buffer)
  return new Uint8Array(Uint16Array.from(bits, (one) => one >>> 16).buffer)
}
