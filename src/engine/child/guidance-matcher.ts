// A compiled rule and the matchers that follow answers along it. Knows where an instance comes from only through `GuidanceHost`.

import { fail } from '../../base/errors.ts'
import {
  acceptingBit,
  type GuidanceInstance,
  GuidanceRefusal,
  type GuidanceRule,
  GuidanceTrap,
  stoppedBit,
} from './guidance-instance.ts'

/** Hands out the living instance: another one after a trap. */
export interface GuidanceHost {
  readonly maskWords: number
  instance(): GuidanceInstance
}

/** A compiled rule. Stays usable whatever happens to the instance it was compiled in: it is compiled again where needed. */
export class Grammar {
  /** What llguidance leaves out or approximates, in its words; empty when the grammar is exact. */
  readonly warnings: readonly string[]
  readonly #host: GuidanceHost
  readonly #rule: GuidanceRule
  #instance: GuidanceInstance | undefined
  #root = 0

  constructor(host: GuidanceHost, rule: GuidanceRule, warnings: readonly string[]) {
    this.#host = host
    this.#rule = rule
    this.warnings = warnings
  }

  /** A matcher at the start of an answer; `free()` it when the answer ends. */
  matcher(): Matcher {
    return new Matcher(this.#host, this)
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
  readonly #host: GuidanceHost
  readonly #grammar: Grammar
  readonly #tokens: number[] = []
  readonly #mask: Uint32Array
  #instance: GuidanceInstance | undefined
  #handle = 0

  constructor(host: GuidanceHost, grammar: Grammar) {
    this.#host = host
    this.#grammar = grammar
    this.#mask = new Uint32Array(host.maskWords)
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
    const instance = this.#host.instance()
    const handle = this.#grammar.handle(instance)
    for (const token of this.#tokens) instance.accept(handle, token)
    this.#handle = handle
    this.#instance = instance
    return instance
  }
}
