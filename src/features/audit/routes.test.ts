// The audit log over HTTP, on every database: both vendors' lists, the export, the check, and what a person's removal leaves of it.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import OpenAI from 'openai-7'
import type { AuditLogListParams } from 'openai-7/resources/admin/organization/audit-logs'
import { describeOnServers } from '../../../test/support/databases.ts'
import { type RunningOrganisation, startOrganisation } from '../../../test/support/organisation.ts'

describeOnServers('the audit log’s routes', (get) => {
  let running: RunningOrganisation
  let client: OpenAI
  let [user, project] = ['', '']
  before(async () => {
    running = await startOrganisation(get().database)
    client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: '-', adminAPIKey: running.owner, maxRetries: 0 })
    const added = await call('POST', '/v1/admin/users', [
      { email: 'anna@example.org', first_name: 'Anna', last_name: 'B' },
    ])
    user = added.body.email_to_user_id['anna@example.org']
    project = (await client.admin.organization.projects.create({ name: '=Blue, "quoted"' })).id
    await client.admin.organization.projects.users.create(project, { user_id: user, role: 'owner' })
    // What Anna does with a key of hers is hers.
    const { secret } = await running.key({ workspace: project, user, role: 'admin' })
    await running.call(secret, 'POST', '/galerne/v1/keys', { name: 'robot' })
  })
  after(() => running.stop())
  const call = (method: string, path: string, body?: unknown) => running.call(running.owner, method, path, body)
  const organization = () => client.admin.organization

  test('OpenAI’s client pages through it, the newest first, by act, project, person and time', async () => {
    const all: string[] = []
    for await (const entry of organization().auditLogs.list({ limit: 2 })) all.push(entry.type)
    assert.deepEqual(all.slice(0, 3), ['api_key.created', 'api_key.created', 'role.assignment.created'])
    const of = async (query: AuditLogListParams) =>
      (await organization().auditLogs.list(query)).data.map(({ type }) => type)
    assert.deepEqual(await of({ event_types: ['project.created', 'user.added'] }), ['project.created', 'user.added'])
    assert.deepEqual(await of({ project_ids: [project], event_types: ['project.created'] }), ['project.created'])
    assert.deepEqual(await of({ actor_emails: ['Anna@example.org'] }), ['api_key.created'])
    assert.deepEqual(await of({ actor_ids: [user] }), ['api_key.created'])
    assert.deepEqual(await of({ resource_ids: [user] }), ['role.assignment.created', 'user.added'])
    assert.deepEqual(await of({ effective_at: { lt: 1_000_000_000 } }), [])
    for (const param of ['after', 'before']) {
      const unknown = await call('GET', `/v1/organization/audit_logs?${param}=audit_none`)
      assert.deepEqual([unknown.status, unknown.body.error.param], [400, param])
    }
    assert.equal((await of({ effective_at: { gte: 1_000_000_000 } })).length, all.length)
    const [made] = (await organization().auditLogs.list({ actor_ids: [user] })).data
    assert.equal(made?.actor?.api_key?.user?.email, 'anna@example.org')
    assert.ok(made?.['api_key.created']?.id?.startsWith('key_'))
  })

  test('Mistral’s list tells the same in its words', async () => {
    const list = async (query: string) => (await call('GET', `/v1/admin/audit-logs?${query}`)).body
    const [added] = await list('event_type=user.organization.join')
    assert.deepEqual(
      [added.event_type, added.target_type, added.actor_type],
      ['user.organization.join', 'USER', 'API_KEY'],
    )
    assert.equal(added.target_metadata.id, user)
    assert.equal((await list(`actor_user_uuid=${user}`)).length, 1)
    // Their schema has texts alone.
    for (const { event_metadata, actor_metadata, target_metadata } of await list('limit=100')) {
      const values = Object.values({ ...event_metadata, ...actor_metadata, ...target_metadata })
      assert.ok(
        values.every((value) => typeof value === 'string'),
        JSON.stringify(values),
      )
    }
    const [first] = await list('sort=asc&limit=1')
    assert.equal(first.log_id, 1)
    assert.deepEqual(await list('before=2001-01-01T00:00:00Z'), [])
    for (const time of ['yesterday', '1', '2026-02-30', '2026-02-30T10:00:00Z']) {
      const refused = await call('GET', `/v1/admin/audit-logs?after=${encodeURIComponent(time)}`)
      assert.deepEqual([refused.status, refused.body.error.param], [400, 'after'], time)
    }
    assert.equal((await call('GET', '/v1/admin/audit-logs?after=2026-01-01T00:00:00%2B02:00')).status, 200)
  })

  test('the export holds every entry with the hash that anybody can compute again, and is safe in a spreadsheet', async () => {
    const { text } = await call('GET', '/galerne/v1/audit/export')
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    let previous = '0'.repeat(64)
    for (const [index, row] of rows.entries()) {
      const actor = [row.actor_kind, row.actor, row.actor_person, row.actor_account]
      const target = [row.target_kind, row.target]
      const list = [
        previous,
        index + 1,
        row.id,
        row.at,
        row.action,
        actor,
        row.workspace,
        target,
        JSON.stringify(row.details),
      ]
      assert.equal(row.hash, createHash('sha256').update(JSON.stringify(list)).digest('hex'), row.action)
      previous = row.hash
    }
    assert.equal((await call('GET', '/galerne/v1/audit/verify')).body.head, previous)
    assert.ok(!text.includes('anna') && !text.includes(running.owner))
    const csv = (await call('GET', '/galerne/v1/audit/export?format=csv')).text
    assert.equal(csv.trim().split('\r\n').length, rows.length + 1)
    assert.match(csv, /^sequence,id,at,action,/)
    assert.ok(csv.includes('"{""name"":""=Blue, \\""quoted\\""""}"'))
    assert.ok(!/(^|,)"?[=+@]/m.test(csv))
  })

  test('a kept hash proves the past; a removed person is gone from the list and the chain is whole', async () => {
    const kept = (await call('GET', '/galerne/v1/audit/verify')).body
    const query = `sequence=${kept.entries}&hash=${kept.head}`
    await organization().users.delete(user)
    const after = (await call('GET', `/galerne/v1/audit/verify?${query}`)).body
    assert.deepEqual([after.valid, after.entries > kept.entries, after.fault], [true, true, null])
    const wrong = (await call('GET', `/galerne/v1/audit/verify?sequence=1&hash=${kept.head}`)).body
    assert.deepEqual([wrong.valid, wrong.fault.sequence], [false, 1])
    const halved = (await call('GET', '/galerne/v1/audit/verify?sequence=1')).body
    assert.deepEqual([halved.error.param, halved.detail[0].loc], ['hash', ['query', 'hash']])
    const unread = (await call('GET', '/v1/admin/audit-logs?limit=many')).body
    assert.deepEqual(unread.detail[0].loc, ['query', 'limit'])
    const everything = JSON.stringify((await call('GET', '/v1/admin/audit-logs?limit=1000')).body)
    assert.ok(!everything.includes(user) && !everything.includes('anna'))
  })
})
