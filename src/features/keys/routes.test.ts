// Keys over HTTP on the real server: what an administrator does, and what nobody else can.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { systemClock } from '../../base/clock.ts'
import { createLog } from '../../base/log.ts'
import { createServer, type ServerParts } from '../../http/server.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import type { Server } from '../../wire/exchange.ts'
import { createActs } from '../audit/acts.ts'
import { addPerson } from '../members/change.ts'
import { createRegistry } from '../models/registry.ts'
import { createKey } from './create.ts'
import { keyVerifier } from './verify.ts'

describeOnDatabases('the keys routes', (get) => {
  async function open(): Promise<{ server: Server; admin: string; adminId: string }> {
    const { database } = get()
    const acts = createActs(database, systemClock)
    const log = createLog({ level: 'silent' })
    const metrics = createMetrics()
    const server = await createServer({
      config: { trustProxy: [], bodyLimit: 1_048_576, keepAlive: 0 } as unknown as ServerParts['config'],
      registry: createRegistry({ models: [], clock: systemClock, log, metrics, queueLength: 1 }),
      keys: keyVerifier(database, systemClock),
      acts,
      log,
      clock: systemClock,
      metrics,
      version: '0.0.0',
    })
    const { key, secret } = await createKey(
      acts,
      { kind: 'system', id: 'test' },
      { name: 'admin', role: 'owner', reach: 'organisation' },
    )
    return { server, admin: secret, adminId: key.id }
  }

  async function call(
    server: Server,
    secret: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    payload?: object,
  ) {
    const headers = { authorization: `Bearer ${secret}`, host: 'localhost' }
    const answer = await server.inject({ method, url: path, headers, ...(payload && { payload }) })
    return { status: answer.statusCode, body: answer.json(), text: answer.body }
  }

  test('an administrator makes, lists and revokes keys; the secret is shown once', async () => {
    const { server, admin, adminId } = await open()
    const made = await call(server, admin, 'POST', '/galerne/v1/keys', { name: 'laptop' })
    assert.equal(made.status, 200)
    assert.match(made.body.secret, /^gal_/)
    assert.deepEqual(
      [made.body.object, made.body.role, made.body.reach, made.body.workspace],
      ['key', 'member', 'workspace', 'default'],
    )
    assert.equal((await call(server, made.body.secret, 'GET', '/v1/models')).status, 200)

    const listed = await call(server, admin, 'GET', '/galerne/v1/keys')
    assert.deepEqual(listed.body.data.map((key: { id: string }) => key.id).slice(0, 2), [made.body.id, adminId])
    assert.ok(!listed.text.includes(made.body.secret.slice(4, -4)) && !listed.text.includes('hash'))

    const revoked = await call(server, admin, 'DELETE', `/galerne/v1/keys/${made.body.id}`)
    assert.ok(revoked.body.revoked_at >= made.body.created_at)
    assert.equal((await call(server, made.body.secret, 'GET', '/v1/models')).status, 401)
    await server.close()
  })

  test('a member’s key sees and revokes itself alone, and makes none for others', async () => {
    const { server, admin, adminId } = await open()
    const { body } = await call(server, admin, 'POST', '/galerne/v1/keys', { name: 'user' })
    const listed = await call(server, body.secret, 'GET', '/galerne/v1/keys')
    assert.deepEqual(
      listed.body.data.map((key: { id: string }) => key.id),
      [body.id],
    )
    const made = await call(server, body.secret, 'POST', '/galerne/v1/keys', { name: 'more' })
    assert.deepEqual([made.status, made.body.error.code], [403, 'forbidden'])
    assert.equal((await call(server, body.secret, 'DELETE', `/galerne/v1/keys/${adminId}`)).status, 404)
    assert.equal((await call(server, body.secret, 'DELETE', `/galerne/v1/keys/${body.id}`)).status, 200)
    assert.equal((await call(server, body.secret, 'GET', '/v1/models')).status, 401)
    await server.close()
  })

  test('nobody hands out more than they have, nor touches what counts beyond their workspace', async () => {
    const { server, admin, adminId } = await open()
    const make = (secret: string, payload: object) =>
      call(server, secret, 'POST', '/galerne/v1/keys', { name: 'x', ...payload })
    const { body: local } = await make(admin, { role: 'admin' })
    const refused: [object, string][] = [
      [{ role: 'owner' }, 'role'],
      [{ role: 'member', workspace: 'elsewhere' }, 'workspace'],
    ]
    for (const [payload, param] of refused) {
      const { body } = await make(local.secret, payload)
      assert.equal(body.error.param, param, JSON.stringify(payload))
    }
    assert.equal((await make(local.secret, { reach: 'organisation' })).status, 403)
    assert.equal((await call(server, local.secret, 'DELETE', `/galerne/v1/keys/${adminId}`)).status, 404)
    assert.equal((await call(server, local.secret, 'POST', `/galerne/v1/keys/${adminId}/rotate`, {})).status, 404)
    assert.equal((await make(local.secret, { role: 'admin' })).status, 200)
    await server.close()
  })

  test('a key is held to its paths and networks, and a successor to the same', async () => {
    const { server, admin } = await open()
    const make = (payload: object) => call(server, admin, 'POST', '/galerne/v1/keys', { name: 'x', ...payload })
    const { body: elsewhere } = await make({ ip_ranges: ['10.0.0.0/8', '2001:db8::1'] })
    const refused = await call(server, elsewhere.secret, 'GET', '/v1/models')
    assert.deepEqual([refused.status, refused.body.error.code], [403, 'key_restricted'])
    assert.match(refused.text, /from 127\.0\.0\.1/)
    const { body: here } = await make({ ip_ranges: ['127.0.0.0/8'], endpoints: ['/v1/models/*'] })
    assert.equal((await call(server, here.secret, 'GET', '/v1/models/none')).body.error.code, 'model_not_found')
    assert.equal((await call(server, here.secret, 'GET', '/v1/models')).body.error.code, 'key_restricted')
    const rotated = await call(server, admin, 'POST', `/galerne/v1/keys/${here.id}/rotate`, { overlap_seconds: 0 })
    assert.deepEqual(rotated.body.endpoints, ['/v1/models/*'])
    assert.equal((await call(server, here.secret, 'GET', '/v1/models/none')).status, 401)
    assert.equal((await call(server, rotated.body.secret, 'GET', '/v1/models')).status, 403)
    for (const [payload, param] of [
      [{ ip_ranges: ['10.0.0.0/8', '10.0.0.0/33'] }, 'ip_ranges[1]'],
      [{ endpoints: ['v1/models'] }, 'endpoints[0]'],
      [{ user_id: 'user_none' }, 'user_id'],
      [{ service_account_id: 'none' }, 'service_account_id'],
    ] as const) {
      assert.equal((await make(payload)).body.error.param, param)
    }
    await server.close()
  })

  test('a key that is held to something makes and replaces only keys that are held to the same or to less', async () => {
    const { server, admin } = await open()
    const make = (secret: string, payload: object) =>
      call(server, secret, 'POST', '/galerne/v1/keys', { name: 'x', ...payload })
    const held = {
      models: ['a', 'b'],
      ip_ranges: ['127.0.0.0/8'],
      endpoints: ['/v1/*', '/galerne/v1/keys/*', '/galerne/v1/keys'],
    }
    const { body: lead } = await make(admin, { role: 'admin', reach: 'organisation', ...held })
    const { body: same } = await make(lead.secret, {})
    assert.deepEqual([same.models, same.ip_ranges, same.endpoints], [held.models, held.ip_ranges, held.endpoints])
    const less = { models: ['b'], ip_ranges: ['127.0.0.1', '127.0.0.0/16'], endpoints: ['/v1/models', '/v1/chat/*'] }
    const { body: fewer } = await make(lead.secret, less)
    assert.deepEqual([fewer.models, fewer.ip_ranges, fewer.endpoints], [less.models, less.ip_ranges, less.endpoints])
    for (const [payload, param] of [
      [{ models: ['a', 'c'] }, 'models[1]'],
      [{ ip_ranges: ['127.0.0.1', '0.0.0.0/0'] }, 'ip_ranges[1]'],
      [{ ip_ranges: ['::1'] }, 'ip_ranges[0]'],
      [{ endpoints: ['/*'] }, 'endpoints[0]'],
    ] as const) {
      const { status, body } = await make(lead.secret, payload)
      assert.deepEqual([status, body.error.param], [400, param])
    }
    const { body: free } = await make(admin, {})
    const replaced = await call(server, lead.secret, 'POST', `/galerne/v1/keys/${free.id}/rotate`, {})
    assert.deepEqual([replaced.status, replaced.body.error.code], [403, 'key_restricted'])
    assert.equal((await call(server, lead.secret, 'POST', `/galerne/v1/keys/${fewer.id}/rotate`, {})).status, 200)
    const mistral = await call(server, lead.secret, 'POST', '/v1/admin/api-keys', { workspace_uuid: 'default' })
    const project = '/v1/organization/projects/default/service_accounts'
    const account = await call(server, lead.secret, 'POST', project, { name: 'robot' })
    const openai = await call(server, lead.secret, 'POST', '/v1/organization/admin_api_keys', { name: 'admin' })
    for (const secret of [mistral.body.key, account.body.api_key.value, openai.body.value]) {
      const { body } = await call(server, secret, 'GET', '/v1/whoami')
      const { models, ip_ranges, endpoints } = body.api_key
      assert.deepEqual({ models, ip_ranges, endpoints }, held)
    }
    await server.close()
  })

  test('no key is there longer than the key that made, replaced or prolonged it, by any door', async () => {
    const { server, admin } = await open()
    const now = Math.floor(systemClock.now() / 1000)
    const [end, later] = [now + 3600, now + 7200]
    const make = (secret: string, payload: object) =>
      call(server, secret, 'POST', '/galerne/v1/keys', { name: 'x', ...payload })
    const { body: lead } = await make(admin, { role: 'admin', reach: 'organisation', expires_at: end })
    const projects = '/v1/organization/projects/default'
    const { body: account } = await call(server, admin, 'POST', `${projects}/service_accounts`, { name: 'robot' })
    const accountKeys = `${projects}/service_accounts/${account.id}/api_keys`
    const free = (await make(admin, {})).body
    const doors: [string, object, object, string][] = [
      ['/galerne/v1/keys', { name: 'x' }, { name: 'x', expires_at: later }, 'expires_at'],
      [
        '/v1/admin/api-keys',
        { workspace_uuid: 'default' },
        { workspace_uuid: 'default', expiration: '2099-01-01' },
        'expiration',
      ],
      ['/v1/organization/admin_api_keys', { name: 'x' }, { name: 'x', expires_in_seconds: 7200 }, 'expires_in_seconds'],
      [accountKeys, { name: 'x' }, { name: 'x', expires_in_seconds: 7200 }, 'expires_in_seconds'],
    ]
    for (const [path, silent, beyond, param] of doors) {
      const made = await call(server, lead.secret, 'POST', path, silent)
      assert.equal(made.status, 200, made.text)
      const secret = made.body.secret ?? made.body.key ?? made.body.value
      const { body } = await call(server, secret, 'GET', '/v1/whoami')
      assert.equal(body.api_key.expires_at, end, path)
      const refused = await call(server, lead.secret, 'POST', path, beyond)
      assert.deepEqual([refused.status, refused.body.error.param], [400, param], path)
    }
    assert.equal((await make(lead.secret, { expires_at: now + 1800 })).body.expires_at, now + 1800)
    // Not by the successor of another one, nor by its own, nor by prolonging one that is there.
    const replaced = await call(server, lead.secret, 'POST', `/galerne/v1/keys/${free.id}/rotate`, {})
    assert.deepEqual([replaced.status, replaced.body.error.code], [403, 'key_restricted'])
    const prolong = (secret: string, id: string, life: number) =>
      call(server, secret, 'POST', `${projects}/api_keys/${id}`, { expires_in_seconds: life })
    const refused = await prolong(lead.secret, free.id, 7200)
    assert.deepEqual([refused.status, refused.body.error.param], [400, 'expires_in_seconds'])
    const next = await call(server, lead.secret, 'POST', `/galerne/v1/keys/${lead.id}/rotate`, {})
    assert.deepEqual([next.status, next.body.expires_at], [200, end])
    // An administrator whose key does not end may; nobody brings back what has ended.
    assert.equal((await prolong(admin, free.id, 7200)).status, 200)
    await call(server, admin, 'DELETE', `/galerne/v1/keys/${free.id}`)
    assert.deepEqual((await prolong(admin, free.id, 7200)).body.error.param, 'key_id')
    await server.close()
  })

  test('an owner’s key is an owner’s matter, whichever door one comes through', async () => {
    const { server, admin, adminId } = await open()
    await call(server, admin, 'POST', '/galerne/v1/keys', { name: 'other', role: 'owner', reach: 'organisation' })
    const wanted = { name: 'lead', role: 'admin', reach: 'organisation' }
    const { body: lead } = await call(server, admin, 'POST', '/galerne/v1/keys', wanted)
    for (const [method, path] of [
      ['DELETE', `/galerne/v1/keys/${adminId}`],
      ['POST', `/galerne/v1/keys/${adminId}/rotate`],
      ['DELETE', `/v1/admin/api-keys/${adminId}`],
      ['DELETE', `/v1/organization/admin_api_keys/${adminId}`],
    ] as const) {
      const payload = method === 'POST' ? {} : undefined
      const { status, body } = await call(server, lead.secret, method, path, payload)
      assert.deepEqual([status, body.error?.code], [403, 'forbidden'], `${method} ${path}`)
    }
    assert.equal((await call(server, admin, 'GET', '/v1/models')).status, 200)
    await server.close()
  })

  test('what is wrong is named: the field, the unknown id, the last admin key', async () => {
    const { server, admin, adminId } = await open()
    const wrong: [object, string][] = [
      [{}, 'name'],
      [{ name: '' }, 'name'],
      [{ name: 'x', role: 'root' }, 'role'],
      [{ name: 'x', expires_at: 1 }, 'expires_at'],
      [{ name: 'x', secret: 'short' }, 'secret'],
      [{ name: 'x', secret: 'with space '.repeat(5) }, 'secret'],
      [{ name: 'x', color: 'red' }, 'color'],
    ]
    for (const [payload, param] of wrong) {
      const { status, body } = await call(server, admin, 'POST', '/galerne/v1/keys', payload)
      assert.deepEqual([status, body.error.param], [400, param], JSON.stringify(payload))
    }
    assert.equal((await call(server, admin, 'DELETE', '/galerne/v1/keys/key_none')).status, 404)
    const { body: list } = await call(server, admin, 'GET', '/galerne/v1/keys')
    for (const key of list.data as { id: string }[]) {
      if (key.id !== adminId) await call(server, admin, 'DELETE', `/galerne/v1/keys/${key.id}`)
    }
    const last = await call(server, admin, 'DELETE', `/galerne/v1/keys/${adminId}`)
    assert.deepEqual([last.status, last.body.error.param], [400, 'id'])
    assert.equal((await call(server, admin, 'GET', '/v1/models')).status, 200)
    await server.close()
  })

  test('a key that somebody made for a person gets at none of theirs that count elsewhere', async () => {
    const { server, admin } = await open()
    const acts = createActs(get().database, systemClock)
    const actor = { kind: 'system', id: 'test' } as const
    const boss = await addPerson(acts, actor, { email: `boss${admin.slice(-8)}@example.org`, name: 'B', role: 'owner' })
    const theirs = await createKey(acts, actor, { name: 'b', role: 'owner', reach: 'organisation', user: boss.id })
    const { secret: local } = await createKey(acts, actor, { name: 'local', role: 'admin' })
    const wanted = { name: 'for the boss', role: 'admin', user_id: boss.id }
    const { body: made } = await call(server, local, 'POST', '/galerne/v1/keys', wanted)
    const listed = await call(server, made.secret, 'GET', '/galerne/v1/keys')
    assert.ok(!listed.text.includes(theirs.key.id))
    for (const path of ['/galerne/v1/keys', '/v1/admin/api-keys']) {
      assert.equal((await call(server, made.secret, 'DELETE', `${path}/${theirs.key.id}`)).status, 404)
    }
    assert.equal((await call(server, made.secret, 'POST', `/galerne/v1/keys/${theirs.key.id}/rotate`, {})).status, 404)
    assert.equal((await call(server, theirs.secret, 'GET', '/v1/models')).status, 200)
    assert.equal((await call(server, made.secret, 'DELETE', `/galerne/v1/keys/${made.id}`)).status, 200)
    await server.close()
  })

  test('a key of Mistral’s works to the end of a day that there is', async () => {
    const { server, admin } = await open()
    const make = (expiration: string) =>
      call(server, admin, 'POST', '/v1/admin/api-keys', { workspace_uuid: 'default', expiration })
    for (const day of ['2099-02-30', '2020-01-01', '2099-13-01']) {
      const { status, body } = await make(day)
      assert.deepEqual([status, body.error.param], [400, 'expiration'], day)
    }
    assert.equal((await make('2096-02-29')).body.expiration_date, '2096-02-29')
    await server.close()
  })

  test('an expiry in seconds is kept, and a key of the caller’s own choosing works', async () => {
    const { server, admin } = await open()
    const expires = Math.floor(systemClock.now() / 1000) + 3600
    const secret = `own-${'k'.repeat(30)}${expires}`
    const { body } = await call(server, admin, 'POST', '/galerne/v1/keys', { name: 'own', secret, expires_at: expires })
    assert.deepEqual([body.expires_at, body.secret, body.hint], [expires, secret, secret.slice(-4)])
    assert.equal((await call(server, secret, 'GET', '/v1/models')).status, 200)
    await server.close()
  })
})
