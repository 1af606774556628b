// A local hub that speaks the HTTP of Hugging Face and of Ollama's registry: lists, redirects to storage, ranges, refusals; and the faults of
// real networks.

import { createCipheriv, createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What the next answer of the storage does wrong; each is used once. */
export type StorageFault =
  /** The connection breaks after so many bytes of the body. */
  | { readonly type: 'cut'; readonly after: number }
  /** Nothing more comes after so many bytes; the connection stays open. */
  | { readonly type: 'stall'; readonly after: number }
  | { readonly type: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** A sign-in page with status 200, as hotel networks send it. */
  | { readonly type: 'web-page' }
  /** One byte is another one: in the middle, or at this share (0–1) of the answer. */
  | { readonly type: 'wrong-byte'; readonly at?: number }
  /** The range is ignored: status 200 with the whole file. */
  | { readonly type: 'whole' }

/** One request as the hub or its storage saw it. */
export interface HubRequest {
  readonly server: 'hub' | 'storage'
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** Bytes that a hub has: in memory, or made when they are asked for. */
export interface HubContent {
  readonly length: number
  readonly sha256: string
  /** Bytes from `start` up to `end`, which is not among them. */
  read(start: number, end: number): Uint8Array
}

/** A file of the hub. */
export interface HubFile {
  readonly content: Uint8Array | HubContent
  /** Only with this token may it be read. */
  readonly gatedBy?: string
  /** What the hub says of its hash, where that is not the truth. */
  readonly claimedSha256?: string
}

/** The running hub. */
export interface TestHub {
  readonly url: string
  readonly requests: HubRequest[]
  /** Taken from the front, one per answer of the storage. */
  readonly faults: StorageFault[]
  /** Asked for a fault where `faults` is empty. */
  nextFault: () => StorageFault | undefined
  /** Statuses that the hub itself answers with first, one per request. */
  readonly refusals: { readonly status: number; readonly headers?: Record<string, string> }[]
  /** Milliseconds between two pieces of 256 KiB; 0 sends as fast as it goes. */
  pace: number
  /** The storage's answers carry a length. */
  lengths: boolean
  put(repository: string, file: string, entry: HubFile): void
  /** Puts a model into the registry; `layers` by media type, for what is no weights. */
  putOllama(repository: string, tag: string, content: Uint8Array, layers?: readonly string[]): void
  /** The address of a file in the storage itself, as a plain site would have it. */
  plainUrl(repository: string, file: string): string
  close(): Promise<void>
}

const pieceSize = 262_144

/** The commit of every repository. */
export const hubCommit = 'ab810cf68114990406fdf996510dd3d3c6adbdf5'

/** Starts a hub and its storage on two free ports of 127.0.0.1. */
export async function startHub(): Promise<TestHub> {
  const files = new Map<string, HubFile>()
  const manifests = new Map<string, object>()
  const signatures = new Set<string>()
  const storage = createServer((request, response) => void serveStorage(request, response))
  const storageUrl = await listen(storage)
  const hubServer = createServer((request, response) => void serveHub(request, response))
  const url = await listen(hubServer)
  const hub: TestHub = {
    url,
    requests: [],
    faults: [],
    nextFault: () => undefined,
    refusals: [],
    pace: 0,
    lengths: true,
    put: (repository, file, entry) => files.set(`${repository}/${file}`, entry),
    putOllama(repository, tag, content, more = []) {
      const digest = `sha256:${sha256(content)}`
      files.set(`ollama/${digest}`, { content })
      const layers = ['application/vnd.ollama.image.model', ...more].map((mediaType) => ({
        mediaType,
        digest,
        size: content.length,
      }))
      manifests.set(`${repository}:${tag}`, { schemaVersion: 2, layers })
    },
    plainUrl: (repository, file) => `${storageUrl}/plain/${repository}/${file}`,
    async close() {
      for (const server of [hubServer, storage]) {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      }
    },
  }

  function note(server: HubRequest['server'], request: IncomingMessage): URL {
    const asked = new URL(request.url ?? '/', url)
    const { range, authorization } = request.headers
    hub.requests.push({ server, method: request.method ?? '', path: asked.pathname, range, authorization })
    return asked
  }

  async function serveHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = note('hub', request)
    const refusal = hub.refusals.shift()
    if (refusal !== undefined) return end(response, refusal.status, refusal.headers ?? {})
    if (asked.pathname.startsWith('/v2/')) return serveRegistry(asked, request, response)
    if (asked.pathname.startsWith('/api/models/')) return serveList(asked, response)
    const match = /^\/(?<repository>[^/]+\/[^/]+)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)$/.exec(asked.pathname)
    const { repository = '', revision = '', file = '' } = match?.groups ?? {}
    if (![...files.keys()].some((name) => name.startsWith(`${repository}/`))) {
      return end(response, 401, { 'x-error-code': 'RepoNotFound', 'x-error-message': 'Invalid username or password.' })
    }
    if (revision !== 'main') return end(response, 404, { 'x-error-code': 'RevisionNotFound' })
    const entry = files.get(`${repository}/${decodeURIComponent(file)}`)
    if (entry === undefined) return end(response, 404, { 'x-error-code': 'EntryNotFound' })
    if (entry.gatedBy !== undefined && request.headers.authorization !== `Bearer ${entry.gatedBy}`) {
      const message = `Access to model ${repository} is restricted. You must have access to it and be authenticated.`
      return end(response, 401, { 'x-error-code': 'GatedRepo', 'x-error-message': message })
    }
    const signature = randomUUID()
    signatures.add(signature)
    end(response, 302, {
      location: `${storageUrl}/signed/${repository}/${file}?signature=${signature}`,
      'x-linked-size': String(entry.content.length),
      'x-linked-etag': `"${entry.claimedSha256 ?? hashOf(entry.content)}"`,
      etag: `"${entry.claimedSha256 ?? hashOf(entry.content)}"`,
      'x-repo-commit': hubCommit,
    })
  }

  /** Two entries a page, so that whoever lists must turn pages. */
  async function serveList(asked: URL, response: ServerResponse): Promise<void> {
    const match = /^\/api\/models\/(?<repository>[^/]+\/[^/]+)\/tree\/main$/.exec(asked.pathname)
    const prefix = `${match?.groups?.['repository']}/`
    const names = [...files.keys()].filter((name) => name.startsWith(prefix)).sort()
    if (names.length === 0) return end(response, 401, { 'x-error-code': 'RepoNotFound' })
    const start = Number(asked.searchParams.get('cursor') ?? 0)
    const page = names.slice(start, start + 2).map((name) => ({ type: 'file', path: name.slice(prefix.length) }))
    const next = `<${url}${asked.pathname}?recursive=true&cursor=${start + 2}>; rel="next"`
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(start + 2 < names.length && { link: next }),
    })
    response.end(JSON.stringify(page))
  }

  async function serveRegistry(asked: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const manifest = /^\/v2\/(?<repository>.+)\/manifests\/(?<tag>[^/]+)$/.exec(asked.pathname)?.groups
    if (manifest !== undefined) {
      const found = manifests.get(`${manifest['repository']}:${manifest['tag']}`)
      if (found === undefined) return end(response, 404, {})
      if (request.headers.accept !== 'application/vnd.docker.distribution.manifest.v2+json')
        return end(response, 406, {})
      response.writeHead(200, { 'content-type': request.headers.accept })
      response.end(JSON.stringify(found))
      return
    }
    const digest = /^\/v2\/.+\/blobs\/(?<digest>sha256:[0-9a-f]{64})$/.exec(asked.pathname)?.groups?.['digest']
    if (digest === undefined || !files.has(`ollama/${digest}`)) return end(response, 404, {})
    const signature = randomUUID()
    signatures.add(signature)
    end(response, 307, { location: `${storageUrl}/signed/ollama/${digest}?signature=${signature}` })
  }

  async function serveStorage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = note('storage', request)
    const match = /^\/(?<kind>signed|plain)\/(?<name>.+)$/.exec(asked.pathname)
    const { kind, name = '' } = match?.groups ?? {}
    const entry = files.get(decodeURIComponent(name))
    if (kind === 'signed' && !signatures.has(asked.searchParams.get('signature') ?? '')) return end(response, 403, {})
    if (entry === undefined) return end(response, 404, {})
    // Whoever only looks meets no fault.
    const fault = request.method === 'HEAD' ? undefined : (hub.faults.shift() ?? hub.nextFault())
    if (fault?.type === 'status') return end(response, fault.status, fault.headers ?? {})
    if (fault?.type === 'web-page') {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<!DOCTYPE html><title>Sign in</title><p>Welcome to the hotel.')
      return
    }
    await sendContent(request, response, entry.content, fault)
  }

  async function sendContent(
    request: IncomingMessage,
    response: ServerResponse,
    content: Uint8Array | HubContent,
    fault: StorageFault | undefined,
  ): Promise<void> {
    const etag = `"${hashOf(content).slice(0, 32)}"`
    const unchanged = (request.headers['if-range'] ?? etag) === etag
    const wanted = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const partial = wanted !== null && unchanged && fault?.type !== 'whole'
    const start = partial ? Number(wanted[1]) : 0
    const stop = partial && wanted[2] !== '' ? Math.min(Number(wanted[2]) + 1, content.length) : content.length
    if (start >= content.length) return end(response, 416, { 'content-range': `bytes */${content.length}` })
    const headers: Record<string, string> = {
      etag,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    }
    if (hub.lengths) headers['content-length'] = String(stop - start)
    const range = `bytes ${start}-${stop - 1}/${hub.lengths ? content.length : '*'}`
    response.writeHead(partial ? 206 : 200, partial ? { ...headers, 'content-range': range } : headers)
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const last = fault?.type === 'cut' || fault?.type === 'stall' ? Math.min(stop, start + fault.after) : stop
    const wrong = fault?.type === 'wrong-byte' ? Math.floor(start + (stop - start) * (fault.at ?? 0.5)) : -1
    for (let at = start; at < last; at += pieceSize) {
      const piece = pieceOf(content, at, Math.min(at + pieceSize, last), wrong)
      await new Promise((resolve) => response.write(piece, resolve))
      if (hub.pace > 0) await delay(hub.pace)
      if (response.destroyed) return
    }
    if (fault?.type === 'stall') return
    if (fault?.type === 'cut') response.destroy()
    else response.end()
  }

  return hub
}

/** SHA-256 in hexadecimal. */
export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Bytes that begin as weights do and repeat nowhere, the same for the same seed. */
export function weightsLike(size: number, seed = 'galerne'): Uint8Array {
  const content = Buffer.alloc(size)
  for (let at = 0, block = 0; at < size; at += 32, block++) {
    createHash('sha256').update(`${seed} ${block}`).digest().copy(content, at)
  }
  content.write('GGUF', 0, 'latin1')
  return content
}

/**
 * Weights-like bytes of any size that are made where they are asked for: AES in counter mode over zeros can begin anywhere. Their hash is
 * counted once, at the start.
 */
export function endlessWeights(length: number, seed = 'galerne'): HubContent {
  const key = createHash('sha256').update(seed).digest()
  const read = (start: number, end: number) => {
    const counter = Buffer.alloc(16)
    counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8)
    const cipher = createCipheriv('aes-256-ctr', key, counter)
    const bytes = cipher.update(Buffer.alloc((start % 16) + end - start)).subarray(start % 16)
    for (let at = start; at < Math.min(end, 4); at++) bytes.write('GGUF'[at] ?? '', at - start, 'latin1')
    return bytes
  }
  const hash = createHash('sha256')
  for (let at = 0; at < length; at += 4_194_304) hash.update(read(at, Math.min(length, at + 4_194_304)))
  return { length, sha256: hash.digest('hex'), read }
}

/** Hashes of contents in memory, counted once. */
const hashes = new WeakMap<Uint8Array, string>()

function hashOf(content: Uint8Array | HubContent): string {
  if (!(content instanceof Uint8Array)) return content.sha256
  const hash = hashes.get(content) ?? sha256(content)
  hashes.set(content, hash)
  return hash
}

/** Bytes from `start` to `end`, the one at `wrong` another one. */
function pieceOf(content: Uint8Array | HubContent, start: number, end: number, wrong: number): Uint8Array {
  const piece = content instanceof Uint8Array ? content.subarray(start, end) : content.read(start, end)
  if (wrong < start || wrong >= end) return piece
  const changed = Uint8Array.from(piece)
  changed[wrong - start] = (changed[wrong - start] ?? 0) ^ 1
  return changed
}

function end(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, headers)
  response.end()
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
