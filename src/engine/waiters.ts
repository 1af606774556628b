// Who waits for a model to be loaded: each until all are served or refused, it gives up, or it has waited too long.
import type { Failure } from '../base/errors.ts'

interface Waiter<Granted> {
  readonly grant: PromiseWithResolvers<Granted>
  /** Ends its timer, and its interest in the signal. */
  readonly end: () => void
}

/** Those who wait for one thing. */
export class Waiters<Granted> {
  readonly #waiting = new Set<Waiter<Granted>>()

  get size(): number {
    return this.#waiting.size
  }

  /** Waits. Rejects with a refusal, with the signal's reason, or after `mostMs` milliseconds with what `late` gives. */
  wait(mostMs: number, late: () => Failure, signal?: AbortSignal): Promise<Granted> {
    const grant = Promise.withResolvers<Granted>()
    const giveUp = () => this.#withdraw(waiter, signal?.reason)
    const timer = setTimeout(() => this.#withdraw(waiter, late()), mostMs)
    timer.unref()
    signal?.addEventListener('abort', giveUp, { once: true })
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
    const waiter: Waiter<Granted> = { grant, end }
    this.#waiting.add(waiter)
    return grant.promise
  }

  /** Gives each what `give` makes for it. */
  serve(give: () => Promise<Granted>): void {
    for (const { grant } of this.#takeAll()) give().then(grant.resolve, grant.reject)
  }

  /** Tells each that it waits in vain. */
  refuse(failure: Failure): void {
    for (const { grant } of this.#takeAll()) grant.reject(failure)
  }

  #takeAll(): readonly Waiter<Granted>[] {
    const all = [...this.#waiting]
    this.#waiting.clear()
    for (const { end } of all) end()
    return all
  }

  #withdraw(waiter: Waiter<Granted>, reason: unknown): void {
    if (!this.#waiting.delete(waiter)) return
    waiter.end()
    waiter.grant.reject(reason)
  }
}
