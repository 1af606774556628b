// Holds answers to grammars: compiles rules (JSON Schema, Lark, regular expression) and follows an answer token by token. Knows no request and no policy.
//
// What a writer of Lark grammars must know of llguidance's dialect (its docs/syntax.md is the whole of it):
// - A control token is written by id, `<[32001]>`, whatever its text is; `<|im_end|>` works too where the text stands in angle brackets.
//   Control tokens stand in rules (lower case), never in terminals (upper case), and no text or regex ever matches one.
// - `%json { …schema… }` stands wherever a rule may. `"x-guidance"` (see `boundedWhitespace`) and `#/…` references count from the top of that
//   schema: a schema put inside another needs an `$id` of its own, which `schema-tools.ts` gives to tool parameters.
// - Free text that a marker ends: `body[lazy]: /(.|\n)*<marker>/`. `.` does not match a newline. No lookaround, no lazy `*?`.
// - The end-of-sequence token is allowed where the grammar may end; it needs no mention.

import { createHash } from 'node:crypto'
import { GuidanceInstance, GuidanceRefusal, type GuidanceRule, type PackedVocabulary } from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'
import { Grammar } from './guidance-matcher.ts'
import { guidanceModule } from './guidance-module.ts'
import { GuidanceProbe } from './guidance-probe.ts'

/** What grammars are matched against. */
export interface GuidanceVocabulary {
  /** The bytes that each token adds to the answer, by id; for a control token the bytes of its name. */
  readonly tokens: readonly Uint8Array[]
  /** Ids of control tokens: no text matches them. */
  readonly control: ReadonlySet<number>
  /** Every token that ends an answer. */
  readonly endOfSequence: readonly number[]
}

/** llguidance marks the bytes of a control token with this byte, which no UTF-8 text has. */
const controlMark = Uint8Array.of(0xff)

function pack({ tokens, control, endOfSequence }: GuidanceVocabulary): PackedVocabulary {
  const marked = tokens.map((bytes, id) => (control.has(id) ? Buffer.concat([controlMark, bytes]) : bytes))
  const length = marked.reduce((sum, bytes) => sum + bytes.length, 0)
  const data = new Uint8Array(new SharedArrayBuffer(length))
  const ends = new Uint32Array(new SharedArrayBuffer(tokens.length * Uint32Array.BYTES_PER_ELEMENT))
  let end = 0
  for (const [id, bytes] of marked.entries()) {
    data.set(bytes, end)
    end += bytes.length
    ends[id] = end
  }
  return { data, ends, endOfSequence }
}

/** Compiles and keeps grammars for one vocabulary. Costs nothing until the first rule comes. */
export class Guidance {
  readonly maskWords: number
  readonly #probe: GuidanceProbe
  /** By hash of the rule, least recently used first. */
  readonly #grammars = new Map<string, Promise<Grammar>>()
  /** Keys of those with a memory of their own, in the same order. */
  readonly #costly = new Set<string>()
  #module: WebAssembly.Module | undefined
  #image: SharedArrayBuffer | undefined
  #instance: GuidanceInstance | undefined

  private constructor(vocabulary: GuidanceVocabulary, costlyMs: number) {
    this.maskWords = Math.ceil(vocabulary.tokens.length / 32)
    this.#probe = new GuidanceProbe(pack(vocabulary), costlyMs)
  }

  /** `costlyMs`: rules that took so long to compile get a memory of their own. */
  static start(vocabulary: GuidanceVocabulary, costlyMs: number = guidanceLimits.costlyMs): Guidance {
    return new Guidance(vocabulary, costlyMs)
  }

  /**
   * A grammar to take matchers from. The rule is compiled in a thread under a time limit first, then here, where it is known to end.
   * @throws GuidanceRefusal with the reason, in words for the caller who sent the rule
   */
  compile(rule: GuidanceRule): Promise<Grammar> {
    const key = createHash('sha256').update(rule.type).update('\0').update(rule.text).digest('base64')
    const kept = this.#grammars.get(key)
    // Refusals are kept too: a rule that overran once is not worth another two seconds.
    const grammar = kept ?? this.#compile(rule)
    this.#grammars.delete(key)
    this.#grammars.set(key, grammar)
    grammar.then(
      ({ costly }) => costly && this.#grammars.get(key) === grammar && this.#keepCostly(key),
      () => undefined,
    )
    this.#forgetOldest()
    return grammar
  }

  /** The living instance; a fresh one where the last trapped. */
  #living(): GuidanceInstance {
    if (this.#instance === undefined || this.#instance.dead) this.#instance = this.#restore()
    return this.#instance
  }

  /** Ends the compiling thread. Matchers at work stay usable. */
  stop(): Promise<void> {
    return this.#probe.stop()
  }

  async #compile(rule: GuidanceRule): Promise<Grammar> {
    const bytes = Buffer.byteLength(rule.text)
    if (bytes > guidanceLimits.ruleBytes) {
      throw new GuidanceRefusal(`it has ${bytes} bytes, and ${guidanceLimits.ruleBytes} are the limit`, true)
    }
    const result = await this.#probe.probe(rule)
    if (result.type === 'trapped')
      throw new GuidanceRefusal('it is nested too deeply or takes too much memory to compile', true)
    if (result.type !== 'compiled') throw new GuidanceRefusal(result.reason, result.type === 'overran')
    this.#module ??= await guidanceModule()
    this.#image ??= await this.#probe.image()
    if (
      result.made === undefined &&
      this.#instance !== undefined &&
      this.#instance.memoryBytes > this.#image.byteLength + guidanceLimits.growthBytes
    ) {
      // Running matchers keep the old one alive until they are done.
      this.#instance = undefined
    }
    const host = {
      maskWords: this.maskWords,
      instance: () => this.#living(),
      restore: (image: SharedArrayBuffer) => this.#restore(image),
    }
    return new Grammar(host, rule, result.warnings, result.made)
  }

  #keepCostly(key: string): void {
    this.#costly.delete(key)
    this.#costly.add(key)
    for (const oldest of this.#costly) {
      if (this.#costly.size <= guidanceLimits.costlyGrammars) return
      this.#forget(oldest)
    }
  }

  #forgetOldest(): void {
    if (this.#grammars.size <= guidanceLimits.cachedGrammars) return
    const [oldest] = this.#grammars.keys()
    if (oldest !== undefined) this.#forget(oldest)
  }

  #forget(key: string): void {
    const grammar = this.#grammars.get(key)
    this.#grammars.delete(key)
    this.#costly.delete(key)
    grammar?.then(
      (forgotten) => forgotten.release(),
      () => undefined,
    )
  }

  #restore(image = this.#image): GuidanceInstance {
    if (this.#module === undefined || image === undefined) throw new Error('no rule was compiled yet')
    return GuidanceInstance.restore(this.#module, image)
  }
}
