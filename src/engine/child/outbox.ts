// Gathers the news of one step, so that they travel to the server in one message. Knows no meaning of what it carries.

import { Failure } from '../../base/errors.ts'
import type { ModelEvent } from '../../wire/model.ts'
import type { Delivery, EngineFailure, EngineLoad, FromEngine } from '../messages.ts'

interface Draft {
  events: ModelEvent[]
  result?: unknown
  failure?: EngineFailure
  closed?: boolean
}

/** News by request until `flush`. */
export class Outbox {
  readonly #send: (message: FromEngine) => void
  #drafts = new Map<number, Draft>()

  constructor(send: (message: FromEngine) => void) {
    this.#send = send
  }

  events(id: number, events: readonly ModelEvent[]): void {
    if (events.length > 0) this.#draft(id).events.push(...events)
  }

  /** The whole answer to a request without events. */
  result(id: number, result: unknown): void {
    Object.assign(this.#draft(id), { result, closed: true })
  }

  /** Anything but a `Failure` is a fault of ours and is said as such, without its message: it may hold parts of a prompt. */
  failure(id: number, error: unknown): void {
    const failure = error instanceof Failure ? error.toJSON() : { code: 'internal_error' as const, fields: {} }
    if (!(error instanceof Failure)) this.#log(error)
    Object.assign(this.#draft(id), { failure })
  }

  /** The request is over and holds nothing any more. */
  close(id: number): void {
    this.#draft(id).closed = true
  }

  /** Sends what there is; nothing when there is nothing. */
  flush(load: EngineLoad): void {
    if (this.#drafts.size === 0) return
    const deliveries = Array.from(this.#drafts, ([id, draft]): Delivery => ({ id, ...draft }))
    this.#drafts = new Map()
    this.#send({ type: 'news', deliveries, load })
  }

  #draft(id: number): Draft {
    let draft = this.#drafts.get(id)
    if (draft === undefined) {
      draft = { events: [] }
      this.#drafts.set(id, draft)
    }
    return draft
  }

  #log(error: unknown): void {
    const line = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#send({ type: 'log', level: 'error', line })
  }
}
