// A compiled rule and the matchers that follow answers along it. Knows where an instance comes from only through `GuidanceHost`.

import { fail } from '../../base/errors.ts'
import {
  acceptingBit,
  type CompiledImage,
  type GuidanceInstance,
  GuidanceRefusal,
  type GuidanceRule,
  GuidanceTrap,
  stoppedBit,
} from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'

/** Hands out the living instance: another one after a trap. */
export interface GuidanceHost {
  readonly maskWords: number
  instance(): GuidanceInstance
  /** A new instance in the state of an image. */
  restore(image: SharedArrayBuffer): GuidanceInstance
}

/** A matcher's place: an instance and a handle of its own there. */
interface Place {
  readonly instance: GuidanceInstance
  readonly handle: number
}

/** A compiled rule. Stays usable whatever happens to the instance it was compiled in: it is compiled again where needed. */
export class Grammar {
  /** What llguidance leaves out or approximates, in its words; empty when the grammar is exact. */
  readonly warnings: readonly string[]
  readonly #host: GuidanceHost
  readonly #rule: GuidanceRule
  readonly #made: CompiledImage | undefined
  #instance: GuidanceInstance | undefined
  #root = 0

  /** `made`: compiled already, in an instance that is to be had by its image alone. */
  constructor(host: GuidanceHost, rule: GuidanceRule, warnings: readonly string[], made?: CompiledImage) {
    this.#host = host
    this.#rule = rule
    this.#made = made
    this.warnings = warnings
  }

  /** Whether it has a memory of its own. */
  get costly(): boolean {
    return this.#made !== undefined
  }

  /** A matcher at the start of an answer; `free()` it when the answer ends. */
  matcher(): Matcher {
    return new Matcher(this.#host, this)
  }

  /** A place at the start of the rule. Only `Matcher` calls this. */
  place(): Place {
    const instance = this.#made === undefined ? this.#compiled() : this.#restored(this.#made)
    return { instance, handle: instance.clone(this.#root) }
  }

  #compiled(): GuidanceInstance {
    const instance = this.#host.instance()
    if (this.#instance !== instance) {
      this.#root = instance.compile(this.#rule).handle
      this.#instance = instance
    }
    return instance
  }

  /** Matchers at work keep an instance that grew too large until they are done. */
  #restored({ image, handle }: CompiledImage): GuidanceInstance {
    const kept = this.#instance
    if (kept !== undefined && !kept.dead && kept.memoryBytes <= image.byteLength + guidanceLimits.growthBytes)
      return kept
    const instance = this.#host.restore(image)
    this.#root = handle
    this.#instance = instance
    return instance
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
  readonly #grammar: Grammar
  readonly #tokens: number[] = []
  readonly #mask: Uint32Array
  #instance: GuidanceInstance | undefined
  #handle = 0

  constructor(host: GuidanceHost, grammar: Grammar) {
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
    const { instance, handle } = this.#grammar.place()
    for (const token of this.#tokens) instance.accept(handle, token)
    this.#handle = handle
    this.#instance = instance
    return instance
  }
}
