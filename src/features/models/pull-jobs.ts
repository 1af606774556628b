// The pulls that a server runs: one per reference, watched by whoever wants, going on when nobody does. Knows no HTTP.

import { type Clock, systemClock } from '../../base/clock.ts'
import { Failure, fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Pull } from '../../wire/pulls.ts'
import { seconds } from '../../wire/times.ts'
import { type CatalogueEntry, findInCatalogue } from './catalogue.ts'
import { type PullOptions, pull } from './pull.ts'
import type { PulledModel } from './pull-note.ts'
import type { PullProgress } from './pull-progress.ts'
import { parseReference } from './pull-reference.ts'

/** Ended pulls that are remembered. */
const remembered = 100

/** A pull of this server. */
interface Job {
  state: Pull
  /** Whether the source is asked also where the weights are here. */
  readonly update: boolean
  readonly cancel: AbortController
  /** Resolves at the next news, and is replaced. */
  news: PromiseWithResolvers<void>
}

/** The pulls of one server. */
export class Pulls {
  readonly #options: () => Promise<PullOptions>
  readonly #catalogue: readonly CatalogueEntry[] | undefined
  readonly #clock: Clock
  readonly #log: Log
  readonly #jobs = new Map<string, Job>()
  readonly #running = new Set<Promise<void>>()

  constructor(options: {
    readonly pulling: () => Promise<PullOptions>
    /** Models known by name; ours without it. */
    readonly catalogue?: readonly CatalogueEntry[] | undefined
    readonly clock?: Clock
    readonly log: Log
  }) {
    this.#options = options.pulling
    this.#catalogue = options.catalogue
    this.#clock = options.clock ?? systemClock
    this.#log = options.log
  }

  /** Starts a pull, or finds the one that runs for the same reference. Throws `invalid_value` for a path and for what is no reference. */
  start(reference: string, update = false): Pull {
    if (parseReference(reference, '/', this.#catalogue).type === 'local') {
      const reason = 'a path is taken from the command line and the settings only'
      throw fail('invalid_value', { param: 'model', reason })
    }
    const running = [...this.#jobs.values()].find(
      ({ state }) => state.status === 'running' && state.model === reference,
    )
    if (running !== undefined) return running.state
    const job: Job = {
      state: this.#begin(reference),
      update,
      cancel: new AbortController(),
      news: Promise.withResolvers(),
    }
    this.#jobs.set(job.state.id, job)
    this.#forget()
    const run = this.#run(job)
    this.#running.add(run)
    void run.finally(() => this.#running.delete(run))
    return job.state
  }

  /** The newest first. */
  list(): readonly Pull[] {
    return [...this.#jobs.values()].map(({ state }) => state).reverse()
  }

  /** How far it is. Throws `not_found`. */
  get(id: string): Pull {
    return this.#find(id).state
  }

  /** Every state from now on, the last one when it has ended; a reader that is slow misses those in between. */
  async *watch(id: string): AsyncGenerator<Pull> {
    const job = this.#find(id)
    for (let last: Pull | undefined; ; ) {
      const { news, state } = job
      if (state !== last) yield state
      last = state
      if (job.state !== state) continue
      if (state.status !== 'running') return
      await news.promise
    }
  }

  /** Stops a running pull; what has arrived is kept for the next one. */
  cancel(id: string): Pull {
    const job = this.#find(id)
    if (job.state.status === 'running') {
      this.#tell(job, { status: 'cancelled', ended_at: seconds(this.#clock.now()) })
      job.cancel.abort(new Error('The pull was cancelled.'))
    }
    return job.state
  }

  /** Stops all pulls. */
  async close(): Promise<void> {
    for (const { state } of this.#jobs.values()) if (state.status === 'running') this.cancel(state.id)
    await Promise.all(this.#running)
  }

  #find(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined) throw fail('not_found', { what: 'pull', id: id.slice(0, 100), param: 'id' })
    return job
  }

  #begin(reference: string): Pull {
    const known = findInCatalogue(reference, this.#catalogue)
    const { licence, licenceUrl, forbids } = known ?? {}
    return {
      ...{ id: newId('pull', this.#clock), object: 'pull', model: reference, status: 'running' },
      ...{ phase: 'connecting', source: '', received_bytes: 0, total_bytes: null },
      ...{ bytes_per_second: 0, seconds_left: null, reason: null },
      licence: licence === undefined ? null : { name: licence, url: licenceUrl ?? null, forbids: [...(forbids ?? [])] },
      ...{ created_at: seconds(this.#clock.now()), ended_at: null, result: null, error: null },
    }
  }

  async #run(job: Job): Promise<void> {
    const { model, id } = job.state
    try {
      const options = await this.#options()
      const onProgress = (progress: PullProgress) => this.#tell(job, progressFields(progress))
      this.#end(job, 'done', {
        result: resultOf(await pull(model, { ...options, onProgress, update: job.update, signal: job.cancel.signal })),
      })
      this.#log.info({ pull: id, model }, 'pulled')
    } catch (error) {
      const failure = error instanceof Failure ? error : fail('internal_error')
      if (!job.cancel.signal.aborted) this.#log.warn({ pull: id, model, code: failure.code, err: error }, 'pull failed')
      this.#end(job, 'failed', { error: { code: failure.code, message: failure.message } })
    }
  }

  #end(job: Job, status: 'done' | 'failed', fields: Partial<Pull>): void {
    this.#tell(job, { ...fields, status, ended_at: seconds(this.#clock.now()) })
  }

  /** What is over stays as it ended. */
  #tell(job: Job, fields: Partial<Pull>): void {
    if (job.state.status !== 'running') return
    job.state = { ...job.state, ...fields }
    job.news.resolve()
    job.news = Promise.withResolvers()
  }

  #forget(): void {
    const ended = [...this.#jobs.values()].filter(({ state }) => state.status !== 'running')
    for (const { state } of ended.slice(0, Math.max(0, ended.length - remembered))) this.#jobs.delete(state.id)
  }
}

function progressFields(progress: PullProgress): Partial<Pull> {
  const { phase, source, receivedBytes, totalBytes, bytesPerSecond, secondsLeft, reason } = progress
  return {
    ...{ phase, source, received_bytes: receivedBytes, total_bytes: totalBytes ?? null },
    bytes_per_second: Math.round(bytesPerSecond),
    seconds_left: secondsLeft === undefined ? null : Math.round(secondsLeft),
    reason: reason ?? null,
  }
}

function resultOf({ name, bytes, sha256, fetched }: PulledModel): Pull['result'] {
  return { name, bytes, sha256: sha256 ?? null, fetched }
}
