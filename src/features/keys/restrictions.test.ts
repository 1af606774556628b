// Keys that are held to models and to networks, through the API: what they see, what they are told, and whose word counts for an address.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { type RunningOrganisation, startOrganisation } from '../../../test/support/organisation.ts'

describeOnServers('a restricted key', (get) => {
  let running: RunningOrganisation
  before(async () => {
    running = await startOrganisation(get().database, {
      models: [createEchoModel(), createEchoModel({ name: 'other' })],
    })
  })
  after(() => running.stop())
  const chat = (secret: string, model: string) =>
    running.call(secret, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }] })

  test('lists and uses its models alone, by whichever of their names it was given; another is refused by name', async () => {
    const { secret } = await running.key({ models: ['echo'] })
    const listed = (await running.call(secret, 'GET', '/v1/models')).body.data
    assert.deepEqual(
      listed.map(({ id }: { id: string }) => id),
      ['echo'],
    )
    assert.equal((await chat(secret, 'echo')).status, 200)
    const refused = await chat(secret, 'other')
    assert.deepEqual(
      [refused.status, refused.body.error.code, refused.body.error.param],
      [403, 'model_forbidden', 'model'],
    )
    assert.match(refused.body.error.message, /"other"/)
    assert.equal((await running.call(secret, 'GET', '/v1/models/other')).status, 403)
    assert.equal((await chat(secret, 'none')).body.error.code, 'model_not_found')
    const everything = await running.key()
    assert.equal((await chat(everything.secret, 'other')).status, 200)
  })
})

describeOnServers('a key for a network', (get) => {
  const from = (running: RunningOrganisation, secret: string, address: string) =>
    running.call(secret, 'GET', '/v1/models', undefined, { 'x-forwarded-for': address })

  test('believes X-Forwarded-For from a trusted proxy alone', async () => {
    const direct = await startOrganisation(get().database)
    const { secret } = await direct.key({ ipRanges: ['203.0.113.0/24'] })
    const forged = await from(direct, secret, '203.0.113.9')
    assert.deepEqual([forged.status, forged.body.error.code], [403, 'key_restricted'])
    await direct.stop()
    const behind = await startOrganisation(get().database, { config: { trustProxy: ['127.0.0.1'] } })
    assert.equal((await from(behind, secret, '203.0.113.9')).status, 200)
    assert.equal((await from(behind, secret, '198.51.100.1')).status, 403)
    // What a client wrote before the proxy is not the proxy's word.
    assert.equal((await from(behind, secret, '203.0.113.9, 198.51.100.1')).status, 403)
    await behind.stop()
  })
})
