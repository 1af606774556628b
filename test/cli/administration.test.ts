// `galerne keys|workspaces|members|audit` against a running server, as a person types them and as a program reads them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type Database } from '../../src/database/connect.ts'
import { type RunningOrganisation, startOrganisation } from '../support/organisation.ts'

const launcher = join(import.meta.dirname, '../../bin/galerne.js')

describe('the administration commands', () => {
  let database: Database
  let running: RunningOrganisation
  before(async () => {
    database = await connect('sqlite::memory:')
    running = await startOrganisation(database)
  })
  after(async () => {
    await running.stop()
    await database.close()
  })

  function galerne(...args: string[]): Promise<{ code: number; out: string; error: string }> {
    const given = [launcher, ...args, '--url', running.url, '--api-key', running.owner]
    return new Promise((resolve) => {
      execFile(process.execPath, given, (error, out, spoken) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, error: spoken }),
      )
    })
  }
  const json = async (...args: string[]) => JSON.parse((await galerne(...args, '--json')).out)

  test('keys: made, shown once, listed, replaced, revoked', async () => {
    const made = await galerne(
      'keys',
      'create',
      'laptop',
      '--model',
      'echo',
      '--ip-range',
      '127.0.0.0/8',
      '--expires-in',
      '30d',
    )
    const secret = made.out.split('\n')[0] ?? ''
    assert.match(secret, /^gal_/)
    const [key] = (await json('keys', 'list')).filter(({ name }: { name: string }) => name === 'laptop')
    assert.deepEqual([key.models, key.ip_ranges, key.role], [['echo'], ['127.0.0.0/8'], 'member'])
    const listed = await galerne('keys', 'list')
    assert.match(listed.out, /laptop +member +default +…/)
    assert.ok(!listed.out.includes(secret))
    const fresh = await json('keys', 'rotate', key.id, '--overlap', '0s')
    assert.equal((await running.call(secret, 'GET', '/v1/models')).status, 401)
    assert.equal((await running.call(fresh.secret, 'GET', '/v1/models')).status, 200)
    assert.match((await galerne('keys', 'revoke', fresh.id)).out, /is revoked/)
    assert.equal((await running.call(fresh.secret, 'GET', '/v1/models')).status, 401)
    assert.match((await galerne('keys', 'list', '--all')).out, /revoked/)
    // More than the server answers at once.
    for (let number = 0; number < 101; number++) {
      const { status } = await running.call(running.owner, 'POST', '/galerne/v1/keys', { name: `many ${number}` })
      assert.equal(status, 200)
    }
    const many = (await json('keys', 'list')).filter(({ name }: { name: string }) => name.startsWith('many'))
    assert.equal(many.length, 101)
    const wrong = await galerne('keys', 'revoke', 'key_none')
    assert.deepEqual([wrong.code, wrong.error], [1, 'There is no key "key_none".\n'])
    assert.match((await galerne('keys', 'create', 'x', '--expires-in', 'soon')).error, /no span of time/)
  })

  test('workspaces and members: made, invited, given roles, removed', async () => {
    const { id } = await json('workspaces', 'create', 'Blue')
    assert.match((await galerne('workspaces', 'rename', id, 'Navy')).out, /Navy\) is renamed/)
    const invited = await json(
      'members',
      'invite',
      'anna@example.org',
      '--role',
      'billing',
      '--workspace',
      `${id}=viewer`,
    )
    const secret = invited.link.split('/').at(-1)
    const accept = { secret, name: 'Anna Blum', password: 'correct horse battery' }
    assert.equal((await running.call(undefined, 'POST', '/galerne/v1/invitations/accept', accept)).status, 200)
    const [anna] = await json('members', 'list')
    assert.deepEqual([anna.email, anna.role, anna.projects.data[0].role], ['anna@example.org', 'billing', 'viewer'])
    await galerne('members', 'role', anna.id, 'member')
    assert.match((await galerne('members', 'role', anna.id, 'admin', '--workspace', id)).out, /is admin in/)
    assert.match((await galerne('members', 'list')).out, /anna@example\.org +Anna Blum +reader/)
    assert.match((await galerne('members', 'list', '--workspace', id)).out, /anna@example\.org +Anna Blum +owner/)
    await galerne('members', 'remove', anna.id, '--workspace', id)
    assert.deepEqual(await json('members', 'list', '--workspace', id), [])
    assert.match((await galerne('members', 'remove', anna.id)).out, /is removed/)
    assert.match((await galerne('workspaces', 'archive', id)).out, /is archived/)
    assert.deepEqual(
      (await json('workspaces', 'list')).map((one: { id: string }) => one.id),
      ['default'],
    )
    assert.match((await galerne('workspaces', 'list', '--all')).out, /Navy .*archived/)
  })

  test('audit: listed, exported, checked; a broken chain ends with exit code 1', async () => {
    assert.match((await galerne('audit', 'list', '--action', 'project.created')).out, /workspace\.create/)
    const whole = await galerne('audit', 'verify')
    assert.match(whole.out, /is whole: \d+ entries/)
    assert.equal(whole.code, 0)
    const lines = (await galerne('audit', 'export')).out.trim().split('\n')
    assert.equal(JSON.parse(lines[0] ?? '').sequence, 1)
    assert.match((await galerne('audit', 'export', '--format', 'csv')).out, /^sequence,/)
    await database.query
      .updateTable('audit_log')
      .set({ details: '{"role":"owner"}' })
      .where('sequence', '=', 2)
      .execute()
    const broken = await galerne('audit', 'verify')
    assert.match(broken.out, /broken at entry 2: it was changed/)
    assert.equal(broken.code, 1)
  })
})
