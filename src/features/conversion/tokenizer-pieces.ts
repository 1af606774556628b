// SentencePiece vocabularies of the BPE kind: a tokenizer.model (protobuf), or the tokenizer.json that was made of one.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, fieldsOf, isObject, refused } from './folder.ts'
import { readPiecesFile } from './pieces-file.ts'
import { flag, text } from './plan.ts'
import {
  type AddedToken,
  addedTokens,
  type MarkerSources,
  markerIds,
  markerMetadata,
  type TokenKind,
  tokenKinds,
  VocabularyBuilder,
} from './vocabulary.ts'

/** Added later than the pieces: never made by a merge. */
const addedScore = -1000

/** The metadata out of a tokenizer.model. Throws `invalid_value` with what is wrong. */
export function readPieces(file: Uint8Array, rows: number, sources: MarkerSources): Map<string, GgufValue> {
  const where = 'tokenizer.model'
  const { pieces, prefix } = readPiecesFile(file, where, 'bpe')
  const builder = new VocabularyBuilder(where)
  for (const { text: piece, kind, score } of pieces) builder.set(builder.size, piece, kind as TokenKind, score)
  const known = builder.size
  for (const { id, text: content, special } of addedBySettings(sources.settings)) {
    if (typeof id === 'number' && id < known) {
      if (special && builder.find(String(content)) === id && id > 0) builder.mark(id, tokenKinds.control)
    } else builder.set(id, content, special ? tokenKinds.control : tokenKinds.user, addedScore)
  }
  return finish(builder, rows, sources, prefix)
}

/** The metadata out of a tokenizer.json with a BPE of pieces; a piece's rank among the merges is its score. */
export function readPiecesOfJson(json: Fields, rows: number, sources: MarkerSources): Map<string, GgufValue> {
  const model = json.object('model')
  const vocabulary = model?.object('vocab')
  const merges = model?.values['merges']
  if (model?.text('type') !== 'BPE' || vocabulary === undefined || !Array.isArray(merges))
    throw refused(`${json.where}: model`, 'it is no BPE with vocabulary and merges')
  if (!model.flag('byte_fallback', false))
    throw refused(`${json.where}: model.byte_fallback`, 'without it and without ByteLevel the kind is not known')
  const scores = new Map<string, number>()
  for (const [rank, pair] of merges.entries()) {
    const made = typeof pair === 'string' ? pair.replace(' ', '') : Array.isArray(pair) ? pair.join('') : ''
    if (!scores.has(made)) scores.set(made, -rank)
  }
  const unknown = model.text('unk_token')
  const builder = new VocabularyBuilder(vocabulary.where)
  for (const [piece, id] of Object.entries(vocabulary.values))
    builder.set(id, piece, kindOf(piece, unknown), scores.get(piece) ?? -merges.length)
  for (const { id, text: content, special } of addedTokens(json))
    if (content !== unknown) builder.set(id, content, special ? tokenKinds.control : tokenKinds.user, addedScore)
  return finish(builder, rows, sources, addsPrefix(json))
}

function finish(
  builder: VocabularyBuilder,
  rows: number,
  sources: MarkerSources,
  prefix: boolean,
): Map<string, GgufValue> {
  const ids = markerIds(builder, sources)
  const settings = sources.settings
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.pre', text('default')],
    ...builder.metadata(rows, { scored: true }),
    ...markerMetadata(ids),
    ['tokenizer.ggml.add_space_prefix', flag(prefix)],
    // The classes of these tokenizers add the first token and not the last unless told otherwise.
    ['tokenizer.ggml.add_bos_token', flag(ids.has('bos_token') && (settings?.flag('add_bos_token', true) ?? true))],
    ['tokenizer.ggml.add_eos_token', flag(ids.has('eos_token') && (settings?.flag('add_eos_token', false) ?? false))],
  ])
}

function kindOf(piece: string, unknown: string | undefined): TokenKind {
  if (piece === unknown) return tokenKinds.unknown
  return /^<0x[0-9A-F]{2}>$/.test(piece) ? tokenKinds.byte : tokenKinds.normal
}

/** Whether a text gets a space before it, in either of the two ways that files say it. */
function addsPrefix(json: Fields): boolean {
  const normaliser = json.object('normalizer')?.values
  const inner = normaliser?.['normalizers']
  const steps = (Array.isArray(inner) ? inner : [normaliser]).filter(isObject)
  const metaspace = json.object('pre_tokenizer')?.values
  if (metaspace?.['type'] === 'Metaspace')
    return metaspace['prepend_scheme'] !== 'never' && metaspace['add_prefix_space'] !== false
  return steps.some((step) => step['type'] === 'Prepend')
}

/** `added_tokens_decoder` of tokenizer_config.json. */
function addedBySettings(settings: Fields | undefined): readonly AddedToken[] {
  const decoder = settings?.object('added_tokens_decoder')
  if (decoder === undefined) return []
  const entries = Object.keys(decoder.values).map((id): AddedToken => {
    const entry = decoder.object(id) ?? fieldsOf({}, decoder.where)
    return { id: Number(id), text: entry.text('content'), special: entry.flag('special', false) }
  })
  return entries.sort((one, other) => Number(one.id) - Number(other.id))
}
