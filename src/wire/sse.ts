// Server-sent events as bytes: frames, keep-alive comments, and a bounded buffer between the model and a client that reads slowly.
import { Readable } from 'node:stream'
import { fail } from '../base/errors.ts'

/** The last frame of OpenAI's streams; Mistral's clients take it too. */
export const doneFrame = 'data: [DONE]\n\n'

/** What clients skip: it only keeps proxies and time limits from ending the connection. */
export const comment = ': ping\n\n'

/** One event. No `id:` and no `retry:` lines: with them keep-alive comments break Python clients (api-surface §4). */
export function frame(data: unknown, event?: string): string {
  const line = `data: ${JSON.stringify(data)}\n\n`
  return event === undefined ? line : `event: ${event}\n${line}`
}

/** How a stream behaves towards its client. */
export interface EventStreamOptions {
  /** Milliseconds without output after which a comment is sent; 0: never. */
  readonly keepAlive: number
  /** Bytes held for a client that does not read; then the source is no longer asked. */
  readonly bufferLimit?: number
  /** Seconds that a client may leave everything unread before the connection is cut. */
  readonly stallLimit?: number
}

// 4 MiB is about 20,000 frames, more than most answers: a slow reader costs memory, not the model's time.
const defaultBufferLimit = 4_194_304
const defaultStallLimit = 30

/**
 * Frames as a byte stream. The source is read as fast as it yields, so a slow client does not hold a model's stream, until
 * `bufferLimit` bytes wait; a client that reads nothing for `stallLimit` seconds is cut off. Leaving early ends the source.
 */
export function eventStream(frames: AsyncIterable<string>, options: EventStreamOptions): Readable {
  const limit = options.bufferLimit ?? defaultBufferLimit
  let wake = () => {}
  let pushed = 0
  let quiet = 0
  const stream = new Readable({
    highWaterMark: limit,
    read: () => wake(),
    destroy(error, done) {
      wake()
      done(error)
    },
  })
  const push = (text: string): boolean => {
    quiet = 0
    pushed += Buffer.byteLength(text)
    return stream.push(text)
  }
  const pump = async () => {
    for await (const text of frames) {
      // `destroyed` is asked first: pushing into a destroyed stream is an error, and leaving the loop ends the source.
      if (stream.destroyed) return
      if (push(text)) continue
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      if (stream.destroyed) return
    }
    if (!stream.destroyed) stream.push(null)
  }
  const watch = watchReader(stream, {
    stallLimit: options.stallLimit ?? defaultStallLimit,
    consumed: () => pushed - stream.readableLength,
    onSecond: () => {
      quiet += 1000
      const idle = stream.readableLength === 0 && !stream.readableEnded
      if (options.keepAlive > 0 && quiet >= options.keepAlive && idle) push(comment)
    },
  })
  stream.once('close', () => clearInterval(watch))
  pump().catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
  return stream
}

interface Watch {
  readonly stallLimit: number
  consumed(): number
  onSecond(): void
}

/** Looks once a second whether the reader took anything; one that leaves bytes lying for `stallLimit` seconds is cut off. */
function watchReader(stream: Readable, watch: Watch): NodeJS.Timeout {
  let last = 0
  let stalled = 0
  return setInterval(() => {
    const consumed = watch.consumed()
    stalled = stream.readableLength > 0 && consumed === last ? stalled + 1 : 0
    last = consumed
    if (stalled >= watch.stallLimit) stream.destroy(fail('client_closed'))
    else watch.onSecond()
  }, 1000)
}
