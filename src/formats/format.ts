// What a chat format is: how a conversation becomes a prompt and how the model's answer becomes parts. Types only; knows no tokenizer and no engine.

import type { ChatCall } from '../wire/model.ts'

/**
 * A piece of a prompt. `text` is tokenized without parsing special tokens, so what a user wrote stays text even where it spells one.
 * `control` is one special token, named by its text; only a format emits it.
 */
export type Segment =
  | {
      readonly type: 'text'
      readonly text: string
      /** The vocabulary's own leading space (SentencePiece) is not added. */
      readonly bare?: true
    }
  | { readonly type: 'control'; readonly token: string }

/** A chat call without the facts of who asks: all that a format may look at. */
export type FormatCall = Omit<ChatCall, 'context'>

/** A piece of the answer as the engine decoded it. `control`: the piece is the text of one special token. Pieces may split anywhere between characters. */
export interface AnswerPiece {
  readonly text: string
  readonly control: boolean
}

/**
 * What an answer is made of. A call comes whole; `arguments` is compact JSON text of an object. A call in which the answer was cut is
 * `unfinished`: its arguments are what came of them.
 */
export type AnswerPart =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  | { readonly type: 'tool-call'; readonly name: string; readonly arguments: string; readonly unfinished?: true }

/**
 * Reads one answer (one choice) as it grows. Holds back only what may turn out to be the start of a marker or lies inside a call.
 * Never throws: what looked like a call and is none comes back as text. With `prefix` the first parts are the prefix itself,
 * because the answer includes it.
 */
export interface AnswerParser {
  push(piece: AnswerPiece): AnswerPart[]
  /**
   * Called once after the last piece; gives back everything still held. `cut`: the answer had no room for more, so that a call may be
   * unfinished: it is given as far as it came once its name is known, and before that it is nothing, least of all text.
   */
  end(cut?: boolean): AnswerPart[]
}

/** One way of writing conversations, tools and calls, bound to one vocabulary. Stateless: safe for parallel calls. */
export interface ChatFormat {
  /** For logs and the model card: `mistral-v7-tekken`, `hermes`, `llama-3`, `generic`, … */
  readonly name: string
  /** Special tokens, by text, that end an answer besides the vocabulary's own end-of-generation tokens. */
  readonly stopTokens: readonly string[]
  /** Texts that end an answer: only where a format has no token for it. */
  readonly stopStrings: readonly string[]
  /** Whether this format can tell reasoning from answer text. */
  readonly reasoning: boolean
  /**
   * The prompt. The begin-of-sequence token is part of it where the format says so; `child/template.ts` adds it where only the vocabulary does.
   * @throws Failure 4xx only: `invalid_message_order`, `unsupported_value`, `template_failed`, …
   */
  render(call: FormatCall): Segment[]
  /**
   * A Lark grammar in llguidance's dialect that holds the answer to `toolChoice`, the tools' schemas and `output`; undefined when the answer is free.
   * Schemas are embedded as they stand in the call: whoever wants them made lenient or bounded rewrites the call first.
   */
  grammar(call: FormatCall): string | undefined
  parser(call: FormatCall): AnswerParser
}

/** What a format is chosen from: a GGUF's metadata, no tensors. */
export interface VocabularyFacts {
  /** `general.architecture`. */
  readonly architecture: string
  /** `tokenizer.chat_template`. */
  readonly chatTemplate: string | undefined
  /** Control (and user-defined) tokens: text → id. */
  readonly tokens: ReadonlyMap<string, number>
  /** `tokenizer.ggml.model`: `llama` (SentencePiece), `gpt2` (BPE), `bert`, … */
  readonly tokenizerModel: string
  /** `tokenizer.ggml.pre`: `tekken`, `llama-bpe`, … */
  readonly pre: string | undefined
  /** Texts of the two tokens, for templates that print them. */
  readonly beginOfSequence: string | undefined
  readonly endOfSequence: string | undefined
}

/** Fill-in-the-middle prompts in the form that one vocabulary was trained on. */
export interface FillInTheMiddle {
  readonly name: string
  /** Special tokens, by text, that end a filling besides the end-of-generation tokens. */
  readonly stopTokens: readonly string[]
  render(prefix: string, suffix: string, files: readonly { readonly name: string; readonly text: string }[]): Segment[]
}
