// SentencePiece's unigram vocabularies as XLM-RoBERTa has them: a tokenizer.json, or the model file that it was made of.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, isObject, readOptional, refused, shown } from './folder.ts'
import { readPiecesFile } from './pieces-file.ts'
import { bytes, flag, text } from './plan.ts'
import {
  type AddedToken,
  addedTokens,
  type Marker,
  type MarkerSources,
  markerIds,
  markerMetadata,
  tokenKinds,
  VocabularyBuilder,
} from './vocabulary.ts'

/** A vocabulary, and what happens to a text before it is cut. */
interface Unigram {
  readonly where: string
  /** By id. */
  readonly pieces: readonly (readonly [text: unknown, score: unknown])[]
  readonly unknown: unknown
  readonly added: readonly AddedToken[]
  /** SentencePiece's table of replacements. */
  readonly replacements: Uint8Array
  readonly begin: number
  readonly end: number
}

const piecesName = 'sentencepiece.bpe.model'

/** Whether a tokenizer.json holds such a vocabulary. */
function isUnigram(json: Fields | undefined): boolean {
  return json?.object('model')?.text('type') === 'Unigram'
}

/** The metadata; undefined where the folder has no such vocabulary. Throws `invalid_value` with the field that is wrong. */
export async function readUnigram(
  folder: string,
  json: Fields | undefined,
  rows: number,
  sources: MarkerSources,
): Promise<Map<string, GgufValue> | undefined> {
  if (json !== undefined && isUnigram(json)) return metadataOf(readJsonUnigram(json), rows, sources)
  const file = json === undefined ? await readOptional(folder, piecesName) : undefined
  return file === undefined ? undefined : metadataOf(readFile(file, rows), rows, sources)
}

function metadataOf(unigram: Unigram, rows: number, sources: MarkerSources): Map<string, GgufValue> {
  const builder = new VocabularyBuilder(unigram.where)
  for (const [id, [piece, score]] of unigram.pieces.entries()) {
    if (typeof score !== 'number' || !Number.isFinite(score))
      throw refused(`${unigram.where}[${id}]`, 'it is no text with a score')
    builder.set(id, piece, tokenKinds.normal, score)
  }
  for (const { id, text: content, special } of unigram.added)
    builder.set(id, content, special ? tokenKinds.control : tokenKinds.user)
  const { unknown } = unigram
  if (typeof unknown !== 'number' || builder.textOf(unknown) === undefined)
    throw refused(`${unigram.where}: unk_id`, `it is ${shown(unknown)}, and no token`)
  builder.mark(unknown, tokenKinds.unknown)
  const ids = new Map<Marker, number>(markerIds(builder, sources))
  ids.set('unk_token', unknown).set('bos_token', unigram.begin).set('cls_token', unigram.begin)
  ids.set('eos_token', unigram.end).set('sep_token', unigram.end)
  for (const marker of ['bos_token', 'eos_token'] as const) builder.mark(ids.get(marker) ?? 0, tokenKinds.control)
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', text('t5')],
    ['tokenizer.ggml.pre', text('default')],
    ...builder.metadata(rows, { scored: true }),
    ...markerMetadata(ids),
    ['tokenizer.ggml.add_bos_token', flag(true)],
    ['tokenizer.ggml.add_eos_token', flag(true)],
    ['tokenizer.ggml.add_space_prefix', flag(true)],
    ['tokenizer.ggml.remove_extra_whitespaces', flag(true)],
    ['tokenizer.ggml.precompiled_charsmap', bytes(unigram.replacements)],
  ])
}

function readJsonUnigram(json: Fields): Unigram {
  const model = json.object('model')
  const pieces = model?.values['vocab']
  if (model === undefined || !Array.isArray(pieces) || !pieces.every((entry) => Array.isArray(entry)))
    throw refused(`${json.where}: model: vocab`, 'it is no list of texts with scores')
  if (model.flag('byte_fallback', false))
    throw refused(`${model.where}: byte_fallback`, 'unknown letters become no bytes in the engine')
  requireSpaces(json)
  const [begin, end] = aroundOf(json)
  return {
    where: `${model.where}: vocab`,
    pieces: pieces as [unknown, unknown][],
    unknown: model.values['unk_id'],
    added: addedTokens(json),
    replacements: replacementsOf(json),
    begin,
    end,
  }
}

/** Steps of a normaliser or a pre-tokenizer: one, or a sequence of them. */
function stepsOf(json: Fields, name: string, inner: string): readonly Readonly<Record<string, unknown>>[] {
  const first = json.object(name)?.values
  if (first === undefined) return []
  return Array.isArray(first[inner]) ? first[inner].filter(isObject) : [first]
}

/** The table, and beside it only what the engine does anyway: spaces at the end and doubled ones are dropped. */
function replacementsOf(json: Fields): Uint8Array {
  const where = `${json.where}: normalizer`
  let table: Uint8Array | undefined
  for (const step of stepsOf(json, 'normalizer', 'normalizers')) {
    const map = step['precompiled_charsmap']
    if (step['type'] === 'Precompiled' && typeof map === 'string' && table === undefined) {
      table = Buffer.from(map, 'base64')
      continue
    }
    const isTrim = step['type'] === 'Strip'
    const pattern = step['type'] === 'Replace' && isObject(step['pattern']) ? step['pattern']['Regex'] : undefined
    const isMerge = pattern === ' {2,}' && (step['content'] === ' ' || step['content'] === '▁')
    if (!isTrim && !isMerge) throw refused(where, `its step ${shown(step['type'])} is none of XLM-RoBERTa's`)
  }
  if (table === undefined) throw refused(where, 'it has no precompiled_charsmap')
  requireTable(table, where)
  return table
}

/** The library reads the table unchecked where its length in front is right. */
function requireTable(table: Uint8Array, where: string): void {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  const length = table.length > 4 ? view.getUint32(0, true) : 0
  if (length === 0 || length % 4 !== 0 || length + 4 >= table.length || table.at(-1) !== 0)
    throw refused(`${where}: precompiled_charsmap`, 'it is damaged')
}

function requireSpaces(json: Fields): void {
  const where = `${json.where}: pre_tokenizer`
  const steps = stepsOf(json, 'pre_tokenizer', 'pretokenizers')
  const metaspace = steps.at(-1)
  const others = steps.slice(0, -1).map((step) => step['type'])
  const isKnown = metaspace?.['type'] === 'Metaspace' && (metaspace['replacement'] ?? '▁') === '▁'
  if (!isKnown || others.some((type) => type !== 'WhitespaceSplit') || others.length > 1)
    throw refused(where, 'it is not XLM-RoBERTa\'s: "WhitespaceSplit" and "Metaspace"')
  if (metaspace['prepend_scheme'] === 'never' || metaspace['add_prefix_space'] === false)
    throw refused(where, 'words without a space before them are not known')
}

/** The tokens around a text. */
function aroundOf(json: Fields): readonly [begin: number, end: number] {
  const where = `${json.where}: post_processor`
  const processor = json.object('post_processor')?.values ?? {}
  const idOf = (entry: unknown) => (Array.isArray(entry) && Number.isInteger(entry[1]) ? Number(entry[1]) : undefined)
  let found: readonly (number | undefined)[] = []
  if (processor['type'] === 'RobertaProcessing') found = [idOf(processor['cls']), idOf(processor['sep'])]
  const [first, body, last, ...more] = Array.isArray(processor['single']) ? (processor['single'] as unknown[]) : []
  if (processor['type'] === 'TemplateProcessing' && isObject(body) && isObject(body['Sequence']) && more.length === 0)
    found = [first, last].map((entry) => specialId(entry, processor['special_tokens']))
  const [begin, end] = found
  if (begin === undefined || end === undefined)
    throw refused(where, 'a text with one token before it and one behind it is known')
  return [begin, end]
}

function specialId(entry: unknown, tokens: unknown): number | undefined {
  const name = isObject(entry) && isObject(entry['SpecialToken']) ? entry['SpecialToken']['id'] : undefined
  const token = isObject(tokens) && typeof name === 'string' && Object.hasOwn(tokens, name) ? tokens[name] : undefined
  const [id, ...more]: unknown[] = isObject(token) && Array.isArray(token['ids']) ? token['ids'] : []
  return Number.isInteger(id) && more.length === 0 ? Number(id) : undefined
}

/** The model's own file: XLM-RoBERTa numbers its pieces from 4 on, behind four tokens of its own, and has a mask behind them. */
function readFile(file: Uint8Array, rows: number): Unigram {
  const { pieces, replacements } = readPiecesFile(file, piecesName, 'unigram')
  const control = ['<s>', '<pad>', '</s>', '<unk>']
  requireTable(replacements, piecesName)
  const own = pieces.slice(3).map(({ text: piece, score }) => [piece, score] as const)
  const mask = control.length + own.length
  const names = rows > mask ? [...control.entries(), [mask, '<mask>'] as const] : [...control.entries()]
  return {
    where: piecesName,
    pieces: [...control.map((one) => [one, 0] as const), ...own],
    unknown: 3,
    added: names.map(([id, content]) => ({ id, text: content, special: true })),
    replacements,
    begin: 0,
    end: 2,
  }
}
