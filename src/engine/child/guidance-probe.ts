// Starts the compiling thread when the first rule comes, gives it one rule at a time, and stops it when a rule takes too long.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { GuidanceRule, PackedVocabulary } from './guidance-instance.ts'
import { guidanceLimits } from './guidance-limits.ts'
import { guidanceModule } from './guidance-module.ts'
import type { ProbeAnswer } from './guidance-worker.ts'

/** What became of a rule: `overran` means that the time was up or the thread ended. */
export type ProbeResult =
  | Exclude<ProbeAnswer, { type: 'ready' }>
  | { readonly type: 'overran'; readonly reason: string }

/** Milliseconds for building the token tree: not hostile, only large. */
const buildMs = 120_000

/** One compiling thread for one vocabulary. */
export class GuidanceProbe {
  readonly #vocabulary: PackedVocabulary
  #image: SharedArrayBuffer | undefined
  #worker: Promise<Worker> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(vocabulary: PackedVocabulary) {
    this.#vocabulary = vocabulary
  }

  /** The memory of an instance that has read the vocabulary and nothing else. */
  async image(): Promise<SharedArrayBuffer> {
    await this.#started()
    if (this.#image === undefined) throw new Error('the compiling thread gave no image')
    return this.#image
  }

  /** Compiles the rule in the thread, after those before it. */
  probe(rule: GuidanceRule): Promise<ProbeResult> {
    const turn = this.#last.then(() => this.#probeNow(rule))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    const worker = await this.#worker?.catch(() => undefined)
    this.#worker = undefined
    await worker?.terminate()
  }

  async #probeNow(rule: GuidanceRule): Promise<ProbeResult> {
    const worker = await this.#started()
    const answer = await ask(worker, rule, guidanceLimits.compileMs)
    if (answer !== undefined && answer.type !== 'ready') return answer
    this.#worker = undefined
    await worker.terminate()
    return {
      type: 'overran',
      reason: `it takes more than ${guidanceLimits.compileMs} ms or too much memory to compile`,
    }
  }

  #started(): Promise<Worker> {
    this.#worker ??= this.#start().catch((error: unknown) => {
      this.#worker = undefined
      throw error
    })
    return this.#worker
  }

  async #start(): Promise<Worker> {
    const module = await guidanceModule()
    const file = new URL(`./guidance-worker${extname(import.meta.filename)}`, import.meta.url)
    // The stack is smaller than a main thread's (984 kB), so that what passes here passes there.
    const worker = new Worker(file, { resourceLimits: { stackSizeMb: 0.75 }, execArgv: [] })
    worker.unref()
    // A thread that fails between two rules is started again by the next; without a listener it would end the process.
    worker.on('error', () => undefined)
    const answer = await ask(worker, { module, vocabulary: this.#vocabulary, image: this.#image }, buildMs)
    if (answer?.type !== 'ready') {
      await worker.terminate()
      throw new Error('the compiling thread could not read the vocabulary')
    }
    this.#image = answer.image
    return worker
  }
}

/** Sends one message and takes one answer; undefined when the time is up or the thread ended first. */
function ask(worker: Worker, message: unknown, milliseconds: number): Promise<ProbeAnswer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: ProbeAnswer | undefined) => {
      clearTimeout(timer)
      worker.off('message', settle).off('error', ended).off('exit', ended)
      resolve(answer)
    }
    const ended = () => settle(undefined)
    const timer = setTimeout(ended, milliseconds)
    worker.on('message', settle).on('error', ended).on('exit', ended)
    worker.postMessage(message)
  })
}
