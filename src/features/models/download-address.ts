// Asks a plain address what its file is, before the file is fetched. Downloads nothing.

import { header, numberHeader } from './download-answer.ts'
import type { Located, SourceContext } from './download-source.ts'

/** Asks a plain address for the size of its file and its ETag. A server that does not answer HEAD is asked in one stream instead. */
export async function locateAddress(url: string, context: SourceContext): Promise<Located> {
  const nothing: Located = { url, headers: {}, bytes: undefined, sha256: undefined, signed: false }
  const { allowPrivate, patience, signal } = context
  const response = await context.egress.request({
    url,
    method: 'HEAD',
    purpose: 'pull',
    policy: { allowPrivate, idleTimeoutMs: patience.stallMs },
    ...(signal === undefined ? {} : { signal }),
  })
  await response.discard()
  if (response.status !== 200 || header(response, 'accept-ranges') !== 'bytes') return nothing
  return { ...nothing, bytes: numberHeader(response, 'content-length'), etag: header(response, 'etag') }
}
