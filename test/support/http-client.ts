// Raw HTTP for tests: JSON calls with the test key, events of a stream as they lie on the wire, and sockets that behave badly.
import { connect, type Socket } from 'node:net'
import { type RunningServer, testKey } from './server.ts'

/** An answer with its body read. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; throws where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
  json(): any
}

/** Calls with the test key. */
export async function send(
  { url }: Pick<RunningServer, 'url'>,
  path: string,
  options: { readonly method?: string; readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<RawAnswer> {
  const { body, headers } = options
  const response = await fetch(url + path, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      authorization: `Bearer ${testKey}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && {
      body: typeof body === 'string' || body instanceof Blob ? body : JSON.stringify(body),
    }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
}

/** A chat call of the model `echo`, whose answer is the user's text. */
export function chat(server: Pick<RunningServer, 'url'>, body: object = {}, headers: Record<string, string> = {}) {
  const messages = [{ role: 'user', content: 'hello big world' }]
  return send(server, '/v1/chat/completions', { body: { model: 'echo', messages, ...body }, headers })
}

/** The `data:` payloads of a stream; throws where the text is anything but data lines, each followed by a blank one. */
export function dataLines(text: string): string[] {
  return text
    .replace(/\n\n$/, '')
    .split('\n\n')
    .map((block) => {
      if (!/^data: [^\n]+$/.test(block)) throw new Error(`not one data line: ${JSON.stringify(block)}`)
      return block.slice('data: '.length)
    })
}

/** The chunks of a stream without `[DONE]`, which must be last. */
// biome-ignore lint/suspicious/noExplicitAny: as in RawAnswer.
export function chunksOf(text: string): any[] {
  const lines = dataLines(text)
  if (lines.pop() !== '[DONE]') throw new Error('the stream does not end with [DONE]')
  return lines.map((line) => JSON.parse(line))
}

/** Opens a socket and sends a chat request by hand. What comes back stays unread until someone reads it. */
export async function rawChat({ port }: Pick<RunningServer, 'port'>, body: object): Promise<Socket> {
  const text = JSON.stringify({ model: 'echo', ...body })
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${testKey}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
  return socket
}
