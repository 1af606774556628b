// A thread for work on hostile input: one message at a time, each under a time limit; what overruns is stopped and the thread started again. Knows no work.

import { Worker } from 'node:worker_threads'

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

  /** The thread's answer; undefined when the time was up or the thread ended over it. Messages wait for each other. */
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

/** Sends one message and takes one answer; undefined when the time is up or the thread ended first. */
function exchange<Answer>(worker: Worker, message: unknown, milliseconds: number): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: Answer | undefined) => {
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
