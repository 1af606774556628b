// Fetches one file over HTTP into a partial file: in parallel parts where the server gives ranges, else in one stream. Knows no catalogue.

import { rm } from 'node:fs/promises'
import { downloadParts, NoRanges } from './download-parts.ts'
import { withPatience } from './download-patience.ts'
import { downloadSerially } from './download-serial.ts'
import { askingAgain, type Download, type Located, requireSame } from './download-source.ts'
import { stateFile } from './download-state.ts'

/** Smaller files are not worth a second connection. */
const leastForParts = 1_048_576

/**
 * Downloads until the partial file is whole; checks its size, not its hash. Throws a `SourceError` with the reason where the source
 * refuses or stays away, and `disk_full` at once; what has arrived is kept in both cases.
 */
export async function download(job: Download): Promise<void> {
  job.context.meter.phase('connecting', job.label, 0, job.expected.bytes)
  const located = await withPatience(job, async () => 0, job.locate)
  requireSame(located, job.expected)
  const bytes = divisible(job, located)
  if (bytes === undefined) return await downloadSerially({ ...job, locate: askingAgain(located, job.locate) })
  try {
    await downloadParts(job, located, { bytes, confirm: false })
  } catch (error) {
    if (!(error instanceof NoRanges)) throw error
    job.context.meter.phase('retrying', job.label, 0, bytes, error.message)
    await downloadSerially(job)
  }
}

/**
 * After a hash that is wrong: fetches every part again until two downloads of it agree, and puts right what differs on disk. Returns
 * whether anything did; a source that sends the same wrong bytes twice has another file. Undefined: it cannot be compared in parts.
 */
export async function repair(job: Download): Promise<boolean | undefined> {
  const located = await withPatience(job, async () => 0, job.locate)
  const bytes = located.bytes ?? job.expected.bytes
  if (bytes === undefined) return undefined
  try {
    return await downloadParts(job, located, { bytes, confirm: true })
  } catch (error) {
    if (error instanceof NoRanges) return undefined
    throw error
  }
}

/** The file's size where it can be cut into parts: its bytes must be known to stay the same between two requests. */
function divisible({ expected, context }: Download, located: Located): number | undefined {
  const bytes = expected.bytes ?? located.bytes
  const same = (expected.sha256 ?? located.sha256) !== undefined || located.etag?.startsWith('"') === true
  if (bytes === undefined || !same || context.connections < 2 || bytes < leastForParts) return undefined
  return bytes
}

/** Removes a partial file and what is known of it. */
export async function dropPartial(partial: string): Promise<void> {
  await rm(partial, { force: true })
  await rm(stateFile(partial), { force: true })
}
