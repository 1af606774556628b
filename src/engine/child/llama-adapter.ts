// Loads a LoRA adapter for a model that is in memory. Knows no request: `Context.setAdapters` applies it.

import { basename } from 'node:path'
import { promisify } from 'node:util'
import { fail } from '../../base/errors.ts'
import { readAdapter } from '../adapter-check.ts'
import type { Llama, Pointer } from './llama.ts'
import type { LoadedModel } from './llama-model.ts'

/** An adapter in memory; its pointer goes into `Context.setAdapters`. */
export interface LoadedAdapter {
  readonly pointer: Pointer
  readonly path: string
  /** Frees it, once no context applies it and before the model is freed. */
  free(): void
}

/** Loads an adapter GGUF off the event loop. Throws `adapter_unusable` when the file is no adapter or is for another model. */
export async function loadAdapter(llama: Llama, model: LoadedModel, path: string): Promise<LoadedAdapter> {
  const adapter = basename(path)
  const { architecture } = readAdapter(path, adapter)
  if (architecture !== model.architecture) {
    const reason = `it is for the architecture "${architecture}", and the model is "${model.architecture}"`
    throw fail('adapter_unusable', { adapter, reason })
  }
  const lines: string[] = []
  const listen = (level: string, line: string) => {
    if (level === 'error') lines.push(line)
  }
  llama.library.listeners.add(listen)
  try {
    const pointer = await promisify(llama.adapterLoad.async)(model.pointer, path)
    if (pointer === null) {
      const reason = lines[0]?.replace(/^[a-z_]+: /, '').replace(/\.$/, '') ?? 'the engine gave no reason'
      throw fail('adapter_unusable', { adapter, reason })
    }
    return { pointer, path, free: () => llama.adapterFree(pointer) }
  } finally {
    llama.library.listeners.delete(listen)
  }
}
