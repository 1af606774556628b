// Fetches one file over one connection and takes a broken download up where it stopped: for servers that give no ranges, or no length.

import { rm } from 'node:fs/promises'
import type { EgressResponse } from '../../base/egress.ts'
import { contentRange, header, numberHeader, statusError } from './download-answer.ts'
import { type GrowingFile, openGrowing, requireRoom, sizeOf } from './download-disk.ts'
import { withPatience } from './download-patience.ts'
import { type Download, requireSame, SourceError } from './download-source.ts'
import { watchStall } from './download-stall.ts'
import { continues, readState, writeState } from './download-state.ts'
import { requireWeightsStart } from './download-verify.ts'

/** Downloads until the partial file is whole. Throws as `download` does. */
export async function downloadSerially(job: Download): Promise<void> {
  await dropParts(job.partial)
  await withPatience(
    job,
    () => sizeOf(job.partial),
    () => attempt(job),
  )
}

/** A file with gaps does not grow: what is in it is known only by parts. */
async function dropParts(partial: string): Promise<void> {
  const { parts } = await readState(partial)
  if (parts !== undefined) await rm(partial, { force: true })
}

async function attempt(job: Download): Promise<void> {
  const { context, expected, partial } = job
  const received = await sizeOf(partial)
  const located = await job.locate()
  requireSame(located, expected)
  const sha256 = expected.sha256 ?? located.sha256
  const known = await readState(partial)
  const resumes = received > 0 && continues(known, { sha256 })
  const start = resumes ? received : 0
  const total = expected.bytes ?? located.bytes
  if (total !== undefined && start === total) return
  const range: Record<string, string> =
    start > 0 && (total === undefined || start < total) ? { range: `bytes=${start}-` } : {}
  // Without a hash only the server can say whether the file is still the same (RFC 9110 §13.1.5).
  if (start > 0 && sha256 === undefined && known.etag !== undefined) range['if-range'] = known.etag
  const stall = watchStall(context.patience.stallMs, context.signal)
  try {
    const response = await context.egress.request({
      url: located.url,
      purpose: 'pull',
      headers: { ...located.headers, ...range },
      policy: {
        allowPrivate: context.allowPrivate,
        idleTimeoutMs: context.patience.stallMs,
        maxBytes: Number.MAX_SAFE_INTEGER,
      },
      signal: stall.signal,
    })
    await receive(job, response, { start, total, sha256, signed: located.signed, onBytes: stall.received })
  } finally {
    stall.end()
  }
}

interface Receipt {
  /** Bytes that the partial file keeps, if the server continues it. */
  readonly start: number
  readonly total: number | undefined
  readonly sha256: string | undefined
  readonly signed: boolean
  readonly onBytes: (bytes: number) => void
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
    await writeState(job.partial, { sha256: receipt.sha256, etag: header(response, 'etag') })
    job.context.meter.phase('downloading', job.label, range.start, total)
    await grow(job, response, file, { total, onBytes: receipt.onBytes })
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
  { total, onBytes }: { readonly total: number | undefined; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  for await (const chunk of response.body) {
    onBytes(chunk.length)
    if (file.size === 0) requireWeightsStart(chunk, job.expected)
    if (total !== undefined && file.size + chunk.length > total) {
      throw new SourceError(`it sent more than the ${total} bytes it announced`, { final: true })
    }
    await file.append(chunk)
    job.context.meter.received(file.size)
  }
}

/** The length of the body is the length of the file only where nothing was encoded on the way. */
function bodyLength(response: EgressResponse): number | undefined {
  return header(response, 'content-encoding') === undefined ? numberHeader(response, 'content-length') : undefined
}
