// Follows given answers along a grammar, and makes up answers that a grammar allows. Knows tokens and matchers, no schemas.

import { systemClock } from '../../../src/base/clock.ts'
import type { Grammar, Matcher } from '../../../src/engine/child/guidance-matcher.ts'
import type { TestVocabulary } from './vocabulary.ts'

/** Milliseconds of single steps. */
export interface StepTimes {
  /** The whole mask computed, then one token taken. */
  readonly maskAndAccept: number[]
  /** One token tested, then taken: what decoding does while the model keeps to the grammar. */
  readonly testAndAccept: number[]
}

const isAllowed = (mask: Uint32Array, token: number) => ((mask[token >>> 5] ?? 0) & (1 << (token & 31))) !== 0

/** Answers in the tokens of one vocabulary. */
export class Answers {
  readonly #vocabulary: TestVocabulary
  readonly #ids = new Map<string, number>()
  readonly #longest: number

  constructor(vocabulary: TestVocabulary) {
    this.#vocabulary = vocabulary
    let longest = 0
    for (const [id, bytes] of vocabulary.tokens.entries()) {
      if (vocabulary.control.has(id)) continue
      this.#ids.set(Buffer.from(bytes).toString('latin1'), id)
      longest = Math.max(longest, bytes.length)
    }
    this.#longest = longest
  }

  /** The longest token at each place: not what the tokenizer would give, but the same bytes. */
  tokenize(text: string): number[] {
    const bytes = Buffer.from(text).toString('latin1')
    const tokens: number[] = []
    for (let at = 0; at < bytes.length; ) {
      let length = Math.min(this.#longest, bytes.length - at)
      while (length > 0 && !this.#ids.has(bytes.slice(at, at + length))) length--
      const id = this.#ids.get(bytes.slice(at, at + length))
      if (id === undefined) throw new Error('the vocabulary lacks a byte')
      tokens.push(id)
      at += length
    }
    return tokens
  }

  /** Whether the grammar accepts the text whole; masks and single tests must agree on the way. */
  accepts(grammar: Grammar, text: string, times?: StepTimes): boolean {
    const tokens = this.tokenize(text)
    const byMask = this.#follow(grammar, tokens, times?.maskAndAccept, (matcher, token) =>
      isAllowed(matcher.mask(), token),
    )
    const byTest = this.#follow(grammar, tokens, times?.testAndAccept, (matcher, token) => matcher.allows(token))
    if (byMask !== byTest) throw new Error(`the mask and the single test disagree over ${text}`)
    return byMask
  }

  #follow(
    grammar: Grammar,
    tokens: readonly number[],
    times: number[] | undefined,
    allowed: (matcher: Matcher, token: number) => boolean,
  ): boolean {
    const matcher = grammar.matcher()
    try {
      for (const token of tokens) {
        const start = systemClock.elapsed()
        if (matcher.stopped || !allowed(matcher, token)) return false
        matcher.accept(token)
        times?.push(systemClock.elapsed() - start)
      }
      return matcher.accepting
    } finally {
      matcher.free()
    }
  }

  /** An answer that the grammar allows, chosen by `random` (0 … 1); undefined when it did not end within `limit` tokens. */
  invent(grammar: Grammar, random: () => number, limit: number): string | undefined {
    const endings = this.tokenize('"}],:0').concat(this.#ids.get('"}') ?? [], this.#ids.get('",') ?? [])
    const matcher = grammar.matcher()
    const taken: Uint8Array[] = []
    try {
      for (let step = 0; step < limit; step++) {
        if (matcher.stopped || (matcher.accepting && random() < 0.3)) return Buffer.concat(taken).toString()
        const mask = matcher.mask()
        const likely = endings[Math.floor(random() * endings.length)] ?? 0
        const token = random() < 0.6 && isAllowed(mask, likely) ? likely : this.#anyAllowed(mask, random)
        if (token === undefined) return Buffer.concat(taken).toString()
        matcher.accept(token)
        taken.push(this.#vocabulary.tokens[token] ?? new Uint8Array())
      }
      return undefined
    } finally {
      matcher.free()
    }
  }

  /** The first allowed token after a random one, round the end; undefined when only the end of the sequence is allowed. */
  #anyAllowed(mask: Uint32Array, random: () => number): number | undefined {
    const { length } = this.#vocabulary.tokens
    const start = Math.floor(random() * length)
    for (let step = 0; step < length; step++) {
      const token = (start + step) % length
      if (isAllowed(mask, token) && !this.#vocabulary.control.has(token)) return token
    }
    return undefined
  }
}

/** Mulberry32: the same numbers on every machine, for choices that must be repeatable and no secret. */
export function repeatable(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
