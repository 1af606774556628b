// Turns a prompt's segments into token ids. Knows tokenizers, not formats; counting against the context is the scheduler's part.

import type { Segment, VocabularyFacts } from '../../formats/format.ts'

/** What is needed of a vocabulary; `vocabulary.ts` has it. */
export interface Tokenizer {
  tokenize(text: string, options: { readonly addSpecial: boolean; readonly parseSpecial: boolean }): ArrayLike<number>
  /** Id of a control or user-defined token by its exact text. */
  control(text: string): number | undefined
  readonly addsBeginOfSequence: boolean
  readonly beginOfSequence: number | undefined
}

const plain = { addSpecial: false, parseSpecial: false } as const

/** A character that no vocabulary merges with a letter: stands before a text whose leading space is not wanted, and is cut off again. */
const anchor = '☺'

/**
 * Token ids of a prompt. Text never becomes a control token. llama.cpp gives each text after a control token SentencePiece's leading
 * space, as Mistral's own encoder does; neighbouring texts are one text. BOS comes first where the vocabulary wants it, and only once.
 */
export function promptTokens(segments: readonly Segment[], tokenizer: Tokenizer): number[] {
  const tokens: number[] = []
  for (const segment of segments) {
    if (segment.type === 'text') {
      if (segment.text === '') continue
      for (const token of textTokens(segment.text, segment.bare === true, tokenizer)) tokens.push(token)
      continue
    }
    const id = tokenizer.control(segment.token)
    // A format may name a token that this vocabulary spells as text, such as `<think>`.
    if (id === undefined) for (const token of textTokens(segment.token, true, tokenizer)) tokens.push(token)
    else tokens.push(id)
  }
  const { addsBeginOfSequence, beginOfSequence } = tokenizer
  if (addsBeginOfSequence && beginOfSequence !== undefined && tokens[0] !== beginOfSequence) {
    tokens.unshift(beginOfSequence)
  }
  return tokens
}

function textTokens(text: string, bare: boolean, tokenizer: Tokenizer): number[] {
  if (!bare) return Array.from(tokenizer.tokenize(text, plain))
  const anchorLength = tokenizer.tokenize(anchor, plain).length
  return Array.from(tokenizer.tokenize(anchor + text, plain)).slice(anchorLength)
}

/** The facts that a format is chosen by, from a loaded vocabulary and its metadata (`llama_model_meta_val_str` by key). */
export function vocabularyFacts(
  vocabulary: {
    readonly controlTokens: ReadonlyMap<string, number>
    readonly chatTemplate: string | undefined
    readonly beginOfSequence: number | undefined
    readonly endOfSequence: number | undefined
    storedText(token: number): string
  },
  metadata: (key: string) => string | undefined,
): VocabularyFacts {
  const textOf = (token: number | undefined) => (token === undefined ? undefined : vocabulary.storedText(token))
  return {
    architecture: metadata('general.architecture') ?? '',
    chatTemplate: vocabulary.chatTemplate,
    tokens: vocabulary.controlTokens,
    tokenizerModel: metadata('tokenizer.ggml.model') ?? '',
    pre: metadata('tokenizer.ggml.pre'),
    beginOfSequence: textOf(vocabulary.beginOfSequence),
    endOfSequence: textOf(vocabulary.endOfSequence),
  }
}
