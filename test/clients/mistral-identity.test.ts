// Mistral's own Python client asks who it is: by the key of a person, and by one that is nobody's. On every database.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { describeOnServers } from '../support/databases.ts'
import { type RunningOrganisation, startOrganisation } from '../support/organisation.ts'

const python = join(import.meta.dirname, '../../.cache/python/mistralai-3/bin/python')
const script = join(import.meta.dirname, 'mistralai_identity.py')
const skip = !existsSync(python) && 'bash scripts/prepare-python.sh has not made the environment mistralai-3'

describeOnServers('Mistral’s Python client', (get) => {
  let running: RunningOrganisation
  before(async () => {
    running = await startOrganisation(get().database)
  })
  after(() => running.stop())
  const ask = async (secret: string) => {
    const { stdout } = await promisify(execFile)(python, [script, running.url, secret])
    return JSON.parse(stdout)
  }

  test('a person’s key names the person, the workspace and the organisation', { skip }, async () => {
    const people = [{ email: 'anna@example.org', first_name: 'Anna', last_name: 'Blum' }]
    const added = await running.call(running.owner, 'POST', '/v1/admin/users', people)
    const user = added.body.email_to_user_id['anna@example.org']
    const members = { members: [{ user_uuid: user, role_name: 'dev' }] }
    await running.call(running.owner, 'POST', '/v1/admin/workspaces/default/add-users', members)
    const { secret } = await running.key({ user, name: 'laptop' })
    assert.deepEqual(await ask(secret), {
      ...{ id: user, email: 'anna@example.org', first_name: 'Anna', api_key: 'laptop', workspace: 'Default' },
      ...{ principal: 'user', organization: 'Organisation', organizations: ['Organisation'], workspaces: ['default'] },
    })
  })

  test('a key that is nobody’s stands for itself', { skip }, async () => {
    const { id, secret } = await running.key({ name: 'robot' })
    const who = await ask(secret)
    assert.deepEqual([who.id, who.email, who.principal, who.first_name], [id, null, 'service_account', 'robot'])
  })
})
