// Downloads until the bytes on disk are the right ones, and puts wrong ones right. Gives no file its final name.

import { download, dropPartial, repair } from './download.ts'
import { sizeOf } from './download-disk.ts'
import { type Download, type Expected, type Located, type SourceContext, SourceError } from './download-source.ts'
import { startsAsWeights, verify } from './download-verify.ts'

/**
 * Downloads into the partial file until its hash is right, and returns the hash. Wrong bytes are found by fetching again what is on disk
 * and comparing; a source that sends the same wrong bytes again is refused, and nothing of them is kept.
 */
export async function fetchChecked(job: Download): Promise<string> {
  const resumed = (await sizeOf(job.partial)) > 0
  let promised = job.expected
  const locate = async (): Promise<Located> => {
    const located = await job.locate()
    promised = {
      ...job.expected,
      bytes: job.expected.bytes ?? located.bytes,
      sha256: job.expected.sha256 ?? located.sha256,
    }
    return located
  }
  const noting = { ...job, locate }
  await download(noting)
  try {
    return await check(job.partial, job.label, promised, job.context)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    job.context.meter.trouble(job.label, error.message, promised.bytes)
    const corrected = (await startsAsWeights(job.partial, promised)) ? await repair(noting) : undefined
    if (corrected === false || (corrected === undefined && !resumed)) {
      await dropPartial(job.partial)
      throw error
    }
    if (corrected === undefined) await dropPartial(job.partial)
  }
  await download(noting)
  return await check(job.partial, job.label, promised, job.context).catch(async (error: unknown) => {
    if (error instanceof SourceError) await dropPartial(job.partial)
    throw error
  })
}

/** Returns the SHA-256 of weights that are what they should be; throws a final `SourceError` for others. */
export async function check(path: string, label: string, expected: Expected, context: SourceContext): Promise<string> {
  context.meter.phase('verifying', label, 0, await sizeOf(path))
  if (!(await startsAsWeights(path, expected)))
    throw new SourceError('what it sent is not a GGUF file', { final: true })
  return await verify(path, expected, context.meter.received)
}
