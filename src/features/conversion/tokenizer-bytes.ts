// Byte-level BPE out of a tokenizer.json. Which cutting of texts it is decides the name that llama.cpp knows it by.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, isObject, refused } from './folder.ts'
import { flag, text, texts } from './plan.ts'
import {
  addedTokens,
  type MarkerSources,
  markerIds,
  markerMetadata,
  tokenKinds,
  VocabularyBuilder,
} from './vocabulary.ts'

/** The regular expressions of the families, as their own files have them, and llama.cpp's name for each. */
const cuttings: ReadonlyMap<string, string> = new Map([
  [
    String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    'llama-bpe',
  ],
  [
    String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    'tekken',
  ],
])

const mostMerges = 4 * 1_048_576

/** Whether a tokenizer.json cuts texts into bytes. */
export function isByteLevel(json: Fields): boolean {
  return steps(json).some((step) => step['type'] === 'ByteLevel')
}

/** The metadata. `rows`: the vocabulary's size in the model. Throws `invalid_value` with the field that is wrong. */
export function readByteLevel(json: Fields, rows: number, sources: MarkerSources): Map<string, GgufValue> {
  const model = json.object('model')
  const vocabulary = model?.object('vocab')
  if (model === undefined || vocabulary === undefined) throw refused(`${json.where}: model.vocab`, 'it is missing')
  requirePlain(json)
  const builder = new VocabularyBuilder(vocabulary.where)
  for (const [token, id] of Object.entries(vocabulary.values)) builder.set(id, token, tokenKinds.normal)
  for (const { id, text: content, special } of addedTokens(json))
    builder.set(id, content, special ? tokenKinds.control : tokenKinds.user)
  const ids = markerIds(builder, sources)
  const begin = ids.get('bos_token')
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(cuttingOf(json))],
    ...builder.metadata(rows),
    ['tokenizer.ggml.merges', texts(mergesOf(model))],
    ...markerMetadata(ids),
    ['tokenizer.ggml.add_bos_token', flag(begin !== undefined && addsFirst(json, begin, sources.settings))],
  ])
}

/** What changes a text before it is cut is not in GGUF. */
function requirePlain(json: Fields): void {
  const normaliser = json.object('normalizer')
  const list = normaliser?.values['normalizers']
  if (normaliser !== undefined && !(Array.isArray(list) && list.length === 0))
    throw refused(`${json.where}: normalizer`, 'byte-level vocabularies are read without one')
}

/** The steps that cut a text, in order. */
function steps(json: Fields): readonly Readonly<Record<string, unknown>>[] {
  const first = json.object('pre_tokenizer')?.values
  if (first === undefined) return []
  const inner = first['pretokenizers']
  return Array.isArray(inner) ? inner.filter(isObject) : [first]
}

function cuttingOf(json: Fields): string {
  const cutting = steps(json)
  const [first, second, ...more] = cutting
  const regex = first?.['type'] === 'Split' && isObject(first['pattern']) ? first['pattern']['Regex'] : undefined
  const known = typeof regex === 'string' ? cuttings.get(regex) : undefined
  const usesOwn = (step: Readonly<Record<string, unknown>> | undefined) =>
    step?.['type'] === 'ByteLevel' && step['use_regex'] !== false && step['add_prefix_space'] !== true
  if (more.length === 0 && known !== undefined && second?.['type'] === 'ByteLevel') return known
  if (second === undefined && usesOwn(first)) return 'gpt-2'
  const singly = first?.['type'] === 'Digits' && first['individual_digits'] === true
  if (more.length === 0 && singly && usesOwn(second)) return 'smollm'
  const reason = 'this way of cutting texts is none of those of GPT-2, SmolLM, Llama 3 and Tekken'
  throw refused(`${json.where}: pre_tokenizer`, reason)
}

/** Pairs as one text or as two. */
function mergesOf(model: Fields): readonly string[] {
  const list = model.values['merges']
  if (!Array.isArray(list) || list.length > mostMerges)
    throw refused(`${model.where}: merges`, 'it is no list of pairs')
  return list.map((pair, place) => {
    const [left, right, ...more] = typeof pair === 'string' ? pair.split(' ') : Array.isArray(pair) ? pair : []
    if (typeof left !== 'string' || typeof right !== 'string' || more.length > 0 || left === '' || right === '')
      throw refused(`${model.where}: merges[${place}]`, 'it is no pair of tokens')
    return `${left} ${right}`
  })
}

/** Whether every text begins with the token: what the file's template says, else the setting. */
function addsFirst(json: Fields, begin: number, settings: Fields | undefined): boolean {
  const processors = json.object('post_processor')?.values
  const inner = processors?.['processors']
  const all = Array.isArray(inner) ? inner : [processors]
  for (const one of all) {
    if (!isObject(one) || one['type'] !== 'TemplateProcessing' || !Array.isArray(one['single'])) continue
    const first: unknown = one['single'][0]
    const special = isObject(first) && isObject(first['SpecialToken']) ? first['SpecialToken']['id'] : undefined
    const known = isObject(one['special_tokens']) ? one['special_tokens'][String(special)] : undefined
    return isObject(known) && Array.isArray(known['ids']) && known['ids'][0] === begin
  }
  return settings?.flag('add_bos_token', false) ?? false
}
