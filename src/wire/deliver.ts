// Sends a model's answer over HTTP, streamed or whole: when the status is chosen, what keeps the connection alive, how a failure looks. Knows no endpoint's shape.
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Failure } from '../base/errors.ts'
import { errorBody, toFailure } from './failure.ts'
import { limitHeaders } from './limits.ts'
import type { EmbeddingResult, ModelEvent } from './model.ts'
import { comment, eventStream } from './sse.ts'

type Started = Extract<ModelEvent, { type: 'started' }>

/** When an answer that takes long is begun before there is anything to tell; milliseconds. */
export interface Pace {
  /** A model that has not started by then may be waiting in line: a stream's client gets its headers, and comments from then on. */
  readonly commitStreamAfter: number
  /** undici gives up after 300 s without headers (api-surface §1.11). A committed status cannot become an error: so late. */
  readonly commitWholeAfter: number
  /** Between two spaces of an answer in one piece. */
  readonly paddingInterval: number
  /** Between two comments of a stream whose model has not started; five seconds without it. */
  readonly waitingInterval?: number
}

const usualPace: Pace = { commitStreamAfter: 20_000, commitWholeAfter: 60_000, paddingInterval: 15_000 }
const usualWaitingInterval = 5_000

/** What both forms of an answer need. A door of several calls marks its events, hence the parameter. */
interface Delivery<Event extends ModelEvent> {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** From a Model of the registry. */
  readonly events: AsyncIterable<Event>
  /** How far the loading of the model is, 0–1, while it is not loaded: told to a stream's client as a comment. */
  readonly loading?: () => number | undefined
  /** Request fields that had no effect, for `galerne-ignored-fields`. */
  readonly ignored: readonly string[]
}

/** A streamed answer. */
export interface StreamedDelivery<Event extends ModelEvent> extends Delivery<Event> {
  /** The answer as frames of `frame()`, with its own last frame. */
  frames(events: AsyncIterable<Event>): AsyncIterable<string>
  /** The frames that end a stream that failed after it began. */
  failureFrames(failure: Failure): string
}

/** An answer in one piece. */
export interface WholeDelivery<Event extends ModelEvent> extends Delivery<Event> {
  /** The answer's body. */
  fold(events: AsyncIterable<Event>): Promise<object>
}

/**
 * Streams an answer. The status waits for the model's `started`, so that a refusal is thrown here and becomes a 4xx;
 * later failures become the union error frame.
 */
export async function deliverStream<Event extends ModelEvent>(
  delivery: StreamedDelivery<Event>,
  pace: Pace = usualPace,
): Promise<FastifyReply> {
  const { request, reply } = delivery
  const watched = watch(delivery)
  const first = watched.events.next()
  const begun = await withinTime(first, pace.commitStreamAfter)
  setHeaders(delivery, watched)
  async function* frames() {
    try {
      // The head goes out with the first byte: a client that waits in line gets both now.
      let ahead = begun
      while (ahead === undefined) {
        yield waitingComment(delivery.loading?.())
        ahead = await withinTime(first, pace.waitingInterval ?? usualWaitingInterval)
      }
      yield* delivery.frames(resume(ahead, watched.events))
    } catch (error) {
      const failure = toFailure(error, request.id)
      logLate(request, failure)
      yield delivery.failureFrames(failure)
    }
  }
  reply.header('content-type', 'text/event-stream; charset=utf-8')
  reply.header('cache-control', 'no-cache')
  // nginx would collect the stream into blocks.
  reply.header('x-accel-buffering', 'no')
  return reply.send(eventStream(frames(), { keepAlive: request.exchange.keepAlive }))
}

function waitingComment(loading: number | undefined): string {
  return loading === undefined ? comment : `: loading the model, ${Math.floor(loading * 100)} %\n\n`
}

/** Sends an answer in one piece; one that takes long begins with white space, which every JSON reader skips. */
export async function deliverWhole<Event extends ModelEvent>(
  delivery: WholeDelivery<Event>,
  pace: Pace = usualPace,
): Promise<FastifyReply> {
  const { reply } = delivery
  const watched = watch(delivery)
  const answer = delivery.fold(watched.events)
  const body = await withinTime(answer, pace.commitWholeAfter)
  setHeaders(delivery, watched)
  reply.header('content-type', 'application/json; charset=utf-8')
  return reply.send(body ?? padded(delivery, answer, pace.paddingInterval))
}

/** White space every `interval` milliseconds, then the body. The 200 is sent: a failure cuts the connection after naming itself. */
function padded(
  { request }: Pick<Delivery<ModelEvent>, 'request'>,
  answer: Promise<object>,
  interval: number,
): Readable {
  const stream = new Readable({ read: () => {} })
  const padding = setInterval(() => stream.push(' '), interval)
  stream.push(' ')
  stream.once('close', () => clearInterval(padding))
  answer.then(
    (body) => {
      stream.push(JSON.stringify(body))
      stream.push(null)
    },
    (error: unknown) => {
      const failure = toFailure(error, request.id)
      logLate(request, failure)
      stream.push(JSON.stringify(errorBody(failure)))
      // Not ended in order: no client may take this for a complete answer.
      setImmediate(() => stream.destroy(failure))
    },
  )
  return stream
}

interface Watched<Event extends ModelEvent> {
  readonly events: AsyncGenerator<Event, void>
  started: Started | undefined
  /** When the model was asked, and when it last told something: `clock.elapsed()`. */
  readonly askedAt: number
  heardAt: number
}

/** The events, remembering what the headers tell of them. A call that was given up ends with the reason, never as if complete. */
function watch<Event extends ModelEvent>({ request, events }: Delivery<Event>): Watched<Event> {
  const { clock, signal } = request.exchange
  const askedAt = clock.elapsed()
  const watched: Watched<Event> = { events: pass(), started: undefined, askedAt, heardAt: askedAt }
  async function* pass() {
    try {
      for await (const event of events) {
        if (event.type === 'started') watched.started = event
        watched.heardAt = clock.elapsed()
        yield event
      }
    } catch (error) {
      // Models end an aborted call in ways of their own; why it was aborted is what counts.
      throw signal.aborted ? signal.reason : error
    }
    signal.throwIfAborted()
  }
  return watched
}

function setHeaders<Event extends ModelEvent>(
  { request, reply, ignored }: Delivery<Event>,
  watched: Watched<Event>,
): void {
  const { clock, receivedAt } = request.exchange
  nameIgnoredFields(reply, ignored)
  if (watched.started === undefined) return
  const overhead = watched.askedAt - receivedAt + (clock.elapsed() - watched.heardAt)
  tellWaitAndLimits(reply, watched.started)
  reply.header('galerne-ran-on', headerSafe(watched.started.ranOn, 256))
  reply.header('galerne-overhead-ms', overhead.toFixed(1))
}

/** Says how long a call waited and how its caller's limits stand; answers that come from no stream of events call it themselves. */
export function tellWaitAndLimits(reply: FastifyReply, told: Pick<EmbeddingResult, 'queueMs' | 'limits'>): void {
  reply.header('galerne-queue-wait-ms', String(Math.round(told.queueMs ?? 0)))
  reply.headers(limitHeaders(told.limits))
}

// Clients take 16 KiB of headers in all.
const mostNames = 32

/** Says which request fields had no effect, beside those that were said before; answers that come from no stream of events call it themselves. */
export function nameIgnoredFields(reply: FastifyReply, ignored: readonly string[]): void {
  if (ignored.length === 0) return
  const before = reply.getHeader('galerne-ignored-fields')
  const more = ignored.length > mostNames ? [`and-${ignored.length - mostNames}-more`] : []
  const names = [...ignored.slice(0, mostNames).map((name) => headerSafe(name)), ...more]
  reply.header('galerne-ignored-fields', [...(typeof before === 'string' ? [before] : []), ...names].join(', '))
}

/** A field name comes from the client: only what a header may carry, and not endless. */
function headerSafe(text: string, longest = 64): string {
  return text.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?').slice(0, longest)
}

/** The promise's value, or undefined when it takes longer; the promise itself goes on. */
async function withinTime<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Puts the event that was waited for back in front. */
async function* resume<Event extends ModelEvent>(
  first: IteratorResult<Event, void> | Promise<IteratorResult<Event, void>>,
  rest: AsyncGenerator<Event, void>,
): AsyncGenerator<Event, void> {
  const { done, value } = await first
  if (done) return
  yield value
  yield* rest
}

/** A failure after the status was sent shows in no status: the log tells it. */
function logLate(request: FastifyRequest, failure: Failure): void {
  const level = failure.code === 'client_closed' ? 'debug' : failure.code === 'internal_error' ? 'error' : 'warn'
  request.log[level]({ code: failure.code, err: failure.cause }, 'answer failed after its headers were sent')
}
