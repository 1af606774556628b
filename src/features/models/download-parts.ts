// Fetches a file over several connections, each part with its own patience, and goes on after a crash with what each part has.

import type { EgressResponse } from '../../base/egress.ts'
import { contentRange, header, statusError } from './download-answer.ts'
import { PartFile } from './download-part-file.ts'
import { withPatience } from './download-patience.ts'
import { type Download, type Located, requireSame, SourceError } from './download-source.ts'
import { watchStall } from './download-stall.ts'
import { requireWeightsStart } from './download-verify.ts'

/** The server sends whole files only: there is no use in parts. */
export class NoRanges extends Error {
  override readonly name = 'NoRanges'
}

/** Bytes that are collected before they are written. */
const writeSize = 524_288

/** A part whose bytes change with every download belongs to a line that cannot be trusted. */
const comparisons = 8

/**
 * Fetches what the partial file lacks of its `bytes`. With `confirm` it fetches everything again, compares it with the disk until two
 * downloads of a part agree, and returns whether anything changed. Throws `NoRanges`, a `SourceError`, or `disk_full`.
 */
export async function downloadParts(
  job: Download,
  located: Located,
  { bytes, confirm }: { readonly bytes: number; readonly confirm: boolean },
): Promise<boolean> {
  const sha256 = job.expected.sha256 ?? located.sha256
  const file = await PartFile.open(job.partial, bytes, { sha256, etag: located.etag })
  const course = new Course(job, located, file, sha256)
  let changed = false
  try {
    if (confirm) job.context.meter.phase('repairing', job.label, 0, bytes)
    else job.context.meter.phase('downloading', job.label, file.received, bytes)
    await inParallel(confirm ? [...Array(file.parts).keys()] : file.unfinished(), job.context.connections, course, {
      run: async (part) => {
        if (!confirm) await course.fill(part)
        else if (await course.compare(part)) changed = true
      },
    })
    return changed
  } catch (error) {
    if (error instanceof NoRanges) await file.becomeSerial()
    throw error
  } finally {
    await file.close()
  }
}

/** The first failure stops the other connections, and is thrown when they have ended. */
async function inParallel(
  parts: number[],
  connections: number,
  course: Course,
  { run }: { readonly run: (part: number) => Promise<void> },
): Promise<void> {
  const queue = parts.values()
  const failures: unknown[] = []
  const worker = async () => {
    for (const part of queue) {
      if (failures.length > 0) return
      try {
        await run(part)
      } catch (error) {
        failures.push(error)
        course.stop(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(connections, parts.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** What the connections of one download share. */
class Course {
  readonly #job: Download
  readonly #file: PartFile
  readonly #sha256: string | undefined
  readonly #etag: string | undefined
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal
  #located: Promise<Located>
  #compared = 0

  constructor(job: Download, located: Located, file: PartFile, sha256: string | undefined) {
    this.#job = job
    this.#file = file
    this.#sha256 = sha256
    this.#etag = located.etag
    this.#located = Promise.resolve(located)
    const { signal } = job.context
    this.#signal = signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal])
  }

  stop(reason: unknown): void {
    this.#stopped.abort(reason)
  }

  /** Fetches what a part lacks. */
  async fill(part: number): Promise<void> {
    const file = this.#file
    await this.#patiently(
      async () => file.receivedOf(part),
      () =>
        this.#receive(part, file.receivedOf(part), async (bytes) => {
          if (file.startOf(part) + file.receivedOf(part) === 0) requireWeightsStart(bytes, this.#job.expected)
          await file.append(part, bytes)
          this.#job.context.meter.received(file.received)
        }),
    )
  }

  /** Fetches a part again until it is what the disk has. Returns whether the disk was wrong. */
  async compare(part: number): Promise<boolean> {
    for (let round = 0; ; round++) {
      if (round >= comparisons) throw new SourceError('it sends other bytes every time', { final: true })
      let differed = false
      let at = 0
      await this.#patiently(
        async () => at,
        () =>
          this.#receive(part, at, async (bytes) => {
            if (await this.#file.correct(this.#file.startOf(part) + at, bytes)) differed = true
            at += bytes.length
            if (round > 0) return
            this.#compared += bytes.length
            this.#job.context.meter.received(this.#compared)
          }),
      )
      if (!differed) return round > 0
    }
  }

  async #patiently(received: () => Promise<number>, attempt: () => Promise<void>): Promise<void> {
    await withPatience(
      this.#job,
      received,
      async () => {
        const used = this.#located
        try {
          await attempt()
        } catch (error) {
          // The address may have run out: the next attempt, of whichever part, asks for a new one.
          if (this.#located === used) this.#located = this.#locate()
          throw error
        }
      },
      { answered: true, signal: this.#signal },
    )
  }

  #locate(): Promise<Located> {
    const promise = this.#job.locate().then((located) => {
      requireSame(located, { sha256: this.#sha256, bytes: this.#file.bytes })
      return located
    })
    // Who uses it next learns of the failure.
    promise.catch(() => {})
    return promise
  }

  /** One request for what is left of a part from `offset` on; hands over its bytes in pieces. */
  async #receive(part: number, offset: number, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const from = this.#file.startOf(part) + offset
    const end = this.#file.startOf(part) + this.#file.lengthOf(part)
    if (from >= end) return
    const stall = watchStall(this.#job.context.patience.stallMs, this.#signal)
    try {
      const response = await this.#ask(from, end, stall.signal)
      let [waiting, size, left] = [[] as Uint8Array[], 0, end - from]
      const flush = async () => {
        const bytes = waiting.length === 1 && waiting[0] !== undefined ? waiting[0] : Buffer.concat(waiting)
        ;[waiting, size] = [[], 0]
        if (bytes.length > 0) await take(bytes)
      }
      try {
        for await (const chunk of response.body) {
          stall.received(chunk.length)
          left -= chunk.length
          if (left < 0) throw new SourceError('it sent more than the range that was asked for', { final: false })
          waiting.push(chunk)
          size += chunk.length
          if (size >= writeSize) await flush()
        }
      } finally {
        // What came before a connection broke is as good as the rest.
        if (left >= 0) await flush()
      }
      if (left > 0) throw new SourceError(`it ended ${left} bytes before the end of the range`, { final: false })
    } finally {
      stall.end()
    }
  }

  async #ask(from: number, end: number, signal: AbortSignal): Promise<EgressResponse> {
    const { context } = this.#job
    const located = await this.#located
    const headers: Record<string, string> = { ...located.headers, range: `bytes=${from}-${end - 1}` }
    // Without a hash only the server can say whether the file is still the same (RFC 9110 §13.1.5).
    if (this.#sha256 === undefined && this.#etag !== undefined) headers['if-range'] = this.#etag
    const response = await context.egress.request({
      url: located.url,
      purpose: 'pull',
      headers,
      policy: {
        allowPrivate: context.allowPrivate,
        idleTimeoutMs: context.patience.stallMs,
        maxBytes: Number.MAX_SAFE_INTEGER,
      },
      signal,
    })
    const { host } = new URL(response.url)
    if (response.status === 206) return await this.#checked(response, from, host)
    await response.discard()
    if (response.status === 200) this.#refuseWhole(response, host)
    throw statusError(response, host, located.signed)
  }

  async #checked(response: EgressResponse, from: number, host: string): Promise<EgressResponse> {
    const range = contentRange(response)
    if (range?.start === from && (range.total === undefined || range.total === this.#file.bytes)) return response
    await response.discard()
    throw new SourceError(`${host} sent another range than was asked for`, { final: false })
  }

  /** Status 200 for a range: the server knows none, or has another file now, or sends a page in place of it. */
  #refuseWhole(response: EgressResponse, host: string): never {
    const type = header(response, 'content-type') ?? ''
    if (/^text\/html/i.test(type)) throw new SourceError('it sent a web page instead of a GGUF file', { final: true })
    throw new NoRanges(`${host} sends whole files only`)
  }
}
