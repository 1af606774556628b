// Compiles each rule in a thread of its own first, where it can be stopped, and keeps the image that instances start from.

import { LimitedWorker } from '../../base/limited-worker.ts'
import { programUrl } from '../../base/program-files.ts'
import type { GuidanceRule, PackedVocabulary } from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'
import { guidanceModule } from './guidance-module.ts'
import type { ProbeAnswer, ProbeStart } from './guidance-worker.ts'

/** What became of a rule: `overran` means that the time was up or the thread ended. */
export type ProbeResult =
  | Exclude<ProbeAnswer, { type: 'ready' }>
  | { readonly type: 'overran'; readonly reason: string }

/** Milliseconds for building the token tree: not hostile, only large. */
const buildMs = 120_000

/** The compiling thread of one vocabulary. */
export class GuidanceProbe {
  readonly #worker: LimitedWorker<ProbeAnswer>
  #image: SharedArrayBuffer | undefined

  constructor(vocabulary: PackedVocabulary, costlyMs: number) {
    this.#worker = new LimitedWorker({
      script: programUrl('engine/child/guidance-worker'),
      // Smaller than a main thread's (984 kB), so that what passes here passes there.
      stackMegabytes: 0.75,
      idleMilliseconds: guidanceLimits.idleMs,
      greeting: {
        message: async (): Promise<ProbeStart> => ({
          module: await guidanceModule(),
          vocabulary,
          image: this.#image,
          costlyMs,
        }),
        milliseconds: buildMs,
      },
    })
  }

  /** The memory of an instance that has read the vocabulary and nothing else. */
  async image(): Promise<SharedArrayBuffer> {
    if (this.#image === undefined) {
      const answer = await this.#worker.greeting()
      if (answer.type !== 'ready') throw new Error('the compiling thread could not read the vocabulary')
      this.#image = answer.image
    }
    return this.#image
  }

  /** Compiles the rule in the thread, after those before it. */
  async probe(rule: GuidanceRule): Promise<ProbeResult> {
    await this.image()
    const answer = await this.#worker.ask(rule, guidanceLimits.compileMs)
    if (answer !== undefined && answer.type !== 'ready') return answer
    return {
      type: 'overran',
      reason: `it takes more than ${guidanceLimits.compileMs} ms or too much memory to compile`,
    }
  }

  /** Ends the thread. */
  stop(): Promise<void> {
    return this.#worker.stop()
  }
}
