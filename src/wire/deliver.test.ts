// Answers that take long, on real sockets: when the status goes out before there is an answer, and what happens then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify from 'fastify'
import { systemClock } from '../base/clock.ts'
import { fail } from '../base/errors.ts'
import { deliverStream, deliverWhole, type Pace } from './deliver.ts'
import type { Exchange, Server } from './exchange.ts'
import type { ModelEvent } from './model.ts'
import { doneFrame, frame } from './sse.ts'

const hasty: Pace = { commitStreamAfter: 10, commitWholeAfter: 10, paddingInterval: 10, waitingInterval: 10 }
const started: ModelEvent = { type: 'started', promptTokens: 1, cachedTokens: 0, queueMs: 0, ranOn: 'm@test' }

/** A server whose one route answers from events that come when `open` is called. */
async function slowServer(
  events: (open: Promise<void>) => AsyncIterable<ModelEvent>,
  loading: () => number | undefined = () => undefined,
) {
  const gate = Promise.withResolvers<void>()
  const server = fastify() as unknown as Server
  const exchange = {
    caller: { id: 'k', workspace: 'w', kind: 'key', grants: [] },
    signal: new AbortController().signal,
    clock: systemClock,
  } as const
  server.addHook('onRequest', async (request) => {
    request.exchange = { ...exchange, receivedAt: systemClock.elapsed(), keepAlive: 1000 } satisfies Exchange
  })
  server.get('/whole', (request, reply) =>
    deliverWhole(
      {
        request,
        reply,
        ignored: [],
        events: events(gate.promise),
        fold: async (source) => ({ count: (await collect(source)).length }),
      },
      hasty,
    ),
  )
  server.get('/stream', (request, reply) =>
    deliverStream(
      {
        request,
        reply,
        ignored: [],
        events: events(gate.promise),
        loading,
        async *frames(source) {
          for await (const event of source) yield frame(event.type)
          yield doneFrame
        },
        failureFrames: ({ code }) => frame(code) + doneFrame,
      },
      hasty,
    ),
  )
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  return { url, open: () => gate.resolve(), stop: () => server.close() }
}

async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of source) items.push(item)
  return items
}

test('an answer in one piece that takes long begins with spaces and is JSON all the same', async () => {
  const server = await slowServer(async function* (open) {
    yield started
    await open
  })
  const response = await fetch(`${server.url}/whole`)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('galerne-ran-on'), 'm@test')
  server.open()
  const text = await response.text()
  assert.match(text, /^ +\{/)
  assert.deepEqual(JSON.parse(text), { count: 1 })
  await server.stop()
})

test('one that fails after its spaces is cut off: no client takes it for complete', async () => {
  // biome-ignore lint/correctness/useYield: a model that fails before its first event.
  const server = await slowServer(async function* (open) {
    await open
    throw fail('engine_failed', { model: 'm' })
  })
  const response = await fetch(`${server.url}/whole`)
  assert.equal(response.status, 200)
  server.open()
  await assert.rejects(response.text())
  await server.stop()
})

test('a stream whose model waits long has its headers, then comments, then its events', async () => {
  const server = await slowServer(async function* (open) {
    await open
    yield started
  })
  const response = await fetch(`${server.url}/stream`)
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array)
    if (text.includes(': ping')) server.open()
  }
  assert.match(text, /^(: ping\n\n)+data: "started"\n\ndata: \[DONE\]\n\n$/)
  await server.stop()
})

test('a stream whose model is being loaded is told how far it is', async () => {
  let fraction = 0.4
  const server = await slowServer(
    async function* (open) {
      await open
      yield started
    },
    () => fraction,
  )
  const response = await fetch(`${server.url}/stream`)
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array)
    fraction = 0.9
    if (text.includes('90 %')) server.open()
  }
  assert.match(text, /^(: loading the model, (40|90) %\n\n)+data: "started"\n\ndata: \[DONE\]\n\n$/)
  await server.stop()
})

test('a stream that is refused after its headers ends with the failure as its last event', async () => {
  // biome-ignore lint/correctness/useYield: a model that refuses before its first event.
  const server = await slowServer(async function* (open) {
    await open
    throw fail('queue_full', { model: 'm', waiting: 1, retryAfter: 1 })
  })
  const response = await fetch(`${server.url}/stream`)
  assert.equal(response.status, 200)
  server.open()
  assert.match(await response.text(), /^(: ping\n\n)+data: "queue_full"\n\ndata: \[DONE\]\n\n$/)
  await server.stop()
})

test('a refusal in time is a status, streamed or not', async () => {
  // biome-ignore lint/correctness/useYield: a model that refuses at once.
  const server = await slowServer(async function* () {
    throw fail('queue_full', { model: 'm', waiting: 1, retryAfter: 1 })
  })
  for (const path of ['/whole', '/stream']) {
    // Without the server's error handler a Failure's own status is what Fastify takes.
    assert.notEqual((await fetch(server.url + path)).status, 200)
  }
  await server.stop()
})
