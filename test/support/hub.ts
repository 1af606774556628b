// A local hub that speaks Hugging Face's HTTP for files: resolve, redirect to storage, ranges, refusals; and the faults of real networks.

import { createHash, randomUUID } from 'node:crypto'
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
  /** One byte in the middle is another one. */
  | { readonly type: 'wrong-byte' }
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

/** A file of the hub. */
export interface HubFile {
  readonly content: Uint8Array
  /** Only with this token may it be read. */
  readonly gatedBy?: string
}

/** The running hub. */
export interface TestHub {
  readonly url: string
  readonly requests: HubRequest[]
  /** Taken from the front, one per answer of the storage. */
  readonly faults: StorageFault[]
  /** Statuses that the hub itself answers with first, one per request. */
  readonly refusals: { readonly status: number; readonly headers?: Record<string, string> }[]
  /** Milliseconds between two pieces of 256 KiB; 0 sends as fast as it goes. */
  pace: number
  /** The storage's answers carry a length. */
  lengths: boolean
  put(repository: string, file: string, entry: HubFile): void
  /** The address of a file in the storage itself, as a plain site would have it. */
  plainUrl(repository: string, file: string): string
  close(): Promise<void>
}

const pieceSize = 262_144

/** Starts a hub and its storage on two free ports of 127.0.0.1. */
export async function startHub(): Promise<TestHub> {
  const files = new Map<string, HubFile>()
  const signatures = new Set<string>()
  const storage = createServer((request, response) => void serveStorage(request, response))
  const storageUrl = await listen(storage)
  const hubServer = createServer((request, response) => void serveHub(request, response))
  const url = await listen(hubServer)
  const hub: TestHub = {
    url,
    requests: [],
    faults: [],
    refusals: [],
    pace: 0,
    lengths: true,
    put: (repository, file, entry) => files.set(`${repository}/${file}`, entry),
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
      'x-linked-etag': `"${sha256(entry.content)}"`,
      'x-repo-commit': 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
    })
  }

  async function serveStorage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = note('storage', request)
    const match = /^\/(?<kind>signed|plain)\/(?<name>.+)$/.exec(asked.pathname)
    const { kind, name = '' } = match?.groups ?? {}
    const entry = files.get(decodeURIComponent(name))
    if (kind === 'signed' && !signatures.has(asked.searchParams.get('signature') ?? '')) return end(response, 403, {})
    if (entry === undefined) return end(response, 404, {})
    const fault = hub.faults.shift()
    if (fault?.type === 'status') return end(response, fault.status, fault.headers ?? {})
    if (fault?.type === 'web-page') {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<!DOCTYPE html><title>Sign in</title><p>Welcome to the hotel.')
      return
    }
    const content = fault?.type === 'wrong-byte' ? withWrongByte(entry.content) : entry.content
    await sendContent(request, response, content, fault)
  }

  async function sendContent(
    request: IncomingMessage,
    response: ServerResponse,
    content: Uint8Array,
    fault: StorageFault | undefined,
  ): Promise<void> {
    const etag = `"${sha256(content).slice(0, 32)}"`
    const unchanged = (request.headers['if-range'] ?? etag) === etag
    const wanted = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const partial = wanted !== null && unchanged && fault?.type !== 'whole'
    const start = partial ? Number(wanted[1]) : 0
    if (start >= content.length) return end(response, 416, { 'content-range': `bytes */${content.length}` })
    const headers: Record<string, string> = {
      etag,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    }
    if (hub.lengths) headers['content-length'] = String(content.length - start)
    const range = hub.lengths
      ? `bytes ${start}-${content.length - 1}/${content.length}`
      : `bytes ${start}-${content.length - 1}/*`
    response.writeHead(partial ? 206 : 200, partial ? { ...headers, 'content-range': range } : headers)
    const last = fault?.type === 'cut' || fault?.type === 'stall' ? start + fault.after : content.length
    for (let at = start; at < last; at += pieceSize) {
      const piece = content.subarray(at, Math.min(at + pieceSize, last))
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

function withWrongByte(content: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(content)
  const middle = wrong.length >> 1
  wrong[middle] = (wrong[middle] ?? 0) ^ 1
  return wrong
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
