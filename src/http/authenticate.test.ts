import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify from 'fastify'
import type { Failure } from '../base/errors.ts'
import type { Caller, Exchange } from '../wire/exchange.ts'
import { authenticate } from './authenticate.ts'

const callers: Readonly<Record<string, Caller>> = {
  'key-of-a-user': { id: 'key_1', workspace: 'w', scope: 'use' },
  'key-of-an-admin': { id: 'key_2', workspace: 'w', scope: 'admin' },
}

async function answer(path: string, headers: Record<string, string>): Promise<unknown> {
  const server = fastify()
  server.addHook('onRequest', async (request) => {
    request.exchange = {} as Exchange
  })
  authenticate(server, { verify: async (secret) => callers[secret] })
  server.setErrorHandler((error, _request, reply) =>
    reply.code((error as Failure).status).send((error as Failure).code),
  )
  server.get('/use', async (request) => request.exchange.caller.id)
  server.get('/admin', { config: { scope: 'admin' } }, async (request) => request.exchange.caller.id)
  server.get('/open', { config: { open: true } }, async () => 'open')
  const { payload } = await server.inject({ path, headers })
  return payload
}

test('a route says who may: anybody, a key, or a key of scope admin', async () => {
  const user = { authorization: 'Bearer key-of-a-user' }
  const admin = { authorization: 'bearer key-of-an-admin ' }
  assert.deepEqual(
    await Promise.all([
      answer('/open', {}),
      answer('/use', {}),
      answer('/use', user),
      answer('/admin', user),
      answer('/admin', admin),
    ]),
    ['open', 'invalid_api_key', 'key_1', 'forbidden', 'key_2'],
  )
})

test('the key may come as x-api-key; other schemes and empty keys are no key', async () => {
  assert.equal(await answer('/admin', { 'x-api-key': 'key-of-an-admin' }), 'key_2')
  for (const authorization of ['Basic key-of-a-user', 'Bearer', 'Bearer  ', 'key-of-a-user', 'Bearer a b']) {
    assert.equal(await answer('/use', { authorization }), 'invalid_api_key', authorization)
  }
})
