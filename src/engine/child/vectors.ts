// Embedding and ranking requests, a chunk at a time between the steps of generation. Knows no generation.

import { fail } from '../../base/errors.ts'
import type { EmbeddingCall, EmbeddingResult, RankingCall, RankingResult } from '../../wire/model.ts'
import { cosine, EmbeddingJob, longestText, type TextPooling } from './embed.ts'
import { longestPair, rankingPair, rankPair } from './embed-rank.ts'
import type { Engine } from './engine.ts'
import type { Outbox } from './outbox.ts'
import type { Pace } from './pace.ts'
import type { Stream, Streams } from './streams.ts'

/** Time that a chunk may take from others who generate. */
const chunkMs = 120
const leastRows = 16

/** A request under way: holds streams once it started. */
interface Job {
  readonly id: number
  readonly interactive: boolean
  /** Streams that help: one a text. */
  readonly wanted: number
  streams: Stream[]
  cancelled: boolean
  /** One chunk; the result once it is complete. */
  work(streams: readonly Stream[], rows: number): Promise<EmbeddingResult | RankingResult | undefined>
}

/** All requests for vectors and scores of one engine. */
export class Vectors {
  readonly #engine: Engine
  readonly #streams: Streams
  readonly #outbox: Outbox
  readonly #jobs: Job[] = []

  constructor(engine: Engine, streams: Streams, outbox: Outbox) {
    this.#engine = engine
    this.#streams = streams
    this.#outbox = outbox
  }

  /** Queues texts. @throws Failure when the model gives no vectors or a text is wrong */
  embed(id: number, call: EmbeddingCall): void {
    const { pooling, context } = this.#engine
    if (pooling === 'none' || pooling === 'rank') {
      const reason = `this model gives no embeddings; start it with "pooling" set to mean, cls or last`
      throw fail('unsupported_value', { param: 'model', reason })
    }
    const texts = call.inputs.map((input, index) =>
      this.#tokens(input, call.inputs.length > 1 ? `input[${index}]` : 'input'),
    )
    const promptTokens = texts.reduce((sum, text) => sum + text.length, 0)
    let job: EmbeddingJob | undefined
    this.#add(id, call, texts.length, async (streams, rows) => {
      job ??= new EmbeddingJob(
        context,
        pooling,
        texts,
        streams.map((stream) => stream.id),
      )
      if (!job.done) await job.step(rows)
      return job.done ? { vectors: job.vectors, promptTokens } : undefined
    })
  }

  /** Queues pairs of one query for a model's head, or the texts for their vectors. @throws Failure when the model has neither */
  rank(id: number, call: RankingCall): void {
    const { pooling, context, vocabulary } = this.#engine
    if (pooling === 'none') {
      const reason = 'this model has no head that scores pairs of texts, and gives no embeddings to compare'
      throw fail('unsupported_value', { param: 'model', reason })
    }
    if (pooling !== 'rank') {
      this.#compare(id, call, pooling)
      return
    }
    const pairs = call.documents.map((document) => rankingPair(vocabulary, call.query, document))
    for (const [index, pair] of pairs.entries()) this.#checkLength(pair, longestPair(context), `documents[${index}]`)
    const promptTokens = pairs.reduce((sum, pair) => sum + pair.length, 0)
    const scores: number[] = []
    this.#add(id, call, 1, async ([stream]) => {
      const pair = pairs[scores.length]
      if (pair !== undefined && stream !== undefined) scores.push(await rankPair(context, pair, stream.id))
      return scores.length === pairs.length ? { scores, promptTokens } : undefined
    })
  }

  /** A model without such a head scores a document by the cosine of its vector and the query's. */
  #compare(id: number, call: RankingCall, pooling: TextPooling): void {
    const { context } = this.#engine
    const texts = [call.query, ...call.documents].map((text, index) =>
      this.#tokens(text, index === 0 ? 'query' : `documents[${index - 1}]`),
    )
    const promptTokens = texts.reduce((sum, text) => sum + text.length, 0)
    let job: EmbeddingJob | undefined
    this.#add(id, call, texts.length, async (streams, rows) => {
      const ids = streams.map((stream) => stream.id)
      job ??= new EmbeddingJob(context, pooling, texts, ids)
      if (!job.done) await job.step(rows)
      if (!job.done) return undefined
      const [query = new Float32Array(), ...documents] = job.vectors
      return { scores: documents.map((document) => cosine(query, document)), promptTokens }
    })
  }

  /** Forgets a request; its streams are free after the chunk that runs. */
  cancel(id: number): void {
    for (const job of this.#jobs) if (job.id === id) job.cancelled = true
  }

  /** One chunk of one request, each in turn; false when there is nothing to do. With `pace` others generate: chunks are short then. */
  async step(pace: Pace | undefined): Promise<boolean> {
    for (const job of this.#jobs.filter((one) => one.cancelled)) {
      this.#outbox.close(job.id)
      this.#remove(job)
    }
    const job = this.#jobs.find((one) => this.#start(one))
    if (job === undefined) return false
    // Adapters are for those who generate.
    this.#engine.context.setAdapters([])
    const rows = pace === undefined ? Number.POSITIVE_INFINITY : Math.max(leastRows, pace.rowsWithin(chunkMs))
    try {
      const result = await job.work(job.streams, rows)
      if (result === undefined) this.#takeTurns(job)
      else this.#finish(job, () => this.#outbox.result(job.id, result))
    } catch (error) {
      this.#finish(job, () => {
        this.#outbox.failure(job.id, error)
        this.#outbox.close(job.id)
      })
    }
    return true
  }

  #tokens(input: string | readonly number[], param: string): Int32Array {
    const { vocabulary, context } = this.#engine
    if (typeof input !== 'string') {
      const wrong = input.find((token) => !vocabulary.has(token))
      const reason = `${wrong} is not one of this model's ${vocabulary.size} token ids`
      if (wrong !== undefined) throw fail('invalid_value', { param, reason })
    }
    const tokens = typeof input === 'string' ? vocabulary.tokenize(input, { addSpecial: true }) : Int32Array.from(input)
    if (tokens.length === 0) throw fail('invalid_value', { param, reason: 'it has no tokens' })
    this.#checkLength(tokens, longestText(context), param)
    return tokens
  }

  #checkLength(tokens: Int32Array, limit: number, param: string): void {
    if (tokens.length > limit) throw fail('context_length_exceeded', { param, limit, promptTokens: tokens.length })
  }

  #add(id: number, call: EmbeddingCall | RankingCall, wanted: number, work: Job['work']): void {
    const interactive = call.context.class === 'interactive'
    const job: Job = { id, interactive, wanted, streams: [], cancelled: false, work }
    const place = interactive ? this.#jobs.findIndex((other) => !other.interactive) : -1
    this.#jobs.splice(place < 0 ? this.#jobs.length : place, 0, job)
  }

  /** Half of the free streams at most, so that generations and other requests find some. */
  #start(job: Job): boolean {
    if (job.streams.length > 0) return true
    const most = Math.min(job.wanted, Math.max(1, Math.floor(this.#streams.free / 2)))
    while (job.streams.length < most) {
      const stream = this.#streams.borrow()
      if (stream === undefined) break
      job.streams.push(stream)
    }
    return job.streams.length > 0
  }

  /** To the end of its class. */
  #takeTurns(job: Job): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1)
    const place = job.interactive ? this.#jobs.findIndex((other) => !other.interactive) : -1
    this.#jobs.splice(place < 0 ? this.#jobs.length : place, 0, job)
  }

  #finish(job: Job, tell: () => void): void {
    if (job.cancelled) this.#outbox.close(job.id)
    else tell()
    this.#remove(job)
  }

  #remove(job: Job): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1)
    for (const stream of job.streams) this.#streams.release(stream)
  }
}
