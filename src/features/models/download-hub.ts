// Asks Hugging Face, or a hub that speaks the same HTTP, where a file's bytes are and what they must be. Downloads nothing.

import type { EgressResponse } from '../../base/egress.ts'
import type { HubSource } from './catalogue-schema.ts'
import { header, numberHeader, statusError } from './download-answer.ts'
import { type Located, type SourceContext, SourceError } from './download-source.ts'

/** Which hub, and who asks. */
export interface HubAccess {
  readonly url: string
  /** Sent to the hub alone: never to the storage that it points to, never logged. */
  readonly token?: string
}

/** Moves of a repository and of the hub itself; Hugging Face makes two at most. */
const redirectLimit = 5

/**
 * Resolves a file. The answer that redirects to storage names size and, for large files, SHA-256 (`X-Linked-Size`,
 * `X-Linked-Etag`); the storage's own answers do not, so redirects are followed here, one by one.
 */
export async function locateOnHub(source: HubSource, hub: HubAccess, context: SourceContext): Promise<Located> {
  const path = source.file.split('/').map(encodeURIComponent).join('/')
  const home = new URL(hub.url)
  let url = new URL(
    `${hub.url.replace(/\/$/, '')}/${source.repository}/resolve/${encodeURIComponent(source.revision)}/${path}`,
  )
  for (let hop = 0; hop <= redirectLimit; hop++) {
    const headers = authorization(hub, url)
    const response = await askHub(url.href, 'HEAD', hub, context)
    await response.discard()
    const next = header(response, 'location')
    const linked = { ...linkedFacts(response), commit: header(response, 'x-repo-commit') }
    if (response.status === 200) {
      const bytes = linked.bytes ?? numberHeader(response, 'content-length')
      return { ...linked, url: url.href, headers, bytes, signed: false }
    }
    if (response.status < 300 || response.status >= 400 || next === undefined) throw refusal(response, source, hub)
    const target = new URL(next, url)
    if (url.protocol === 'https:' && target.protocol !== 'https:') {
      throw new SourceError(`${url.host} leads from https to ${target.protocol}`, { final: true })
    }
    if (linked.bytes !== undefined) {
      const sameHost = target.origin === home.origin
      return { url: target.href, headers: sameHost ? headers : {}, ...linked, signed: true }
    }
    url = target
  }
  throw new SourceError(`${home.host} redirects too often`, { final: true })
}

/** The token goes to the hub alone. */
function authorization(hub: HubAccess, url: URL): Record<string, string> {
  const isHub = url.origin === new URL(hub.url).origin
  return hub.token !== undefined && isHub ? { authorization: `Bearer ${hub.token}` } : {}
}

/** One request to a hub, without following redirects. */
export async function askHub(
  url: string,
  method: 'GET' | 'HEAD',
  hub: HubAccess,
  { egress, allowPrivate, patience, signal }: SourceContext,
): Promise<EgressResponse> {
  return await egress.request({
    url,
    method,
    purpose: 'pull',
    headers: authorization(hub, new URL(url)),
    policy: { maxRedirects: 0, allowPrivate, idleTimeoutMs: patience.stallMs },
    ...(signal === undefined ? {} : { signal }),
  })
}

function linkedFacts(response: EgressResponse): { bytes: number | undefined; sha256: string | undefined } {
  const etag = /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(header(response, 'x-linked-etag') ?? '')
  return { bytes: numberHeader(response, 'x-linked-size'), sha256: etag?.[1]?.toLowerCase() }
}

/** Hugging Face says why in `X-Error-Code`; the status alone does not tell a gated repository from a missing one. */
export function refusal(
  response: EgressResponse,
  source: Pick<HubSource, 'repository' | 'revision' | 'file'>,
  hub: HubAccess,
): SourceError {
  const host = new URL(hub.url).host
  const where = `${host}/${source.repository}`
  const token = hub.token === undefined ? 'and pull with a token' : 'with the account that the token belongs to'
  switch (header(response, 'x-error-code')) {
    case 'GatedRepo':
      return new SourceError(`${where} is gated: accept its terms there ${token}`, { final: true })
    case 'RepoNotFound':
      return new SourceError(`there is no ${where}, or it is private and needs a token that may read it`, {
        final: true,
      })
    case 'RevisionNotFound':
      return new SourceError(`${where} has no revision "${source.revision}"`, { final: true })
    case 'EntryNotFound':
      return new SourceError(`${where} has no file "${source.file}"`, { final: true })
  }
  if (response.status === 401 || response.status === 403) {
    const rejected = hub.token === undefined ? 'it wants a token' : 'the token is not valid or may not read it'
    return new SourceError(`${where} answered ${response.status}: ${rejected}`, { final: true })
  }
  return statusError(response, host, false)
}
