// The tokens of a vocabulary while it is read: text, kind and score by id, then GGUF's metadata. Knows no tokenizer's file.

import type { GgufValue } from '../../formats/gguf.ts'
import { type Fields, isObject, refused } from './folder.ts'
import { floats, integers, texts, u32 } from './plan.ts'

/** GGUF's numbers, which are SentencePiece's too. */
export const tokenKinds = { normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 } as const

/** One of them. */
export type TokenKind = (typeof tokenKinds)[keyof typeof tokenKinds]

interface Token {
  readonly text: string
  readonly kind: TokenKind
  readonly score: number
}

const most = { tokens: 4 * 1_048_576, textBytes: 65_535 }

/** Tokens by id. */
export class VocabularyBuilder {
  readonly #tokens: (Token | undefined)[] = []
  readonly #where: string

  constructor(where: string) {
    this.#where = where
  }

  /** Ids so far, holes included. */
  get size(): number {
    return this.#tokens.length
  }

  /** Puts a token at an id, over the one that is there. */
  set(id: unknown, text: unknown, kind: TokenKind, score = 0): void {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= most.tokens)
      throw refused(`${this.#where}: ${String(text)}`, `its id is ${String(id)}`)
    if (typeof text !== 'string' || text.includes('\0') || Buffer.byteLength(text) > most.textBytes)
      throw refused(`${this.#where}: token ${String(id)}`, 'its text is none, too long, or holds a NUL')
    const at = id as number
    while (this.#tokens.length < at) this.#tokens.push(undefined)
    this.#tokens[at] = { text, kind, score }
  }

  /** The id of a token by its text. */
  find(text: string): number | undefined {
    const id = this.#tokens.findIndex((token) => token?.text === text)
    return id < 0 ? undefined : id
  }

  /** The text of a token; undefined for a hole. */
  textOf(id: number): string | undefined {
    return this.#tokens[id]?.text
  }

  /** Changes what a token is. */
  mark(id: number, kind: TokenKind): void {
    const token = this.#tokens[id]
    if (token !== undefined) this.#tokens[id] = { ...token, kind }
  }

  /**
   * The metadata of as many tokens as the model has rows: holes and rows beyond the last token become unused ones. `scored`: with scores.
   * Throws `invalid_value` for more tokens than rows, and for two tokens of one text, which the engine would not survive.
   */
  metadata(rows: number, { scored = false } = {}): Map<string, GgufValue> {
    if (this.size > rows)
      throw refused(this.#where, `it has ${this.size} tokens, and config.json's vocab_size is ${rows}`)
    const tokens = Array.from({ length: rows }, (_, id): Token => {
      return this.#tokens[id] ?? { text: `[PAD${id}]`, kind: tokenKinds.unused, score: -1000 }
    })
    const seen = new Map<string, number>()
    for (const [id, { text }] of tokens.entries()) {
      const other = seen.get(text)
      if (other !== undefined)
        throw refused(`${this.#where}: token ${id}`, `it has the text of token ${other}: ${JSON.stringify(text)}`)
      seen.set(text, id)
    }
    return new Map<string, GgufValue>([
      ['tokenizer.ggml.tokens', texts(tokens.map(({ text }) => text))],
      ...(scored ? [['tokenizer.ggml.scores', floats(tokens.map(({ score }) => score))] as const] : []),
      ['tokenizer.ggml.token_type', integers(tokens.map(({ kind }) => kind))],
    ])
  }
}

/** Tokens that a `tokenizer.json` or a `tokenizer_config.json` adds to a vocabulary. */
export interface AddedToken {
  readonly id: unknown
  readonly text: unknown
  readonly special: boolean
}

/** The added tokens of a `tokenizer.json`. */
export function addedTokens(json: Fields): readonly AddedToken[] {
  const list = json.values['added_tokens'] ?? []
  if (!Array.isArray(list)) throw refused(`${json.where}: added_tokens`, 'it is not a list')
  return list.map((entry, place) => {
    if (!isObject(entry)) throw refused(`${json.where}: added_tokens[${place}]`, 'it is not an object')
    return { id: entry['id'], text: entry['content'], special: entry['special'] === true }
  })
}

/** GGUF's names of special tokens by Hugging Face's. */
const markers = {
  bos_token: 'bos_token_id',
  eos_token: 'eos_token_id',
  unk_token: 'unknown_token_id',
  pad_token: 'padding_token_id',
  sep_token: 'seperator_token_id',
  cls_token: 'cls_token_id',
  mask_token: 'mask_token_id',
} as const

/** A special token's name in Hugging Face's files. */
export type Marker = keyof typeof markers

/** Where special tokens are named: `tokenizer_config.json` before `special_tokens_map.json` before `config.json`. */
export interface MarkerSources {
  readonly settings: Fields | undefined
  readonly map: Fields | undefined
  readonly config: Fields
}

/** The ids of special tokens. Throws `invalid_value` for one that is named and not in the vocabulary. */
export function markerIds(builder: VocabularyBuilder, sources: MarkerSources): Map<Marker, number> {
  const found = new Map<Marker, number>()
  for (const name of Object.keys(markers) as Marker[]) {
    const text = markerText(sources.settings, name) ?? markerText(sources.map, name)
    const id = text === undefined ? firstId(sources.config, `${name}_id`) : builder.find(text)
    if (id === undefined && text === undefined) continue
    if (id === undefined || id < 0 || id >= builder.size)
      throw refused(`tokenizer_config.json: ${name}`, `${JSON.stringify(text ?? id)} is not in the vocabulary`)
    found.set(name, id)
  }
  return found
}

/** The metadata of special tokens. */
export function markerMetadata(ids: ReadonlyMap<Marker, number>): [string, GgufValue][] {
  return [...ids].map(([name, id]) => [`tokenizer.ggml.${markers[name]}`, u32(id)])
}

/** A text, or an object with one. */
function markerText(fields: Fields | undefined, name: string): string | undefined {
  const value = fields?.values[name]
  if (isObject(value)) return typeof value['content'] === 'string' ? value['content'] : undefined
  return typeof value === 'string' ? value : undefined
}

/** A number, or the first of a list. */
function firstId(config: Fields, name: string): number | undefined {
  const value = config.values[name]
  const first: unknown = Array.isArray(value) ? value[0] : value
  return Number.isInteger(first) ? (first as number) : undefined
}
