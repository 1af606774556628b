// Vocabularies for GGUF files that tests write: copied from another GGUF, or made of SentencePiece and Tekken files and plain word lists.

import { readFile } from 'node:fs/promises'
import { GGUFValueType, gguf } from '@huggingface/gguf'
import type { GgufValue } from '../../src/formats/gguf.ts'

/** The `tokenizer.*` metadata of a GGUF, and how many tokens it has. */
export interface GgufVocabulary {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly size: number
}

const scalarTypes = {
  [GGUFValueType.UINT8]: 'u8',
  [GGUFValueType.INT8]: 'i8',
  [GGUFValueType.UINT16]: 'u16',
  [GGUFValueType.INT16]: 'i16',
  [GGUFValueType.UINT32]: 'u32',
  [GGUFValueType.INT32]: 'i32',
  [GGUFValueType.FLOAT32]: 'f32',
  [GGUFValueType.BOOL]: 'bool',
  [GGUFValueType.STRING]: 'string',
  [GGUFValueType.UINT64]: 'u64',
  [GGUFValueType.INT64]: 'i64',
  [GGUFValueType.FLOAT64]: 'f64',
} as const

/** The vocabulary of a GGUF file as it stands there, chat template included. */
export async function vocabularyOf(path: string): Promise<GgufVocabulary> {
  const { typedMetadata } = await gguf(path, { allowLocalFile: true, typedMetadata: true })
  const metadata = new Map<string, GgufValue>()
  for (const [key, entry] of Object.entries(typedMetadata)) {
    if (!key.startsWith('tokenizer.')) continue
    const { type, value } = entry
    if (type === GGUFValueType.ARRAY) {
      const of = scalarTypes[('subType' in entry ? entry.subType : undefined) as keyof typeof scalarTypes]
      metadata.set(key, { type: 'array', of, value: value as string[] })
    } else metadata.set(key, { type: scalarTypes[type], value: value as string | number | bigint | boolean })
  }
  return sized(metadata)
}

/** A SentencePiece file (`*.model`, `*.model.v3`, …) as llama.cpp stores it. */
export async function sentencePieceVocabulary(path: string): Promise<GgufVocabulary> {
  const pieces: string[] = []
  const scores: number[] = []
  const types: number[] = []
  for (const { field, bytes } of protobufFields(await readFile(path))) {
    if (field !== 1) continue
    let score = 0
    let type = 1
    for (const inner of protobufFields(bytes)) {
      if (inner.field === 1) pieces.push(inner.bytes.toString('utf8'))
      if (inner.field === 2) score = inner.bytes.readFloatLE()
      if (inner.field === 3) type = inner.number
    }
    scores.push(score)
    // GGUF numbers the types of tokens as SentencePiece does: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    types.push(type)
  }
  return sized(
    new Map<string, GgufValue>([
      ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'default' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: pieces }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'f32', value: scores }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }],
      ...markers({ bos: 1, eos: 2, unknown: 0, addBos: true }),
    ]),
  )
}

/** A Tekken file (`tekken_*.json`); `names` puts special tokens at ids, over the first ones that the file's version has. */
export async function tekkenVocabulary(
  path: string,
  names: Readonly<Record<number, string>> = {},
): Promise<GgufVocabulary> {
  const { config, vocab } = JSON.parse(await readFile(path, 'utf8')) as {
    config: { default_vocab_size: number; default_num_special_tokens: number }
    vocab: { rank: number; token_bytes: string }[]
  }
  const specials = config.default_num_special_tokens
  const known = [...tekkenSpecials]
  const special = Array.from({ length: specials }, (_, id) => names[id] ?? known[id] ?? `<SPECIAL_${id}>`)
  const ranked = vocab.slice(0, config.default_vocab_size - specials)
  // Bytes as latin1 text: one character each, so that texts can be keys and be cut anywhere.
  const texts = ranked.map((entry) => Buffer.from(entry.token_bytes, 'base64').toString('latin1'))
  const ranks = new Map(texts.map((text, rank) => [text, rank]))
  const merges = texts.flatMap((text) => (text.length > 1 ? [mergeOf(text, ranks)] : []))
  return sized(
    new Map<string, GgufValue>([
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'tekken' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: [...special, ...texts.map(printable)] }],
      [
        'tokenizer.ggml.token_type',
        { type: 'array', of: 'i32', value: [...special.map(() => 3), ...texts.map(() => 1)] },
      ],
      ['tokenizer.ggml.merges', { type: 'array', of: 'string', value: merges }],
      ...markers({ bos: 1, eos: 2, unknown: 0, addBos: true }),
    ]),
  )
}

const tekkenSpecials =
  '<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG] <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]'.split(
    ' ',
  )

/** A WordPiece vocabulary of words (and single letters, so that every text in them can be written). */
export function wordPieceVocabulary(words: readonly string[]): GgufVocabulary {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789.,!?'.split('')
  // llama.cpp marks the start of a word where WordPiece marks its continuation.
  const starts = [...new Set([...letters, ...words])].map((word) => `▁${word}`)
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...starts, ...letters]
  return sized(
    new Map<string, GgufValue>([
      ['tokenizer.ggml.model', { type: 'string', value: 'bert' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'default' }],
      ['tokenizer.ggml.token_type_count', { type: 'u32', value: 2 }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: tokens.map((_, id) => (id < 5 ? 3 : 1)) }],
      ['tokenizer.ggml.padding_token_id', { type: 'u32', value: 0 }],
      ['tokenizer.ggml.unknown_token_id', { type: 'u32', value: 1 }],
      ['tokenizer.ggml.bos_token_id', { type: 'u32', value: 2 }],
      ['tokenizer.ggml.cls_token_id', { type: 'u32', value: 2 }],
      ['tokenizer.ggml.seperator_token_id', { type: 'u32', value: 3 }],
      ['tokenizer.ggml.mask_token_id', { type: 'u32', value: 4 }],
    ]),
  )
}

/** One token for each byte, no merges, `</s>` as end, and the control tokens asked for: the smallest vocabulary that can write anything. */
export function byteVocabulary(control: readonly string[]): GgufVocabulary {
  const special = [...new Set(['<unk>', '<s>', '</s>', ...control])]
  return sized(
    new Map<string, GgufValue>([
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: [...special, ...printableBytes] }],
      [
        'tokenizer.ggml.token_type',
        { type: 'array', of: 'i32', value: [...special.map(() => 3), ...printableBytes.map(() => 1)] },
      ],
      ['tokenizer.ggml.merges', { type: 'array', of: 'string', value: [] }],
      ...markers({ bos: 1, eos: 2, unknown: 0, addBos: true }),
    ]),
  )
}

/** The vocabulary with more control tokens at its end, and with a chat template or other metadata set. */
export function extended(
  vocabulary: GgufVocabulary,
  changes: { readonly control?: readonly string[]; readonly chatTemplate?: string },
): GgufVocabulary {
  const metadata = new Map(vocabulary.metadata)
  const control = changes.control ?? []
  const append = (key: string, values: readonly (string | number)[]) => {
    const value = metadata.get(key)
    if (value?.type === 'array') metadata.set(key, { ...value, value: [...value.value, ...values] })
  }
  append('tokenizer.ggml.tokens', control)
  append(
    'tokenizer.ggml.token_type',
    control.map(() => 3),
  )
  append(
    'tokenizer.ggml.scores',
    control.map(() => 0),
  )
  if (changes.chatTemplate !== undefined) {
    metadata.set('tokenizer.chat_template', { type: 'string', value: changes.chatTemplate })
  }
  return sized(metadata)
}

function sized(metadata: ReadonlyMap<string, GgufValue>): GgufVocabulary {
  const tokens = metadata.get('tokenizer.ggml.tokens')
  if (tokens?.type !== 'array') throw new Error('the vocabulary has no tokens')
  return { metadata, size: tokens.value.length }
}

function markers(ids: { bos: number; eos: number; unknown: number; addBos: boolean }): [string, GgufValue][] {
  return [
    ['tokenizer.ggml.bos_token_id', { type: 'u32', value: ids.bos }],
    ['tokenizer.ggml.eos_token_id', { type: 'u32', value: ids.eos }],
    ['tokenizer.ggml.unknown_token_id', { type: 'u32', value: ids.unknown }],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: ids.addBos }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
  ]
}

/** The two tokens whose merge makes this one: byte-pair encoding of its bytes by the ranks below its own. */
function mergeOf(text: string, ranks: ReadonlyMap<string, number>): string {
  const own = ranks.get(text) ?? Number.POSITIVE_INFINITY
  const parts = text.split('')
  while (parts.length > 2) {
    let best = -1
    let bestRank = own
    for (let index = 0; index + 1 < parts.length; index++) {
      const rank = ranks.get(`${parts[index]}${parts[index + 1]}`) ?? Number.POSITIVE_INFINITY
      if (rank < bestRank) {
        best = index
        bestRank = rank
      }
    }
    if (best < 0) break
    parts.splice(best, 2, `${parts[best]}${parts[best + 1]}`)
  }
  const [left = '', ...right] = parts
  return `${printable(left)} ${printable(right.join(''))}`
}

/** GPT-2's printable form of bytes, which llama.cpp stores for BPE vocabularies. */
function printable(bytes: string): string {
  return bytes.replace(/[\s\S]/gu, (character) => printableBytes[character.charCodeAt(0)] ?? character)
}

const printableBytes = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return String.fromCodePoint(prints ? byte : next++)
  })
})()

interface ProtobufField {
  readonly field: number
  readonly bytes: Buffer
  readonly number: number
}

/** The fields of a protobuf message: https://protobuf.dev/programming-guides/encoding/ */
function* protobufFields(message: Buffer): Generator<ProtobufField> {
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message.readUInt8(at++)
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const wire = tag & 7
    if (wire === 0) yield { field: tag >>> 3, bytes: Buffer.alloc(0), number: varint() }
    else {
      const length = wire === 2 ? varint() : wire === 5 ? 4 : 8
      yield { field: tag >>> 3, bytes: message.subarray(at, at + length), number: 0 }
      at += length
    }
  }
}
