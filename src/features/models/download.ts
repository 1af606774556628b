// Fetches one file over HTTP into a partial file and takes a broken download up where it stopped, after a crash too. Knows no catalogue.

import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { EgressResponse } from '../../base/egress.ts'
import { contentRange, header, numberHeader, sourceError, statusError } from './download-answer.ts'
import { type GrowingFile, openGrowing, requireRoom, sizeOf } from './download-disk.ts'
import type { Located } from './download-hub.ts'
import { type Expected, type SourceContext, SourceError } from './download-source.ts'
import { requireWeightsStart } from './download-verify.ts'

/** One file to fetch. */
export interface Download {
  /** How people know the source. */
  readonly label: string
  /** Asked anew before every attempt. */
  readonly locate: () => Promise<Located>
  /** File that grows; beside it `<partial>.json` tells whose bytes it holds. */
  readonly partial: string
  readonly expected: Expected
  readonly context: SourceContext
}

/** Whose bytes the partial file holds: bytes of another file must never be continued. */
interface Identity {
  readonly sha256?: string | undefined
  readonly etag?: string | undefined
}

/** Attempts where not one answer came: the machine is offline or the network is closed, and waiting long helps nobody. */
const attemptsWithoutAnswer = 3

/** Attempts in all, however much each brings. */
const attemptsInAll = 1_000

/** What the attempts of one download share. */
interface Course {
  /** Whether the source has ever answered. */
  answered: boolean
}

/**
 * Downloads until the partial file is whole; checks its size, not its hash. Throws a `SourceError` with the reason where the source
 * refuses or stays away, and `disk_full` at once; what has arrived is kept in both cases.
 */
export async function download(job: Download): Promise<void> {
  const { patience, meter, signal, last } = job.context
  const course: Course = { answered: false }
  let failures = 0
  for (let attempts = 1; ; attempts++) {
    const before = await sizeOf(job.partial)
    try {
      return await attempt(job, course)
    } catch (error) {
      signal?.throwIfAborted()
      const failure = sourceError(error)
      if (!(failure instanceof SourceError) || failure.final) throw failure
      const received = await sizeOf(job.partial)
      failures = received > before ? 1 : failures + 1
      const allowed = course.answered ? patience.attempts : last ? attemptsWithoutAnswer : 1
      if (failures >= allowed || attempts >= attemptsInAll) throw failure
      meter.phase('retrying', job.label, received, job.expected.bytes, failure.message)
      const wait = failure.retryAfterMs ?? patience.backoffMs * 2 ** (failures - 1)
      await delay(wait, undefined, signal === undefined ? {} : { signal })
    }
  }
}

async function attempt(job: Download, course: Course): Promise<void> {
  const { context, expected, partial } = job
  const received = await sizeOf(partial)
  if (received === 0) context.meter.phase('connecting', job.label, 0, expected.bytes)
  const located = await job.locate()
  course.answered = true
  requireSame(located, expected)
  const sha256 = expected.sha256 ?? located.sha256
  const known = await readIdentity(partial)
  const resumes = received > 0 && (sha256 === undefined ? isStrong(known.etag) : known.sha256 === sha256)
  const start = resumes ? received : 0
  const total = expected.bytes ?? located.bytes
  if (total !== undefined && start === total) return
  const range: Record<string, string> =
    start > 0 && (total === undefined || start < total) ? { range: `bytes=${start}-` } : {}
  // Without a hash only the server can say whether the file is still the same (RFC 9110 §13.1.5).
  if (start > 0 && sha256 === undefined && known.etag !== undefined) range['if-range'] = known.etag
  const response = await context.egress.request({
    url: located.url,
    purpose: 'pull',
    headers: { ...located.headers, ...range },
    policy: {
      allowPrivate: context.allowPrivate,
      idleTimeoutMs: context.patience.stallMs,
      maxBytes: Number.MAX_SAFE_INTEGER,
    },
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  })
  await receive(job, response, { start, total, sha256, signed: located.signed })
}

interface Receipt {
  /** Bytes that the partial file keeps, if the server continues it. */
  readonly start: number
  readonly total: number | undefined
  readonly sha256: string | undefined
  readonly signed: boolean
}

async function receive(job: Download, response: EgressResponse, receipt: Receipt): Promise<void> {
  if (response.status !== 200 && response.status !== 206) {
    await response.discard()
    if (response.status === 416 && header(response, 'content-range') === `bytes */${receipt.start}`) return
    // The file shrank, or what we hold is longer than it: the next attempt starts at its beginning.
    if (response.status === 416) {
      await rm(job.partial, { force: true })
      throw new SourceError(`${new URL(response.url).host} has no byte ${receipt.start}`, { final: false })
    }
    throw statusError(response, new URL(response.url).host, receipt.signed)
  }
  const range = response.status === 206 ? contentRange(response) : { start: 0, total: bodyLength(response) }
  if (range === undefined || (range.start !== receipt.start && range.start !== 0)) {
    await response.discard()
    await rm(job.partial, { force: true })
    throw new SourceError(`${new URL(response.url).host} sent another range than was asked for`, { final: false })
  }
  const total = receipt.total ?? range.total
  if (range.total !== undefined && range.total !== total) {
    await response.discard()
    throw new SourceError(`it offers ${range.total} bytes, and the file should have ${total}`, { final: true })
  }
  await requireRoom(job.partial, total === undefined ? 0 : total - range.start)
  const file = await openGrowing(job.partial)
  try {
    await file.truncate(range.start)
    await writeIdentity(job.partial, { sha256: receipt.sha256, etag: header(response, 'etag') })
    job.context.meter.phase('downloading', job.label, range.start, total)
    await grow(job, response, file, total)
  } finally {
    await file.close({ sync: true })
  }
  const size = await sizeOf(job.partial)
  if (total !== undefined && size < total)
    throw new SourceError(`it ended after ${size} of ${total} bytes`, { final: false })
}

async function grow(
  job: Download,
  response: EgressResponse,
  file: GrowingFile,
  total: number | undefined,
): Promise<void> {
  for await (const chunk of response.body) {
    if (file.size === 0) requireWeightsStart(chunk)
    if (total !== undefined && file.size + chunk.length > total) {
      throw new SourceError(`it sent more than the ${total} bytes it announced`, { final: true })
    }
    await file.append(chunk)
    job.context.meter.received(file.size)
  }
}

/** A source whose facts contradict what is known is refused before its first byte. */
function requireSame(located: Located, expected: Expected): void {
  if (expected.sha256 !== undefined && located.sha256 !== undefined && located.sha256 !== expected.sha256) {
    throw new SourceError(`its file has sha256 ${located.sha256} and should have ${expected.sha256}`, { final: true })
  }
  if (expected.bytes !== undefined && located.bytes !== undefined && located.bytes !== expected.bytes) {
    throw new SourceError(`its file has ${located.bytes} bytes and should have ${expected.bytes}`, { final: true })
  }
}

/** The length of the body is the length of the file only where nothing was encoded on the way. */
function bodyLength(response: EgressResponse): number | undefined {
  return header(response, 'content-encoding') === undefined ? numberHeader(response, 'content-length') : undefined
}

/** A weak ETag does not promise the same bytes. */
function isStrong(etag: string | undefined): boolean {
  return etag?.startsWith('"') === true
}

async function readIdentity(partial: string): Promise<Identity> {
  try {
    const value: unknown = JSON.parse(await readFile(`${partial}.json`, 'utf8'))
    const text = (name: string) => {
      const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
      return typeof field === 'string' ? field : undefined
    }
    return { sha256: text('sha256'), etag: text('etag') }
  } catch {
    // Absent or half-written: whose bytes these are is not known, so they are not continued.
    return {}
  }
}

async function writeIdentity(partial: string, identity: Identity): Promise<void> {
  await writeFile(`${partial}.json`, JSON.stringify(identity))
}

/** Removes a partial file and what is known of it. */
export async function dropPartial(partial: string): Promise<void> {
  await rm(partial, { force: true })
  await rm(`${partial}.json`, { force: true })
}
