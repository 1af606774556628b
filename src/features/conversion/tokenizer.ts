// Chooses how a folder's tokenizer is read, and adds its chat templates. Knows no format of a vocabulary.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, isObject, readFields, readOptional, refused } from './folder.ts'
import { text } from './plan.ts'
import { isByteLevel, readByteLevel } from './tokenizer-bytes.ts'
import { readPieces, readPiecesOfJson } from './tokenizer-pieces.ts'
import { readUnigram } from './tokenizer-unigram.ts'
import { readWords } from './tokenizer-words.ts'

/** The `tokenizer.*` metadata of a model. Throws `invalid_value` with the file and field that is wrong. */
export async function readTokenizer(
  folder: string,
  architecture: string,
  config: Fields,
): Promise<ReadonlyMap<string, GgufValue>> {
  const rows = config.count('vocab_size', { most: 16 * 1_048_576 })
  const settings = await readFields(folder, 'tokenizer_config.json')
  const sources = { settings, map: await readFields(folder, 'special_tokens_map.json'), config }
  const json = await readFields(folder, 'tokenizer.json')
  if (architecture === 'bert')
    return (await readUnigram(folder, json, rows, sources)) ?? (await readWords(folder, json, rows, sources))
  const metadata = await readVocabulary(folder, json, rows, sources)
  for (const [key, template] of await readTemplates(folder, settings)) metadata.set(key, text(template))
  return metadata
}

/** A tokenizer.json that works on bytes says all; else a tokenizer.model, which others are made of, says more than its copy. */
async function readVocabulary(
  folder: string,
  json: Fields | undefined,
  rows: number,
  sources: Parameters<typeof readByteLevel>[2],
): Promise<Map<string, GgufValue>> {
  if (json !== undefined && isByteLevel(json)) return readByteLevel(json, rows, sources)
  const pieces = await readOptional(folder, 'tokenizer.model')
  if (pieces !== undefined) return readPieces(pieces, rows, sources)
  if (json !== undefined) return readPiecesOfJson(json, rows, sources)
  throw refused('tokenizer.json', 'it is missing, and there is no tokenizer.model')
}

/** A file of its own, or the setting: one template, or several with names. */
async function readTemplates(folder: string, settings: Fields | undefined): Promise<readonly [string, string][]> {
  const key = 'tokenizer.chat_template'
  const file = await readOptional(folder, 'chat_template.jinja')
  if (file !== undefined) return [[key, file.toString('utf8')]]
  const value =
    settings?.values['chat_template'] ?? (await readFields(folder, 'chat_template.json'))?.values['chat_template']
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return [[key, value]]
  const where = 'tokenizer_config.json: chat_template'
  if (!Array.isArray(value)) throw refused(where, 'it is neither a text nor a list')
  return value.map((entry: unknown) => {
    const { name, template } = isObject(entry) ? entry : {}
    if (typeof name !== 'string' || !/^[\w-]+$/.test(name) || typeof template !== 'string')
      throw refused(where, 'an entry has no name or no template')
    return [name === 'default' ? key : `${key}.${name}`, template]
  })
}
