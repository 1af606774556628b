// Finds the running server and speaks HTTP with it, as any client would. Knows the address and the key, nothing of the server's inside.
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { LoadedConfig } from '../base/config.ts'
import { createEgress, type EgressRequest, type EgressResponse } from '../base/egress.ts'
import { fail } from '../base/errors.ts'
import { addressFile, keyFile } from '../base/home.ts'
import { serverAddress } from '../base/server-address.ts'

/** What is asked of a server. */
export interface ServerRequest extends Pick<EgressRequest, 'method' | 'body' | 'signal' | 'headers'> {
  /** Longest answer that is read; 256 MiB without it. */
  readonly maxBytes?: number
}

/** The server's own message for what it refused or could not do. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A server and a key for it. */
export interface Connection {
  /** `http://127.0.0.1:6420`, without a path. */
  readonly url: string
  /** Sends with the key. Throws `server_not_running` where nobody listens, and the server's own message for an error answer. */
  send(path: string, request?: ServerRequest): Promise<EgressResponse>
  close(): Promise<void>
}

/** Answers may take as long as a model thinks; a server that says nothing for this long is gone. */
const idleTimeoutMs = 10 * 60_000
const largestAnswer = 256 * 1024 * 1024

/**
 * Opens a connection. The address is `url`, else host and port where they are set, else what the running server wrote into `home`.
 * The key is `api-key`, else the one that `home` keeps; that one is this machine's and goes to no other.
 */
export async function connect(loaded: LoadedConfig, url?: string): Promise<Connection> {
  const address = (url ?? (await findAddress(loaded))).replace(/\/+$/, '')
  const key = loaded.config.apiKey ?? (isHere(address) ? await keptKey(loaded) : '')
  const egress = createEgress()
  const headers = { 'content-type': 'application/json', ...(key !== '' && { authorization: `Bearer ${key}` }) }
  return {
    url: address,
    async send(path, { maxBytes = largestAnswer, ...request } = {}) {
      const purpose = 'cli'
      const policy = { allowPrivate: true, idleTimeoutMs, maxBytes }
      const answer = await egress
        .request({ url: `${address}${path}`, purpose, policy, ...request, headers: { ...headers, ...request.headers } })
        .catch((error: unknown) => {
          if (isRefused(error)) throw fail('server_not_running', { url: address })
          throw isUnsigned(error) ? new Error(unsignedText(address)) : error
        })
      if (answer.status >= 400) throw new Refusal(answer.status, await errorMessage(answer))
      return answer
    },
    close: () => egress.close(),
  }
}

/** Whether an address is of this machine; what is no address is refused where it is used. */
function isHere(address: string): boolean {
  const host = URL.parse(address)?.hostname.replace(/^\[|\]$/g, '') ?? ''
  return host === 'localhost' || host === '::1' || /^127\./.test(host) || ownAddresses().includes(host)
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
}

async function keptKey({ config }: LoadedConfig): Promise<string> {
  return (await readFile(keyFile(config.home), 'utf8').catch(() => '')).trim()
}

async function findAddress({ config, origins }: LoadedConfig): Promise<string> {
  const isSet = (name: string) => origins.some((entry) => entry.name === name && entry.origin !== 'default')
  if (!isSet('host') && !isSet('port')) {
    const written = await readFile(addressFile(config.home), 'utf8').catch(() => '')
    if (written.trim() !== '') return written.trim()
  }
  return serverAddress(config.host, config.port, config.tlsCert !== undefined)
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined
  return cause?.code === 'ECONNREFUSED'
}

/** OpenSSL's codes of a certificate that no authority known here has signed, as Node passes them on. */
function isUnsigned(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined
  return /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)/.test(cause?.code ?? '')
}

function unsignedText(address: string): string {
  return `The certificate of ${address} is not signed by an authority that this machine knows. If it is your own, name its file: NODE_EXTRA_CA_CERTS=<tls-cert> galerne …`
}

async function errorMessage(answer: EgressResponse): Promise<string> {
  const body = await answer.json().catch(() => ({}))
  const message =
    (body as { error?: { message?: string }; message?: string }).error?.message ??
    (body as { message?: string }).message
  return message ?? `The server answered with status ${answer.status}.`
}
