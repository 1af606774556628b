import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import type { Failure } from '../base/errors.ts'
import type { Caller, Exchange } from '../wire/exchange.ts'
import type { Role } from '../wire/permissions.ts'
import { authenticate } from './authenticate.ts'

const key = (role: Role, workspace?: string): Caller => ({
  ...{ id: `key_${role}`, kind: 'key', workspace: 'w' },
  grants: [{ role, ...(workspace !== undefined && { workspace }) }],
})

const callers: Readonly<Record<string, Caller>> = {
  'key-of-a-member': key('member', 'w'),
  'key-of-an-admin': key('admin', 'w'),
  'key-of-the-organisation': key('admin'),
}

function open(): FastifyInstance {
  const server = fastify()
  server.addHook('onRequest', async (request) => {
    request.exchange = {} as Exchange
  })
  authenticate(server, { verify: async (secret) => callers[secret] })
  server.setErrorHandler((error, _request, reply) =>
    reply.code((error as Failure).status).send((error as Failure).code),
  )
  const caller = async (request: { readonly exchange: Exchange }) => request.exchange.caller.id
  server.get('/use', { config: { permission: 'models.use' } }, caller)
  server.get('/keys', { config: { permission: 'keys.write' } }, caller)
  server.get('/users', { config: { permission: 'users.write' } }, caller)
  server.get('/workspaces/:workspace/keys', { config: { permission: 'keys.write' } }, caller)
  server.get('/open', { config: { open: true } }, async () => 'open')
  return server
}

async function answer(path: string, headers: Record<string, string>): Promise<unknown> {
  return (await open().inject({ path, headers })).payload
}

const member = { authorization: 'Bearer key-of-a-member' }
const admin = { authorization: 'bearer key-of-an-admin ' }
const organisation = { authorization: 'Bearer key-of-the-organisation' }

test('a route says who may: anybody, or whoever has its permission', async () => {
  assert.equal(await answer('/open', {}), 'open')
  assert.equal(await answer('/use', {}), 'invalid_api_key')
  assert.equal(await answer('/use', member), 'key_member')
  assert.equal(await answer('/keys', member), 'forbidden')
  assert.equal(await answer('/keys', admin), 'key_admin')
})

test('what counts for the organisation is not given by a role in a workspace', async () => {
  assert.equal(await answer('/users', admin), 'forbidden')
  assert.equal(await answer('/users', organisation), 'key_admin')
})

test('another workspace is not there for those who are not in it', async () => {
  assert.equal(await answer('/workspaces/w/keys', member), 'forbidden')
  assert.equal(await answer('/workspaces/w/keys', admin), 'key_admin')
  assert.equal(await answer('/workspaces/theirs/keys', member), 'not_found')
  assert.equal(await answer('/workspaces/theirs/keys', admin), 'not_found')
  assert.equal(await answer('/workspaces/theirs/keys', organisation), 'key_admin')
})

test('a route that says nothing is refused when it is added', () => {
  assert.throws(() => open().get('/secret', async () => 'secret'), /GET.* \/secret says neither/)
})

test('the key may come as x-api-key; other schemes and empty keys are no key', async () => {
  assert.equal(await answer('/keys', { 'x-api-key': 'key-of-an-admin' }), 'key_admin')
  for (const authorization of ['Basic key-of-a-member', 'Bearer', 'Bearer  ', 'key-of-a-member', 'Bearer a b']) {
    assert.equal(await answer('/use', { authorization }), 'invalid_api_key', authorization)
  }
})
