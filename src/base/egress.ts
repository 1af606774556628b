// The only place that opens outgoing connections. Every address is checked after resolution and connected to as checked, hop by hop.
import { lookup as resolveName } from 'node:dns'
import { isIP, type LookupFunction, connect as openSocket, type Socket } from 'node:net'
import type { Agent, Dispatcher, request } from 'undici'
import { classifyAddress } from './addresses.ts'
import { type Clock, systemClock } from './clock.ts'
import { fail } from './errors.ts'

/** What one outgoing request may do. Absent limits take the defaults named here. */
export interface EgressPolicy {
  /** Loopback and private networks may be reached: only for hosts that the operator configured, never for a caller's URL. */
  readonly allowPrivate?: boolean
  /** Largest body that is read, in bytes; 16 MiB. */
  readonly maxBytes?: number
  /** Milliseconds for the whole exchange, body included; none for downloads that may take hours. */
  readonly timeoutMs?: number
  /** Milliseconds without a byte after which the exchange fails; 30,000. */
  readonly idleTimeoutMs?: number
  /** Redirects followed, each checked like a first request; 5. With 0 the redirect itself is the answer. */
  readonly maxRedirects?: number
}

/** One outgoing request. `purpose` stands in the ledger: `pull`, `upstream:mistral`, … */
export interface EgressRequest {
  readonly url: string
  readonly purpose: string
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly policy?: EgressPolicy
  readonly signal?: AbortSignal
}

/** An answer whose body is still on its way. Read it or call `discard()`; header names are lower case. */
export interface EgressResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Where the last redirect led. */
  readonly url: string
  /** Throws `egress_failed` beyond the policy's size. */
  readonly body: AsyncIterable<Uint8Array>
  text(): Promise<string>
  json(): Promise<unknown>
  discard(): Promise<void>
}

/** What left this machine, without query strings and bodies. One entry per connection attempt, redirects included, and per tool run. */
export interface LedgerEntry {
  readonly at: number
  readonly purpose: string
  readonly method: string
  /** `scheme://host:port`, or the name of the tool. */
  readonly destination: string
  readonly path: string
  readonly sentBytes: number
  /** HTTP status or exit code; null where it never came. */
  readonly status: number | null
  readonly elapsedMs: number
}

/** Sends requests under a policy. */
export interface Egress {
  request(request: EgressRequest): Promise<EgressResponse>
  /** Opens a connection for a protocol that is not HTTP (SMTP), to a checked address. */
  connect(target: EgressTarget): Promise<Socket>
  /** Closes idle connections. */
  close(): Promise<void>
}

/** Where a connection leads. */
export interface EgressTarget {
  readonly host: string
  readonly port: number
  readonly purpose: string
  readonly allowPrivate: boolean
}

/** Where ledger entries go and which clock dates them. */
export interface EgressOptions {
  readonly clock?: Clock
  readonly ledger?: (entry: LedgerEntry) => void
}

const defaults = { maxBytes: 16 * 1024 * 1024, idleTimeoutMs: 30_000, maxRedirects: 5 }
const connectTimeoutMs = 10_000

/** Opens the way out. One per process; its connections are pooled per policy on private addresses. */
export function createEgress(options: EgressOptions = {}): Egress {
  const clock = options.clock ?? systemClock
  let opened: Promise<Client> | undefined
  const client = () => {
    opened ??= openClient()
    return opened
  }
  return {
    request: async (request) => follow(request, await client(), clock, options.ledger ?? (() => {})),
    connect: (target) => connectTo(target, clock, options.ledger ?? (() => {})),
    close: async () => {
      const agents = await opened
      await Promise.all([agents?.open.close(), agents?.strict.close()])
    },
  }
}

/** What sends requests, with its pools of connections: to private addresses too, and to public ones alone. */
interface Client {
  readonly send: typeof request
  readonly open: Agent
  readonly strict: Agent
}

/** Loaded with the first request: it is the largest library there is, and most servers never send one. */
async function openClient(): Promise<Client> {
  const { Agent, request: send } = await import('undici')
  const agent = (allowPrivate: boolean) =>
    new Agent({ connect: { lookup: checkedLookup(allowPrivate), timeout: connectTimeoutMs } })
  return { send, open: agent(true), strict: agent(false) }
}

/** What is sent over the connection is its owner's business; that it was opened is in the ledger. */
async function connectTo(
  { host, port, purpose, allowPrivate }: EgressTarget,
  clock: Clock,
  ledger: (entry: LedgerEntry) => void,
): Promise<Socket> {
  const destination = `tcp://${host}:${port}`
  if (isIP(host) !== 0 && !mayReach(host, allowPrivate)) throw refusal(host, host)
  const [at, started] = [clock.now(), clock.elapsed()]
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = openSocket({ host, port, lookup: checkedLookup(allowPrivate), timeout: connectTimeoutMs })
      socket.once('connect', () => {
        socket.setTimeout(0)
        socket.off('error', reject)
        resolve(socket)
      })
      socket.once('timeout', () => socket.destroy(new Error('it does not answer')))
      socket.once('error', reject)
    })
  } catch (error) {
    throw error instanceof Error && error.name === 'Failure'
      ? error
      : fail('egress_failed', { url: destination, reason: (error as Error).message }, error)
  } finally {
    const elapsedMs = clock.elapsed() - started
    ledger({ at, purpose, method: 'CONNECT', destination, path: '', sentBytes: 0, status: null, elapsedMs })
  }
}

/** Resolves and refuses in one step: the socket connects to the very addresses that were checked, so a second answer of DNS changes nothing. */
function checkedLookup(allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 0)
      const refused = found.find(({ address }) => !mayReach(address, allowPrivate))
      if (refused !== undefined) return callback(refusal(hostname, refused.address), '', 0)
      if (options.all === true) return callback(null, found)
      const [first] = found
      if (first === undefined) return callback(refusal(hostname, 'nothing'), '', 0)
      callback(null, first.address, first.family)
    })
  }
}

function mayReach(address: string, allowPrivate: boolean): boolean {
  const kind = classifyAddress(address)
  return kind === 'public' || (kind === 'private' && allowPrivate)
}

const refusal = (host: string, address: string) => fail('egress_refused', { host, address })

async function follow(
  request: EgressRequest,
  client: Client,
  clock: Clock,
  ledger: (entry: LedgerEntry) => void,
): Promise<EgressResponse> {
  const policy = { ...defaults, ...request.policy }
  const total = policy.timeoutMs === undefined ? [] : [AbortSignal.timeout(policy.timeoutMs)]
  const signal = AbortSignal.any([...(request.signal === undefined ? [] : [request.signal]), ...total])
  const { send } = client
  const dispatcher = policy.allowPrivate === true ? client.open : client.strict
  let url = parseUrl(request.url)
  let headers = request.headers ?? {}
  for (let hop = 0; ; hop++) {
    const answer = await exchange({ ...request, headers }, url, { policy, signal, send, dispatcher, clock, ledger })
    const location = answer.headers['location']
    const redirects = [301, 302, 303, 307, 308].includes(answer.statusCode) && policy.maxRedirects > 0
    if (!redirects || typeof location !== 'string') {
      return response(answer, url, policy.maxBytes)
    }
    await answer.body.dump()
    if (hop >= policy.maxRedirects) throw fail('egress_failed', { url: shown(url), reason: 'too many redirects' })
    // A body is never sent to an address that the caller did not name.
    if (request.body !== undefined)
      throw fail('egress_failed', { url: shown(url), reason: 'it redirects a request with a body' })
    const next = parseUrl(new URL(location, url).href)
    if (url.protocol === 'https:' && next.protocol === 'http:') {
      throw fail('egress_failed', { url: shown(url), reason: 'it redirects from https to http' })
    }
    if (next.origin !== url.origin) headers = withoutCredentials(headers)
    url = next
  }
}

interface Hop {
  readonly policy: EgressPolicy & typeof defaults
  readonly signal: AbortSignal
  readonly send: Client['send']
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly ledger: (entry: LedgerEntry) => void
}

/** One request to one address, in the ledger whatever comes of it. */
async function exchange(request: EgressRequest, url: URL, hop: Hop): Promise<Dispatcher.ResponseData> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // Sockets skip the lookup for literal addresses, so these are checked here.
  if (isIP(host) !== 0 && !mayReach(host, hop.policy.allowPrivate === true)) throw refusal(host, host)
  const method = request.method ?? 'GET'
  const [at, started] = [hop.clock.now(), hop.clock.elapsed()]
  let status: number | null = null
  try {
    const answer = await hop.send(url, {
      method,
      headers: { 'user-agent': 'galerne', ...request.headers },
      body: request.body ?? null,
      dispatcher: hop.dispatcher,
      signal: hop.signal,
      headersTimeout: hop.policy.idleTimeoutMs,
      bodyTimeout: hop.policy.idleTimeoutMs,
    })
    status = answer.statusCode
    return answer
  } catch (error) {
    throw named(error, url, request.signal)
  } finally {
    const sentBytes = request.body === undefined ? 0 : Buffer.byteLength(request.body)
    const elapsedMs = hop.clock.elapsed() - started
    hop.ledger({
      at,
      purpose: request.purpose,
      method,
      destination: url.origin,
      path: url.pathname,
      sentBytes,
      status,
      elapsedMs,
    })
  }
}

function response(answer: Dispatcher.ResponseData, url: URL, maxBytes: number): EgressResponse {
  const body = limited(answer.body, url, maxBytes)
  const text = async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  }
  return {
    status: answer.statusCode,
    headers: answer.headers,
    url: url.href,
    body,
    text,
    json: async () => JSON.parse(await text()) as unknown,
    discard: () => answer.body.dump(),
  }
}

async function* limited(body: AsyncIterable<Uint8Array>, url: URL, maxBytes: number): AsyncGenerator<Uint8Array> {
  let read = 0
  try {
    for await (const chunk of body) {
      read += chunk.length
      if (read > maxBytes)
        throw fail('egress_failed', { url: shown(url), reason: `the answer is longer than ${maxBytes} bytes` })
      yield chunk
    }
  } catch (error) {
    throw named(error, url, undefined)
  }
}

/** Our refusals as they are, the caller's own cancellation as it is, all else as `egress_failed`. */
function named(error: unknown, url: URL, cancelled: AbortSignal | undefined): unknown {
  if (error instanceof Error && error.name === 'Failure') return error
  if (cancelled?.aborted === true) return cancelled.reason
  const reason = error instanceof Error ? error.message || error.name : String(error)
  return fail('egress_failed', { url: shown(url), reason }, error)
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw fail('egress_failed', { url: text.slice(0, 200), reason: 'only http and https addresses are fetched' })
  }
  if (url.username !== '' || url.password !== '') {
    throw fail('egress_failed', { url: shown(url), reason: 'the address carries a password' })
  }
  return url
}

/** Without the query, which may carry a signature. */
const shown = (url: URL): string => `${url.origin}${url.pathname}`

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(authorization|cookie|x-api-key)$/i.test(name)),
  )
}
