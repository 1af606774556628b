// A thread for work on hostile input: one message at a time, each under a limit of computing time; what overruns is stopped and the thread
// started again. Knows no work.

import { Worker } from 'node:worker_threads'
import { systemClock } from './clock.ts'

/** How to start the thread. */
export interface LimitedWorkerOptions {
  /** The file that the thread runs. */
  readonly script: URL
  readonly stackMegabytes?: number
  readonly heapMegabytes?: number
  /** After this long without a message the thread is ended. */
  readonly idleMilliseconds: number
  /** What a fresh thread is told first and how long it may take over it: starting is not part of any message's time. */
  readonly greeting: { readonly message: () => Promise<unknown>; readonly milliseconds: number }
}

/** A thread that does not even compute is given up after this, in milliseconds. */
const longestMs = 60_000
/** Between two looks at a thread that is slow. */
const lookMs = 25

/** Starts its thread with the first message. A waiting process is not kept alive by it. */
export class LimitedWorker<Answer> {
  readonly #options: LimitedWorkerOptions
  #started: Promise<{ readonly worker: Worker; readonly greeting: Answer }> | undefined
  #last: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined

  constructor(options: LimitedWorkerOptions) {
    this.#options = options
  }

  /** The thread's answer to the greeting. */
  async greeting(): Promise<Answer> {
    return (await this.#start()).greeting
  }

  /**
   * The thread's answer; undefined when it computed for longer than `milliseconds`, or ended over it. Time in which a busy machine gave the
   * thread nothing to compute with is not counted. Messages wait for each other.
   */
  ask(message: unknown, milliseconds: number): Promise<Answer | undefined> {
    const turn = this.#last.then(() => this.#askNow(message, milliseconds))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Ends the thread; the next message starts another. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle)
    const started = this.#started
    this.#started = undefined
    await (await started?.catch(() => undefined))?.worker.terminate()
  }

  async #askNow(message: unknown, milliseconds: number): Promise<Answer | undefined> {
    clearTimeout(this.#idle)
    const { worker } = await this.#start()
    const answer = await exchange<Answer>(worker, message, milliseconds)
    if (answer === undefined) await this.stop()
    this.#idle = setTimeout(() => void this.stop(), this.#options.idleMilliseconds).unref()
    return answer
  }

  #start(): Promise<{ readonly worker: Worker; readonly greeting: Answer }> {
    this.#started ??= this.#startNow().catch((error: unknown) => {
      this.#started = undefined
      throw error
    })
    return this.#started
  }

  async #startNow(): Promise<{ readonly worker: Worker; readonly greeting: Answer }> {
    const { script, greeting, stackMegabytes, heapMegabytes } = this.#options
    const message = await greeting.message()
    const worker = new Worker(script, {
      execArgv: [],
      resourceLimits: {
        ...(stackMegabytes === undefined ? {} : { stackSizeMb: stackMegabytes }),
        ...(heapMegabytes === undefined ? {} : { maxOldGenerationSizeMb: heapMegabytes }),
      },
    })
    worker.unref()
    // A thread that fails between two messages is found ended by the next one; without a listener it would end the process.
    worker.on('error', () => undefined)
    const answer = await exchange<Answer>(worker, message, greeting.milliseconds)
    if (answer === undefined) {
      await worker.terminate()
      throw new Error(`the thread ${script.pathname} did not start within ${greeting.milliseconds} ms`)
    }
    return { worker, greeting: answer }
  }
}

/** Sends one message and takes one answer; undefined when it computed for longer, or the thread ended first. */
function exchange<Answer>(worker: Worker, message: unknown, milliseconds: number): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const begun = systemClock.elapsed()
    let before: number | undefined
    const settle = (answer: Answer | undefined) => {
      clearTimeout(timer)
      timer = undefined
      worker.off('message', settle).off('error', ended).off('exit', ended)
      resolve(answer)
    }
    const ended = () => settle(undefined)
    const look = async () => {
      const used = await computed(worker)
      if (timer === undefined) return
      const left = used === undefined || before === undefined ? 0 : milliseconds - (used - before)
      // An answer that came while this thread itself stood still is taken first.
      if (left <= 0 || systemClock.elapsed() - begun >= milliseconds + longestMs) setImmediate(ended)
      else timer = setTimeout(look, Math.max(lookMs, left))
    }
    let timer: NodeJS.Timeout | undefined = setTimeout(look, milliseconds)
    worker.on('message', settle).on('error', ended).on('exit', ended)
    const send = async () => {
      before = await computed(worker)
      if (timer !== undefined) worker.postMessage(message)
    }
    void send()
  })
}

/** Milliseconds that a thread has computed since it began, undefined where it has ended; where Node cannot tell (before 24.6), that have passed. */
async function computed(worker: Worker): Promise<number | undefined> {
  if (typeof worker.cpuUsage !== 'function') return systemClock.elapsed()
  const usage = await worker.cpuUsage().catch(() => undefined)
  return usage && (usage.user + usage.system) / 1000
}
