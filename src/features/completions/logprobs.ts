// Writes log-probabilities in OpenAI's legacy shape: four parallel lists and character offsets. Knows no request and no stream.
import type { LegacyLogprobs } from '../../wire/completions.ts'
import type { ChosenLogprob, ModelEvent, TokenLogprob } from '../../wire/model.ts'

/** A prompt's token: its first one follows nothing, so it has no probability. */
export type PromptLogprob = Extract<ModelEvent, { type: 'prompt-logprobs' }>['tokens'][number]

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A token's text, or `bytes:\xe2\x98` where its bytes are no text by themselves: OpenAI's legacy notation, and what keeps two such
 * tokens apart as keys of `top_logprobs`.
 */
export function tokenText(token: TokenLogprob | Omit<ChosenLogprob, 'logprob'>): string {
  try {
    utf8.decode(Uint8Array.from(token.bytes))
    return token.token
  } catch {
    return `bytes:${token.bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
  }
}

/** Follows one choice's text from its start, so that a stream's pieces carry offsets into the whole. */
export class OffsetCounter {
  #text: Uint8Array = new Uint8Array()
  #position = 0
  #characters = 0

  /** More of the choice's text has been sent, or is about to be in the same piece. */
  append(text: string): void {
    const rest = this.#text.subarray(this.#position)
    const added = Buffer.from(text, 'utf8')
    this.#text = Buffer.concat([rest, added])
    this.#position = 0
  }

  /**
   * The offset of the next token, moving past it. A token whose bytes are not the next of the text (a BOS, the part of a token
   * that a stop string cut off) takes no room; one leading space may be missing from the text, as SentencePiece decodes its first word.
   */
  next(bytes: readonly number[]): number {
    const matched = this.#matches(bytes)
      ? bytes.length
      : bytes[0] === 0x20 && this.#matches(bytes.slice(1))
        ? bytes.length - 1
        : 0
    const startsInside = ((this.#text[this.#position] ?? 0) & 0xc0) === 0x80
    const offset = startsInside && this.#characters > 0 ? this.#characters - 1 : this.#characters
    for (const byte of this.#text.subarray(this.#position, this.#position + matched)) {
      if ((byte & 0xc0) !== 0x80) this.#characters += 1
    }
    this.#position += matched
    return offset
  }

  #matches(bytes: readonly number[]): boolean {
    return bytes.every((byte, index) => this.#text[this.#position + index] === byte)
  }
}

/** An empty set of lists, to append to. */
export function noLogprobs(): LegacyLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
}

/**
 * Appends tokens in order.
 * @param top how many alternatives were asked for; 0 lists the token alone
 */
export function appendLogprobs(
  lists: LegacyLogprobs,
  tokens: readonly PromptLogprob[],
  top: number,
  offsets: OffsetCounter,
): void {
  for (const token of tokens) {
    const text = tokenText(token)
    lists.tokens.push(text)
    lists.token_logprobs.push(token.logprob === null ? null : finite(token.logprob))
    lists.top_logprobs.push(token.logprob === null ? null : alternatives(text, token.logprob, token.top.slice(0, top)))
    lists.text_offset.push(offsets.next(token.bytes))
  }
}

/** JSON has no −∞ (a token that a grammar or a bias ruled out): vLLM's floor stands for it, and sums stay numbers. */
function finite(logprob: number): number {
  return Math.max(logprob, -9999)
}

/** Two tokens may have one text: the likelier stands, so that the largest value still says whether the token was the greedy one. */
function alternatives(text: string, logprob: number, top: readonly TokenLogprob[]): Record<string, number> {
  const byText = new Map<string, number>()
  for (const alternative of top) {
    const key = tokenText(alternative)
    byText.set(key, Math.max(finite(alternative.logprob), byText.get(key) ?? -9999))
  }
  byText.set(text, Math.max(finite(logprob), byText.get(text) ?? -9999))
  return Object.fromEntries(byText)
}
