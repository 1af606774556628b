// Cuts texts into WordPiece tokens as BERT's own tokenizer does. llama.cpp's cuts Hangul, Indian scripts and long words differently
// (test/recordings/all-minilm.test.ts), and other ids are another text. Pure.

/** What happens to a text before it is cut. */
export interface WordPieceRules {
  readonly lowercase: boolean
  readonly stripAccents: boolean
}

/** Where a word begins, in llama.cpp's vocabularies of this kind. */
const wordStart = '▁'

/** Longer words are unknown as a whole (`max_input_chars_per_word`). */
const longestWord = 100

/** Ideographs that are words of their own: the blocks of BERT's tokenizer. */
const ideographs: readonly (readonly [from: number, to: number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
]

/** A tokenizer over the vocabulary's texts. */
export class WordPiece {
  readonly #tokens: ReadonlyMap<string, number>
  readonly #unknown: number
  readonly #rules: WordPieceRules
  readonly #longest: number

  /** `tokens`: stored text → id, of the tokens that a text may become. */
  constructor(tokens: ReadonlyMap<string, number>, unknown: number, rules: WordPieceRules) {
    this.#tokens = tokens
    this.#unknown = unknown
    this.#rules = rules
    this.#longest = [...tokens.keys()].reduce((most, token) => Math.max(most, token.length), 1)
  }

  /** The ids of a text, without anything around them. */
  tokenize(text: string): number[] {
    const ids: number[] = []
    for (const word of words(this.#clean(text))) for (const id of this.#cut(word)) ids.push(id)
    return ids
  }

  #clean(text: string): string {
    let clean = ''
    for (const character of text.toWellFormed()) {
      if (character >= '!' && character <= '~') clean += character
      else if (/^[\t\n\r]$/.test(character)) clean += ' '
      else if (/^[\p{Cc}\p{Cf}\p{Co}\ufffd]$/u.test(character)) continue
      else if (/^\p{White_Space}$/u.test(character)) clean += ' '
      else clean += isIdeograph(character.codePointAt(0) ?? 0) ? ` ${character} ` : character
    }
    if (this.#rules.stripAccents) clean = clean.normalize('NFD').replace(/\p{Mn}/gu, '')
    // Letter by letter: a whole word's last sigma would become another one.
    return this.#rules.lowercase ? Array.from(clean, (character) => character.toLowerCase()).join('') : clean
  }

  /** The longest known piece, again and again; unknown as a whole where one is missing. */
  #cut(word: string): number[] {
    if (word.length > longestWord && [...word].length > longestWord) return [this.#unknown]
    const ids: number[] = []
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + this.#longest)
      let id: number | undefined
      for (; end > start; end--) {
        const piece = word.slice(start, end)
        id = this.#tokens.get(start === 0 ? wordStart + piece : piece)
        if (id !== undefined) break
      }
      if (id === undefined) return [this.#unknown]
      ids.push(id)
      start = end
    }
    return ids
  }
}

/** What stands between spaces, each punctuation mark by itself. */
function words(text: string): readonly string[] {
  return text.match(/[\p{P}$+<=>^`|~]|[^\p{White_Space}\p{P}$+<=>^`|~]+/gu) ?? []
}

function isIdeograph(point: number): boolean {
  return ideographs.some(([from, to]) => point >= from && point <= to)
}
