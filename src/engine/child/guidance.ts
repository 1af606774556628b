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
import { fail } from '../../base/errors.ts'
import {
  acceptingBit,
  GuidanceInstance,
  GuidanceRefusal,
  type GuidanceRule,
  GuidanceTrap,
  type PackedVocabulary,
  stoppedBit,
} from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'
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
  #module: WebAssembly.Module | undefined
  #image: SharedArrayBuffer | undefined
  #instance: GuidanceInstance | undefined

  private constructor(vocabulary: GuidanceVocabulary) {
    this.maskWords = Math.ceil(vocabulary.tokens.length / 32)
    this.#probe = new GuidanceProbe(pack(vocabulary))
  }

  static start(vocabulary: GuidanceVocabulary): Guidance {
    return new Guidance(vocabulary)
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
    grammar.catch(() => undefined)
    this.#forgetOldest()
    return grammar
  }

  /** The living instance; a fresh one where the last trapped. Only `Grammar` and `Matcher` call this. */
  instance(): GuidanceInstance {
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
      throw new GuidanceRefusal(`it has ${bytes} bytes, and ${guidanceLimits.ruleBytes} are the limit`)
    }
    const result = await this.#probe.probe(rule)
    if (result.type === 'trapped')
      throw new GuidanceRefusal('it is nested too deeply or takes too much memory to compile')
    if (result.type !== 'compiled') throw new GuidanceRefusal(result.reason)
    this.#module ??= await guidanceModule()
    this.#image ??= await this.#probe.image()
    if (
      this.#instance !== undefined &&
      this.#instance.memoryBytes > this.#image.byteLength + guidanceLimits.growthBytes
    ) {
      // Running matchers keep the old one alive until they are done.
      this.#instance = undefined
    }
    return new Grammar(this, rule, result.warnings)
  }

  #forgetOldest(): void {
    if (this.#grammars.size <= guidanceLimits.cachedGrammars) return
    const [oldest] = this.#grammars
    if (oldest === undefined) return
    this.#grammars.delete(oldest[0])
    oldest[1].then(
      (grammar) => grammar.release(),
      () => undefined,
    )
  }

  #restore(): GuidanceInstance {
    if (this.#module === undefined || this.#image === undefined) throw new Error('no rule was compiled yet')
    return GuidanceInstance.restore(this.#module, this.#image)
  }
}

/** A compiled rule. Stays usable whatever happens to the instance it was compiled in: it is compiled again where needed. */
export class Grammar {
  /** What llguidance leaves out or approximates, in its words; empty when the grammar is exact. */
  readonly warnings: readonly string[]
  readonly #guidance: Guidance
  readonly #rule: GuidanceRule
  #instance: GuidanceInstance | undefined
  #root = 0

  constructor(guidance: Guidance, rule: GuidanceRule, warnings: readonly string[]) {
    this.#guidance = guidance
    this.#rule = rule
    this.warnings = warnings
  }

  /** A matcher at the start of an answer; `free()` it when the answer ends. */
  matcher(): Matcher {
    return new Matcher(this.#guidance, this)
  }

  /** A handle of its own to the start, in `instance`. Only `Matcher` calls this. */
  handle(instance: GuidanceInstance): number {
    if (this.#instance !== instance) {
      this.#root = instance.compile(this.#rule).handle
      this.#instance = instance
    }
    return instance.clone(this.#root)
  }

  /** Gives the memory back; the next matcher compiles again. */
  release(): void {
    const instance = this.#instance
    this.#instance = undefined
    instance?.free(this.#root)
  }
}

/**
 * Follows one answer. Where the instance traps, it is replaced, and every matcher finds its place again by taking its tokens once more:
 * one answer's bad luck is never another's.
 */
export class Matcher {
  readonly #guidance: Guidance
  readonly #grammar: Grammar
  readonly #tokens: number[] = []
  readonly #mask: Uint32Array
  #instance: GuidanceInstance | undefined
  #handle = 0

  constructor(guidance: Guidance, grammar: Grammar) {
    this.#guidance = guidance
    this.#grammar = grammar
    this.#mask = new Uint32Array(guidance.maskWords)
  }

  /** Whether the token may come next: much cheaper than `mask`. */
  allows(token: number): boolean {
    return this.#run((instance, handle) => instance.allows(handle, token))
  }

  /** One bit a token, token t is bit t % 32 of word t / 32. The array is reused by the next call. */
  mask(): Uint32Array {
    this.#run((instance, handle) => instance.mask(handle, this.#mask))
    return this.#mask
  }

  /** Takes a token that `allows` or `mask` allowed. @throws Failure `grammar_failed` on any other */
  accept(token: number): void {
    this.#run((instance, handle) => instance.accept(handle, token))
    this.#tokens.push(token)
  }

  /** The answer is complete: nothing may follow but its end. */
  get stopped(): boolean {
    return this.#run((instance, handle) => (instance.status(handle) & stoppedBit) !== 0)
  }

  /** The answer may end here. */
  get accepting(): boolean {
    return this.#run((instance, handle) => (instance.status(handle) & acceptingBit) !== 0)
  }

  /** The bytes that must come next, empty where there is a choice: a draft that is always right. */
  forced(): Uint8Array {
    return this.#run((instance, handle) => instance.forced(handle))
  }

  free(): void {
    this.#instance?.free(this.#handle)
    this.#instance = undefined
  }

  /** Tries twice, because the first trap may be due to memory that others filled. */
  #run<T>(work: (instance: GuidanceInstance, handle: number) => T): T {
    let trap: unknown
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        return work(this.#placed(), this.#handle)
      } catch (error) {
        if (error instanceof GuidanceRefusal) throw fail('grammar_failed', { reason: error.message }, error)
        if (!(error instanceof GuidanceTrap)) throw error
        trap = error
      }
    }
    throw fail('grammar_failed', { reason: 'it became too complex to follow' }, trap)
  }

  #placed(): GuidanceInstance {
    if (this.#instance !== undefined && !this.#instance.dead) return this.#instance
    const instance = this.#guidance.instance()
    const handle = this.#grammar.handle(instance)
    for (const token of this.#tokens) instance.accept(handle, token)
    this.#handle = handle
    this.#instance = instance
    return instance
  }
}
