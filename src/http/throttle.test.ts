import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify from 'fastify'
import type { Failure } from '../base/errors.ts'
import type { Exchange } from '../wire/exchange.ts'
import { throttle } from './throttle.ts'

/** A server with small limits, a clock that the test turns, and the key in a header. */
function smallServer() {
  let now = 0
  const clock = { now: () => now, elapsed: () => now }
  const server = fastify()
  server.decorateRequest('bodyBytes', 0)
  server.addHook('onRequest', async (request) => {
    request.exchange = { caller: { id: String(request.headers['key']) } } as Exchange
    request.bodyBytes = Number(request.headers['bytes'] ?? 0)
  })
  throttle(server, { clock, rates: { requests: { perSecond: 2, burst: 3 }, bytes: { perSecond: 100, burst: 1000 } } })
  server.setErrorHandler((error, _request, reply) => {
    const failure = error as Failure
    return reply.code(failure.status).send(failure.fields)
  })
  server.get('/', async () => 'ok')
  const ask = async (key: string, bytes = 0) => {
    const { statusCode, payload } = await server.inject({ path: '/', headers: { key, bytes: String(bytes) } })
    return statusCode === 200 ? 200 : [statusCode, JSON.parse(payload)]
  }
  return { ask, turn: (milliseconds: number) => (now += milliseconds) }
}

test('a burst passes, then the rate holds, for each key by itself', async () => {
  const { ask, turn } = smallServer()
  assert.deepEqual([await ask('a'), await ask('a'), await ask('a')], [200, 200, 200])
  assert.deepEqual(await ask('a'), [429, { what: 'requests', retryAfter: 1 }])
  assert.equal(await ask('b'), 200)
  turn(500)
  assert.equal(await ask('a'), 200)
  assert.deepEqual(await ask('a'), [429, { what: 'requests', retryAfter: 1 }])
})

test('bytes count too, and the wait that is told is the true one', async () => {
  const { ask, turn } = smallServer()
  assert.equal(await ask('a', 900), 200)
  assert.deepEqual(await ask('a', 500), [429, { what: 'bytes', retryAfter: 4 }])
  turn(4000)
  assert.equal(await ask('a', 500), 200)
})

test('one body larger than the burst passes when the bucket is full', async () => {
  const { ask } = smallServer()
  assert.equal(await ask('a', 5000), 200)
})
