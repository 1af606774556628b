// What lies below a workspace in paths: one that is not there has nothing and takes nothing, whoever asks, and one that is archived takes nothing new.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../../../scripts/reference/complete-server.ts'
import { describeOnServers } from '../../../test/support/databases.ts'
import { systemClock } from '../../base/clock.ts'
import { createActs } from '../audit/acts.ts'
import { createKey } from '../keys/create.ts'
import { addPerson } from '../members/change.ts'
import { archiveWorkspace, createWorkspace } from './change.ts'

const actor = { kind: 'system', id: 'test' } as const

describeOnServers('workspaces in paths', (get) => {
  let complete: CompleteServer
  let owner = ''
  let person = ''
  let archived = ''
  before(async () => {
    complete = await openCompleteServer({ database: get().database })
    const acts = createActs(complete.database, systemClock)
    owner = (await createKey(acts, actor, { name: 'owner', role: 'owner', reach: 'organisation' })).secret
    person = (await addPerson(acts, actor, { email: 'anna@example.org', name: 'Anna', role: 'member' })).id
    archived = (await createWorkspace(acts, actor, { name: 'Old' })).id
    await archiveWorkspace(acts, actor, archived)
  })
  after(() => complete.close())

  const ask = async (method: string, url: string, payload?: object) => {
    const headers = { host: 'localhost', authorization: `Bearer ${owner}` }
    const sent = { method: method as 'GET', url, headers, ...(payload !== undefined && { payload }) }
    const answer = await complete.server.inject(sent)
    const error = /^\{/.test(answer.body) ? answer.json().error : undefined
    return {
      status: answer.statusCode,
      code: error?.code as unknown,
      param: error?.param as unknown,
      body: answer.body,
    }
  }
  const bodies = (workspace: string) =>
    [
      ['POST', `/v1/admin/workspaces/${workspace}/add-users`, { members: [{ user_uuid: person, role: 'member' }] }],
      ['PATCH', `/v1/admin/workspaces/${workspace}/users`, { members: [{ user_uuid: person, role: 'member' }] }],
      ['POST', `/v1/organization/projects/${workspace}/users`, { user_id: person, role: 'member' }],
      ['POST', `/v1/organization/projects/${workspace}/service_accounts`, { name: 'robot' }],
      ['PUT', `/galerne/v1/workspaces/${workspace}/usage-settings`, { keep_content: true }],
      ['POST', `/v1/organization/projects/${workspace}/rate_limits/rl-all`, { max_requests_per_1_minute: 1 }],
    ] as const
  const written = async () => {
    const { query } = complete.database
    const tables = ['members', 'service_accounts', 'usage_settings', 'limits', 'keys'] as const
    const counts = tables.map((table) =>
      query
        .selectFrom(table)
        .select(({ fn }) => fn.countAll().as('count'))
        .execute(),
    )
    return (await Promise.all(counts)).map(([row]) => Number(row?.count))
  }

  test('below one that is not there nothing is', async () => {
    const before = await written()
    const { paths } = complete.server.swagger() as unknown as { paths: Record<string, object> }
    const below = Object.entries(paths).filter(([path]) => path.includes('{workspace}'))
    assert.ok(below.length > 10)
    for (const [path, methods] of below) {
      if (!('get' in methods)) continue
      const { status, code } = await ask('GET', path.replace(/\{[^}]+\}/g, 'none'))
      assert.deepEqual([status, code], [404, 'not_found'], path)
    }
    for (const [method, url, body] of bodies('none')) {
      const { status, code } = await ask(method, url, body)
      assert.deepEqual([status, code], [404, 'not_found'], url)
    }
    assert.deepEqual(await written(), before)
  })

  test('what a body holds and nobody reads is named in a header', async () => {
    const ignored = async (method: string, url: string, payload: object) => {
      const headers = { host: 'localhost', authorization: `Bearer ${owner}` }
      const answer = await complete.server.inject({ method: method as 'POST', url, headers, payload })
      assert.equal(answer.statusCode, 200, answer.body)
      return answer.headers['galerne-ignored-fields']
    }
    const limit = { max_requests_per_1_minute: 5, max_requests_per_1_day: 10 }
    const limits = '/v1/organization/projects/default/rate_limits/rl-all'
    assert.equal(await ignored('POST', limits, limit), 'max_requests_per_1_day')
    const made = { name: 'New', icon: 'x', bogus: 1 }
    assert.equal(await ignored('POST', '/v1/admin/workspaces', made), 'bogus, icon')
    const people = [{ email: 'x@example.org', first_name: 'X', last_name: 'Y', role: 'member', phone: '1' }]
    assert.equal(await ignored('POST', '/v1/admin/users', people), '[].phone')
    assert.equal(await ignored('POST', '/v1/organization/projects', { name: 'Plain' }), undefined)
  })

  test('a parameter is one step of a path: no longer path passes for a route with another method', async () => {
    const method = await ask('DELETE', '/v1/organization/projects/a/archive')
    assert.deepEqual([method.status, method.code], [405, 'method_not_allowed'])
    const path = await ask('DELETE', '/v1/organization/projects/a/b/archive')
    assert.deepEqual([path.status, path.code], [404, 'unsupported_endpoint'])
  })

  test('one that is archived is still read, and takes nothing new', async () => {
    const before = await written()
    for (const [method, url, body] of bodies(archived)) {
      const { status, param } = await ask(method, url, body)
      assert.deepEqual([status, param], [400, 'workspace'], url)
    }
    assert.deepEqual(await written(), before)
    assert.equal((await ask('GET', `/v1/organization/projects/${archived}`)).status, 200)
    assert.equal((await ask('GET', `/v1/organization/projects/${archived}/api_keys`)).status, 200)
    assert.equal((await ask('POST', `/v1/organization/projects/${archived}/archive`)).status, 200)
  })
})
