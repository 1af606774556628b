// Text to token ids and back, and what each token is. Knows no chat format: special text is looked up, never parsed from a user's words.

import type { Llama, Pointer, SpecialToken } from './llama.ts'
import { WordPiece } from './word-piece.ts'

/** Kinds of tokenizer, as llama.cpp numbers them. */
const kinds = ['none', 'spm', 'bpe', 'wpm', 'ugm', 'rwkv', 'plamo2', 'test'] as const

/** LLAMA_TOKEN_ATTR_CONTROL and LLAMA_TOKEN_ATTR_USER_DEFINED of include/llama.h. */
const controlAttribute = 1 << 3
const userDefinedAttribute = 1 << 4

/** What llama.cpp takes for BERT's unknown token where a file names none. */
const usualUnknown = 100

/** Fill-in-the-middle tokens; a field is `undefined` where the vocabulary has no such token. */
export interface FillInTheMiddleTokens {
  readonly prefix: number | undefined
  readonly suffix: number | undefined
  readonly middle: number | undefined
  readonly pad: number | undefined
  readonly repository: number | undefined
  readonly separator: number | undefined
}

/** A model's tokenizer. All facts are read once at load; token ids given by callers are checked, because a wrong one ends the process. */
export class Vocabulary {
  readonly kind: (typeof kinds)[number]
  /** Number of tokens; ids are 0 … size − 1. */
  readonly size: number
  readonly beginOfSequence: number | undefined
  readonly endOfSequence: number | undefined
  readonly endOfTurn: number | undefined
  readonly separator: number | undefined
  readonly pad: number | undefined
  /** Whether the model was trained with BOS (EOS, SEP) added around a text; `tokenize` with `addSpecial` does it. */
  readonly addsBeginOfSequence: boolean
  readonly addsEndOfSequence: boolean
  readonly addsSeparator: boolean
  /** Every token that ends an answer (EOS, EOT, EOM, …). */
  readonly endTokens: ReadonlySet<number>
  readonly fillInTheMiddle: FillInTheMiddleTokens
  /** The GGUF's Jinja chat template, when it has one. */
  readonly chatTemplate: string | undefined
  /** Text of every control and user-defined token → its id. Only these may be placed by a template. */
  readonly controlTokens: ReadonlyMap<string, number>
  readonly #llama: Llama
  readonly #pointer: Pointer
  readonly #attributes: Int32Array
  readonly #pieces: (Uint8Array | undefined)[] = []
  readonly #wordPiece: WordPiece | undefined

  /** `metadata` gives a value of the model's file as text. */
  constructor(llama: Llama, model: Pointer, metadata: (key: string) => string | undefined) {
    const pointer = llama.modelVocabulary(model)
    this.#llama = llama
    this.#pointer = pointer
    this.kind = kinds[llama.vocabularyType(pointer)] ?? 'none'
    this.size = llama.vocabularySize(pointer)
    const special = (name: SpecialToken) => this.#known(llama.vocabularyToken[name](pointer))
    this.beginOfSequence = special('bos')
    this.endOfSequence = special('eos')
    this.endOfTurn = special('eot')
    this.separator = special('sep')
    this.pad = special('pad')
    this.addsBeginOfSequence = llama.vocabularyAddsBos(pointer)
    this.addsEndOfSequence = llama.vocabularyAddsEos(pointer)
    this.addsSeparator = llama.vocabularyAddsSep(pointer)
    this.fillInTheMiddle = {
      prefix: special('fim_pre'),
      suffix: special('fim_suf'),
      middle: special('fim_mid'),
      pad: special('fim_pad'),
      repository: special('fim_rep'),
      separator: special('fim_sep'),
    }
    this.chatTemplate = llama.modelChatTemplate(model, null) ?? undefined
    const { attributes, control, end } = this.#survey()
    this.#attributes = attributes
    this.controlTokens = control
    this.endTokens = end
    this.#wordPiece = this.kind === 'wpm' ? this.#openWordPiece(metadata) : undefined
  }

  /**
   * Token ids of a text. `addSpecial` adds BOS/EOS where the model wants them; `parseSpecial` reads control tokens out of the text
   * and is for text that is trusted. The guess of one token per byte (+ 8) is an upper bound, so there is no second pass.
   */
  tokenize(text: string, { addSpecial = false, parseSpecial = false } = {}): Int32Array {
    if (this.kind === 'none') return new Int32Array(0)
    if (this.#wordPiece !== undefined && !parseSpecial) return this.#cutWords(this.#wordPiece, text, addSpecial)
    const bytes = Buffer.from(text, 'utf8')
    // The library asserts that a token it is to add exists.
    const adds = addSpecial && this.#specialsExist
    let tokens = new Int32Array(bytes.length + 8)
    let count = this.#tokenizeInto(bytes, tokens, adds, parseSpecial)
    if (count < 0) {
      tokens = new Int32Array(-count)
      count = this.#tokenizeInto(bytes, tokens, adds, parseSpecial)
    }
    if (count < 0) throw new Error(`The tokenizer refused a text of ${bytes.length} bytes.`)
    return tokens.slice(0, count)
  }

  #cutWords(wordPiece: WordPiece, text: string, addSpecial: boolean): Int32Array {
    const around = (token: number | undefined) => (addSpecial && token !== undefined ? [token] : [])
    return Int32Array.from([...around(this.beginOfSequence), ...wordPiece.tokenize(text), ...around(this.separator)])
  }

  #openWordPiece(metadata: (key: string) => string | undefined): WordPiece | undefined {
    const unknown = Number(metadata('tokenizer.ggml.unknown_token_id') ?? usualUnknown)
    const tokens = new Map<string, number>()
    for (let token = 0; token < this.size; token++)
      if (!this.isControl(token)) tokens.set(this.#llama.vocabularyText(this.#pointer, token) ?? '', token)
    const lowercase = metadata('tokenizer.ggml.normalizer.lowercase') !== 'false'
    const stripAccents = (metadata('tokenizer.ggml.normalizer.strip_accents') ?? String(lowercase)) !== 'false'
    return this.has(unknown) ? new WordPiece(tokens, unknown, { lowercase, stripAccents }) : undefined
  }

  #tokenizeInto(bytes: Buffer, tokens: Int32Array, addSpecial: boolean, parseSpecial: boolean): number {
    return this.#llama.tokenize(this.#pointer, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial)
  }

  /** The text of token ids. Control tokens are written out unless `special` is false. Bytes that are no UTF-8 become U+FFFD. */
  detokenize(tokens: ArrayLike<number>, { special = true } = {}): string {
    const ids = Int32Array.from(tokens)
    for (const id of ids) this.#check(id)
    if (ids.length === 0 || this.kind === 'none') return ''
    let text = Buffer.allocUnsafe(ids.length * 16 + 64)
    let length = this.#llama.detokenize(this.#pointer, ids, ids.length, text, text.length, false, special)
    if (length < 0) {
      text = Buffer.allocUnsafe(-length)
      length = this.#llama.detokenize(this.#pointer, ids, ids.length, text, text.length, false, special)
    }
    return text.toString('utf8', 0, length)
  }

  /** The raw bytes a token adds to a text (control tokens: their written form). Kept, so asking again costs nothing. */
  piece(token: number): Uint8Array {
    const known = this.#pieces[token]
    if (known !== undefined) return known
    this.#check(token)
    let buffer = Buffer.allocUnsafe(64)
    let length = this.#llama.tokenToPiece(this.#pointer, token, buffer, buffer.length, 0, true)
    if (length < 0) {
      buffer = Buffer.allocUnsafe(-length)
      length = this.#llama.tokenToPiece(this.#pointer, token, buffer, buffer.length, 0, true)
    }
    const piece = Uint8Array.prototype.slice.call(buffer, 0, Math.max(length, 0))
    this.#pieces[token] = piece
    return piece
  }

  /** The token's text as the vocabulary stores it (`Ġhello`, `▁hello`, `<|im_start|>`). */
  storedText(token: number): string {
    this.#check(token)
    return this.#llama.vocabularyText(this.#pointer, token) ?? ''
  }

  /** Id of a control (or user-defined) token by its exact text. */
  control(text: string): number | undefined {
    return this.controlTokens.get(text)
  }

  /** Whether a token is a control token: it is never shown in an answer's text. */
  isControl(token: number): boolean {
    return ((this.#attributes[token] ?? 0) & controlAttribute) !== 0
  }

  /** Whether a token ends the answer. */
  isEnd(token: number): boolean {
    return this.endTokens.has(token)
  }

  /** Whether a number is a token id of this vocabulary. */
  has(token: number): boolean {
    return Number.isInteger(token) && token >= 0 && token < this.size
  }

  get #specialsExist(): boolean {
    return (
      (!this.addsBeginOfSequence || this.beginOfSequence !== undefined) &&
      (!this.addsEndOfSequence || this.endOfSequence !== undefined) &&
      (!this.addsSeparator || this.separator !== undefined)
    )
  }

  #known(token: number): number | undefined {
    return this.has(token) ? token : undefined
  }

  #check(token: number): void {
    if (!this.has(token)) throw new RangeError(`Token id ${token} is not in the vocabulary of ${this.size} tokens.`)
  }

  #survey(): { attributes: Int32Array; control: Map<string, number>; end: Set<number> } {
    const attributes = new Int32Array(this.size)
    const control = new Map<string, number>()
    const end = new Set<number>()
    if (this.kind === 'none') return { attributes, control, end }
    for (let token = 0; token < this.size; token++) {
      const attribute = this.#llama.vocabularyAttribute(this.#pointer, token)
      attributes[token] = attribute
      if ((attribute & (controlAttribute | userDefinedAttribute)) !== 0)
        control.set(this.#llama.vocabularyText(this.#pointer, token) ?? '', token)
    }
    // llama.cpp marks every end token that it finds by text as a control token; only EOS and EOT may be plain.
    for (const token of [...control.values(), this.endOfSequence, this.endOfTurn])
      if (token !== undefined && this.#llama.vocabularyIsEnd(this.#pointer, token)) end.add(token)
    return { attributes, control, end }
  }
}
