// What a company sees that runs two nodes on one PostgreSQL behind one address: keys count on both, and one node's death is no outage.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { emptyPostgres, type Place, withoutPostgres } from '../support/databases.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'

describe('two nodes on one PostgreSQL', { skip: withoutPostgres }, () => {
  let place: Place
  let nodes: Nodes
  before(async () => {
    place = await emptyPostgres()
    nodes = await startNodes(place.url)
  })
  after(async () => {
    await nodes.stop()
    await place.remove()
  })

  const ask = (url: string, method: string, path: string, key: string, body?: unknown) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const chat = (url: string, key: string) =>
    ask(url, 'POST', '/v1/chat/completions', key, {
      model: 'tiny',
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: 4,
    })

  test('a key made on one works on the other, and revoked on one it is refused by both', async () => {
    const [one, other] = nodes.each
    assert.ok(one && other)
    const made = await ask(one.url, 'POST', '/galerne/v1/keys', nodes.key, { name: 'shared' })
    const { id, secret } = (await made.json()) as { id: string; secret: string }
    assert.deepEqual(
      (await Promise.all([chat(one.url, secret), chat(other.url, secret)])).map(({ status }) => status),
      [200, 200],
    )
    assert.equal((await ask(other.url, 'DELETE', `/galerne/v1/keys/${id}`, nodes.key)).status, 200)
    assert.equal((await chat(other.url, secret)).status, 401)
    assert.equal((await chat(one.url, secret)).status, 401)
  })

  test('guesses at a password are counted over both', async () => {
    const [one, other] = nodes.each
    assert.ok(one && other)
    const guess = async ({ url }: { readonly url: string }) => {
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ email: 'nobody@example.org', password: 'a wrong one' })
      return (await fetch(`${url}/galerne/v1/session`, { method: 'POST', headers, body })).status
    }
    const borne: number[] = []
    for (const node of [one, other, one, other, one]) borne.push(await guess(node))
    assert.deepEqual(borne, [401, 401, 401, 401, 401])
    assert.deepEqual([await guess(other), await guess(one)], [429, 429])
  })

  test('requests are taken in turn, and a killed node is passed over', async () => {
    const ids = new Set<string | null>()
    for (let turn = 0; turn < 4; turn++) {
      const answer = await chat(nodes.url, nodes.key)
      assert.equal(answer.status, 200)
      ids.add(answer.headers.get('x-request-id'))
    }
    assert.equal(ids.size, 4)
    const victim = nodes.each[1]?.process
    assert.ok(victim)
    victim.kill('SIGKILL')
    await once(victim, 'exit')
    for (let turn = 0; turn < 4; turn++) assert.equal((await chat(nodes.url, nodes.key)).status, 200)
  })
})
