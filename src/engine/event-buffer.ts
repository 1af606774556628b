// One call's events between the engine process and their reader: bounded, in order, and cancelled when the reader leaves. Knows no process.

import type { ModelEvent } from '../wire/model.ts'

/** Events held for a reader who is behind before the engine is asked to pause; it goes on when a quarter is left. */
const pauseAt = 256

/** What the buffer asks of its source. Every function may be called at any time and more than once. */
export interface EventSource {
  /** The first read: the work may begin. */
  begin(): void
  pause(): void
  resume(): void
  /** The reader left or its signal was aborted. */
  cancel(): void
}

/** The iterable that `Model.chat` hands out. Unlike a generator its `return` does not wait for a pending `next`. */
export class EventBuffer implements AsyncIterableIterator<ModelEvent> {
  readonly #source: EventSource
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this.#abandon(this.#signal.reason)
  readonly #events: ModelEvent[] = []
  /** Index of the next event in `#events`; the array is emptied when all are read. */
  #read = 0
  #waiter: PromiseWithResolvers<IteratorResult<ModelEvent>> | undefined
  #outcome: { readonly error?: unknown } | undefined
  #begun = false
  #paused = false

  constructor(source: EventSource, signal: AbortSignal) {
    this.#source = source
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Hands events to the reader or keeps them. Ignored after the end. */
  push(events: readonly ModelEvent[]): void {
    if (this.#outcome !== undefined) return
    for (const event of events) this.#events.push(event)
    this.#serve()
    if (!this.#paused && this.#events.length - this.#read >= pauseAt) {
      this.#paused = true
      this.#source.pause()
    }
  }

  /** No more events. With an error, reading throws it after what was pushed before. */
  end(error?: unknown): void {
    if (this.#outcome !== undefined) return
    this.#outcome = error === undefined ? {} : { error }
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#serve()
  }

  next(): Promise<IteratorResult<ModelEvent>> {
    this.#begin()
    const event = this.#take()
    if (event !== undefined) return Promise.resolve({ value: event, done: false })
    if (this.#outcome !== undefined) return this.#finish(this.#outcome)
    this.#waiter ??= Promise.withResolvers()
    return this.#waiter.promise
  }

  return(): Promise<IteratorResult<ModelEvent>> {
    this.#abandon(undefined)
    return Promise.resolve({ value: undefined, done: true })
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    if (this.#outcome !== undefined) return
    if (this.#signal.aborted) {
      this.#outcome = { error: this.#signal.reason }
      return
    }
    this.#signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#source.begin()
  }

  #abandon(reason: unknown): void {
    const unfinished = this.#outcome === undefined
    this.#events.length = 0
    this.#read = 0
    this.end(reason)
    if (unfinished && this.#begun) this.#source.cancel()
  }

  #take(): ModelEvent | undefined {
    const event = this.#events[this.#read]
    if (event === undefined) return undefined
    this.#read += 1
    const left = this.#events.length - this.#read
    if (left === 0 || this.#read >= pauseAt) {
      this.#events.splice(0, this.#read)
      this.#read = 0
    }
    if (this.#paused && left <= pauseAt / 4 && this.#outcome === undefined) {
      this.#paused = false
      this.#source.resume()
    }
    return event
  }

  #serve(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    const event = this.#take()
    if (event === undefined && this.#outcome === undefined) return
    this.#waiter = undefined
    if (event !== undefined) waiter.resolve({ value: event, done: false })
    else waiter.resolve(this.#finish(this.#outcome ?? {}))
  }

  /** An error is thrown once; reading on after it is simply done. */
  #finish(outcome: { readonly error?: unknown }): Promise<IteratorResult<ModelEvent>> {
    this.#outcome = {}
    return outcome.error === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(outcome.error)
  }
}
