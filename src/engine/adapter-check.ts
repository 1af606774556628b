// Whether a LoRA adapter is for a model: found out from the two headers, before anything is loaded.

import { fail } from '../base/errors.ts'
import { readAdapterHeader } from './header.ts'
import type { ModelHeader } from './header-types.ts'

/** An adapter of a model: its name, and where its weights lie. */
export interface AdapterFile {
  readonly name: string
  readonly path: string
  /** sha256 of the file. */
  readonly digest: string
}

/** The bytes that an adapter takes. Throws `adapter_unusable` with the reason where the file is no adapter, or is one for another model. */
export function checkAdapterFor(base: ModelHeader, { name, path }: AdapterFile): number {
  const unusable = (reason: string) => fail('adapter_unusable', { adapter: name, reason })
  const header = readAdapter(path, name)
  if (header.architecture !== base.architecture)
    throw unusable(`it is for the architecture "${header.architecture}", and the model is "${base.architecture}"`)
  const weights = new Map(base.tensors.map((tensor) => [tensor.name, tensor.dimensions]))
  const parts = new Map(header.tensors.map((tensor) => [tensor.name, tensor.dimensions]))
  for (const [part, a] of parts) {
    const weight = /^(.*)\.lora_a$/.exec(part)?.[1]
    if (weight === undefined) continue
    const b = parts.get(`${weight}.lora_b`) ?? []
    const shape = weights.get(weight)
    if (shape === undefined) throw unusable(`the model has no weight "${weight.slice(0, 60)}"`)
    if (!fits(weight, shape, a, b))
      throw unusable(
        `its "${weight.slice(0, 60)}" is for ${[a[0], b[1], ...a.slice(2)].join(' × ')} weights, and the model's has ${shape.join(' × ')}`,
      )
  }
  return header.tensorBytes
}

/**
 * As libllama's loader has it, which of the token embedding wants both parts the other way. It does not look at the experts that are stacked
 * in a weight: with fewer of them in the parts it would read beyond their end.
 */
function fits(name: string, shape: readonly number[], a: readonly number[], b: readonly number[]): boolean {
  const stacked = (dimensions: readonly number[]) => dimensions.slice(2).reduce((product, size) => product * size, 1)
  if (stacked(a) !== stacked(shape) || stacked(b) !== stacked(shape)) return false
  if (name.endsWith('token_embd.weight')) return shape[0] === b[1] && shape[1] === a[1]
  return shape[0] === a[0] && shape[1] === b[1] && a[1] === b[0]
}

/** The header of an adapter. Throws `adapter_unusable`. */
export function readAdapter(path: string, name: string): ModelHeader {
  try {
    return readAdapterHeader(path, name)
  } catch (error) {
    const reason = String((error as { fields?: { reason?: unknown } }).fields?.reason ?? (error as Error).message)
    throw fail('adapter_unusable', { adapter: name, reason: reason.replace(/\.$/, '') }, error)
  }
}
