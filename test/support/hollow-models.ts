// A model of the catalogue in its real size, without its weights: the engine reads the header and computes what it would take.

import { join } from 'node:path'
import { architectureKeys, type DescribedModel, headerFrom } from '../../src/engine/plan-header.ts'
import type { GgufValue } from '../../src/formats/gguf.ts'
import { writeHollowGguf } from './gguf-hollow.ts'
import { byteVocabulary, wordPieceVocabulary } from './gguf-vocabulary.ts'

/** Writes the file into a folder and resolves with its path. It takes a few megabytes on disk, whatever it seems to hold. */
export async function writeHollowModel(folder: string, model: DescribedModel): Promise<string> {
  const { architecture, numbers } = model
  const encodes = /bert/.test(architecture)
  const empty = encodes ? wordPieceVocabulary([]) : byteVocabulary([])
  const fillers = Array.from({ length: numbers.vocabulary - empty.size }, (_, place) => `filler${place}`)
  const vocabulary = encodes ? wordPieceVocabulary(fillers) : byteVocabulary(fillers)
  const metadata = new Map<string, GgufValue>([['general.architecture', { type: 'string', value: architecture }]])
  for (const [key, value] of Object.entries(architectureKeys(model)))
    metadata.set(`${architecture}.${key}`, typed(value))
  const epsilon = encodes ? 'attention.layer_norm_epsilon' : 'attention.layer_norm_rms_epsilon'
  metadata.set(`${architecture}.${epsilon}`, { type: 'f32', value: 1e-5 })
  for (const [key, value] of vocabulary.metadata) metadata.set(key, value)
  if (encodes) metadata.set('tokenizer.ggml.token_type_count', { type: 'u32', value: numbers.tokenTypes ?? 1 })
  const path = join(folder, `${model.file.replace(/\.gguf$/, '')}-hollow.gguf`)
  await writeHollowGguf(path, { metadata, tensors: headerFrom(model).tensors })
  return path
}

function typed(value: number | boolean | readonly number[]): GgufValue {
  if (typeof value === 'boolean') return { type: 'bool', value }
  if (typeof value === 'number') return { type: 'u32', value }
  return { type: 'array', of: 'u32', value }
}
