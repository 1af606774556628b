// Several server processes on one PostgreSQL behind one address that takes them in turn, as a company would run them. Knows no feature.

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tinyLlama } from './gguf-models.ts'
import { byteVocabulary } from './gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from './product.ts'

/** The running nodes. */
export interface Nodes {
  /** The one address: each request goes to the next node that takes connections. */
  readonly url: string
  /** A working key with scope `admin`. */
  readonly key: string
  /** The processes themselves, for asking or killing one: `nodes.each[0].process.kill('SIGKILL')`. */
  readonly each: readonly RunningProduct[]
  stop(): Promise<void>
}

/** What a start may choose. */
export interface NodesOptions {
  /** How many processes; two without it. */
  readonly count?: number
  /** Further flags of `galerne serve`, for every node. */
  readonly flags?: readonly string[]
}

/**
 * Starts nodes of the product on one empty database (`emptyPostgres()` of `databases.ts`). Each serves the model `tiny`: a random Llama of
 * two layers over bytes (256 + special tokens, chat, 2,048 tokens of context), which answers nonsense at once; `max_tokens` bounds it.
 */
export async function startNodes(databaseUrl: string, { count = 2, flags = [] }: NodesOptions = {}): Promise<Nodes> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-nodes-'))
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const given = ['--model', `tiny=${path}`, '--streams', '8', '--context-length', '2048', '--drain-timeout', '1s']
  const each: RunningProduct[] = []
  const stopAll = async () => {
    await Promise.all(each.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (let index = 0; index < count; index++) {
      each.push(await startProduct([...given, ...flags], { GALERNE_DATABASE_URL: databaseUrl }))
    }
  } catch (error) {
    await stopAll()
    throw error
  }
  const front = await startRoundRobin(each.map(({ url }) => url))
  return {
    url: front.url,
    key: each[0]?.key ?? '',
    each,
    async stop() {
      await front.stop()
      await stopAll()
    },
  }
}

/** An address whose requests go to each of `targets` in turn; one that refuses the connection is passed over. */
export async function startRoundRobin(
  targets: readonly string[],
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const order = targets.map((_, index) => targets[(turn + index) % targets.length] ?? '')
    turn += 1
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => forward(order, Buffer.concat(chunks), incoming, outgoing))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forward(
  [target, ...others]: readonly string[],
  body: Buffer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  // Nobody answers: the client sees a broken connection, as it would without us.
  if (target === undefined) return void outgoing.destroy()
  const { method, headers } = incoming
  const sent = request(`${target}${incoming.url}`, { ...(method && { method }), headers })
  sent.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
    answer.on('error', () => outgoing.destroy())
  })
  sent.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') forward(others, body, incoming, outgoing)
    else outgoing.destroy()
  })
  outgoing.on('close', () => {
    if (!outgoing.writableEnded) sent.destroy()
  })
  sent.end(body)
}
