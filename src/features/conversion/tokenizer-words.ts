// WordPiece vocabularies of BERT: a tokenizer.json, or a vocab.txt with the settings beside it.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, readOptional, refused } from './folder.ts'
import { flag, text } from './plan.ts'
import {
  type AddedToken,
  addedTokens,
  type MarkerSources,
  markerIds,
  markerMetadata,
  tokenKinds,
  VocabularyBuilder,
} from './vocabulary.ts'

/** What happens to a text before it is cut. */
interface Cleaning {
  readonly lowercase: boolean
  readonly stripAccents: boolean
}

/** The metadata. Throws `invalid_value` with the field that is wrong. */
export async function readWords(
  folder: string,
  json: Fields | undefined,
  rows: number,
  sources: MarkerSources,
): Promise<Map<string, GgufValue>> {
  const { words, added, where, cleaning } = json === undefined ? await readPlain(folder, sources) : readJsonWords(json)
  const plain = new VocabularyBuilder(where)
  for (const [word, id] of words) plain.set(id, word, tokenKinds.normal)
  for (const { id, text: word } of added) plain.set(id, word, tokenKinds.control)
  const ids = markerIds(plain, sources)
  for (const marker of ['cls_token', 'sep_token', 'unk_token', 'pad_token'] as const)
    if (!ids.has(marker)) throw refused(`tokenizer_config.json: ${marker}`, 'it is missing')
  const builder = new VocabularyBuilder(where)
  for (const [word, id] of words) builder.set(id, stored(word), tokenKinds.normal)
  for (const { id, text: word, special } of added) builder.set(id, word, special ? tokenKinds.control : tokenKinds.user)
  for (const id of ids.values()) builder.set(id, plain.textOf(id), tokenKinds.control)
  // llama.cpp puts the first token where others have BOS.
  ids.set('bos_token', ids.get('cls_token') ?? 0)
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', text('bert')],
    ['tokenizer.ggml.pre', text('default')],
    ...builder.metadata(rows),
    ...markerMetadata(ids),
    ['tokenizer.ggml.normalizer.lowercase', flag(cleaning.lowercase)],
    ['tokenizer.ggml.normalizer.strip_accents', flag(cleaning.stripAccents)],
  ])
}

interface Words {
  readonly added: readonly AddedToken[]
  readonly words: readonly (readonly [word: string, id: unknown])[]
  readonly where: string
  readonly cleaning: Cleaning
}

/** WordPiece marks what continues a word (`##s`), llama.cpp what begins one (`▁s`). */
function stored(word: string): string {
  return word.startsWith('##') && word.length > 2 ? word.slice(2) : `▁${word}`
}

function readJsonWords(json: Fields): Words {
  const model = json.object('model')
  const vocabulary = model?.object('vocab')
  if (model?.text('type') !== 'WordPiece' || vocabulary === undefined)
    throw refused(`${json.where}: model`, 'it is no WordPiece with a vocabulary')
  const prefix = model.text('continuing_subword_prefix') ?? '##'
  if (prefix !== '##')
    throw refused(`${model.where}: continuing_subword_prefix`, `it is "${prefix}", and "##" is known`)
  const normaliser = json.object('normalizer')
  if (normaliser?.text('type') !== 'BertNormalizer') throw refused(`${json.where}: normalizer`, 'it is none of BERT')
  for (const name of ['clean_text', 'handle_chinese_chars'])
    if (!normaliser.flag(name, true)) throw refused(`${normaliser.where}: ${name}`, 'it is false, and true is known')
  if (json.object('pre_tokenizer')?.text('type') !== 'BertPreTokenizer')
    throw refused(`${json.where}: pre_tokenizer`, 'it is none of BERT')
  const lowercase = normaliser.flag('lowercase', true)
  const cleaning = { lowercase, stripAccents: normaliser.flag('strip_accents', lowercase) }
  return { words: Object.entries(vocabulary.values), added: addedTokens(json), where: vocabulary.where, cleaning }
}

async function readPlain(folder: string, { settings }: MarkerSources): Promise<Words> {
  const file = await readOptional(folder, 'vocab.txt')
  if (file === undefined) throw refused('tokenizer.json', 'it is missing, and there is no vocab.txt')
  const lines = file.toString('utf8').replace(/\n$/, '').split('\n')
  const lowercase = settings?.flag('do_lower_case', true) ?? true
  return {
    words: lines.map((line, id) => [line.replace(/\r$/, ''), id] as const),
    added: [],
    where: 'vocab.txt',
    cleaning: { lowercase, stripAccents: settings?.flag('strip_accents', lowercase) ?? lowercase },
  }
}
