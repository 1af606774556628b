// OpenAI's own client administers the organisation: projects, people, invitations, keys, service accounts. On every database.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai-7'
import { describeOnServers } from '../support/databases.ts'
import { type RunningOrganisation, startOrganisation } from '../support/organisation.ts'

describeOnServers('OpenAI’s admin client', (get) => {
  let running: RunningOrganisation
  let client: OpenAI
  before(async () => {
    running = await startOrganisation(get().database)
    client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: '-', adminAPIKey: running.owner, maxRetries: 0 })
  })
  after(() => running.stop())
  const admin = () => client.admin.organization
  const works = async (secret: string) => (await running.call(secret, 'GET', '/v1/models')).status === 200

  test('projects: made, read, renamed, listed in pages, archived', async () => {
    const made = await admin().projects.create({ name: 'Blue' })
    assert.deepEqual([made.object, made.name, made.status], ['organization.project', 'Blue', 'active'])
    assert.deepEqual(await admin().projects.retrieve(made.id), made)
    assert.equal((await admin().projects.update(made.id, { name: 'Navy' })).name, 'Navy')
    await admin().projects.create({ name: 'Red' })
    const names: unknown[] = []
    for await (const project of admin().projects.list({ limit: 1 })) names.push(project.name)
    assert.deepEqual(names, ['Default', 'Navy', 'Red'])
    assert.equal((await admin().projects.archive(made.id)).status, 'archived')
    assert.equal((await admin().projects.list()).data.length, 2)
    assert.equal((await admin().projects.list({ include_archived: true })).data.length, 3)
    await assert.rejects(admin().projects.archive('default'), /cannot be archived/)
    await assert.rejects(admin().projects.retrieve('none'), { status: 404, code: 'not_found' })
  })

  test('service accounts: a key at once, another one, a role; deleted, none of them works', async () => {
    const { id: project } = await admin().projects.create({ name: 'Robots' })
    const accounts = admin().projects.serviceAccounts
    const made = await accounts.create(project, { name: 'nightly' })
    assert.equal(made.api_key?.object, 'organization.project.service_account.api_key')
    const first = made.api_key?.value ?? ''
    const second = await accounts.apiKeys.create(made.id, { project_id: project, name: 'second', scopes: [] })
    assert.ok((await works(first)) && (await works(second.value)))
    const who = await running.call(first, 'GET', '/v1/whoami')
    assert.deepEqual(who.body.principal, {
      principal_type: 'service_account',
      service_account_id: made.id,
      name: 'nightly',
    })
    assert.equal((await accounts.update(made.id, { project_id: project, role: 'owner' })).role, 'owner')
    assert.equal((await accounts.list(project)).data[0]?.id, made.id)
    assert.equal((await accounts.create(project, { name: 'bare', create_service_account_only: true })).api_key, null)
    const keys = (await admin().projects.apiKeys.list(project)).data
    assert.deepEqual(
      keys.map(({ owner }) => owner.service_account?.name),
      ['nightly', 'nightly'],
    )
    assert.equal((await accounts.delete(made.id, { project_id: project })).deleted, true)
    assert.ok(!(await works(first)) && !(await works(second.value)))
    await assert.rejects(accounts.retrieve(made.id, { project_id: project }), { status: 404 })
  })

  test('keys of a project: listed with their owners, given an expiry, revoked', async () => {
    const { id: project } = await admin().projects.create({ name: 'Keys' })
    const { id, secret } = await running.key({ workspace: project, name: 'laptop' })
    const keys = admin().projects.apiKeys
    const [listed] = (await keys.list(project)).data
    assert.deepEqual([listed?.id, listed?.name, listed?.object], [id, 'laptop', 'organization.project.api_key'])
    assert.ok(listed?.redacted_value.endsWith(secret.slice(-4)))
    const changed = await keys.update(id, { project_id: project, expires_in_seconds: 3600 })
    assert.ok((changed.expires_at ?? 0) > changed.created_at)
    await assert.rejects(keys.retrieve(id, { project_id: 'default' }), { status: 404 })
    assert.equal((await keys.delete(id, { project_id: project })).deleted, true)
    assert.equal(await works(secret), false)
    assert.deepEqual((await keys.list(project)).data, [])
  })

  test('admin keys: made, used for administration, listed, revoked', async () => {
    const made = await admin().adminAPIKeys.create({ name: 'terraform', expires_in_seconds: 3600 })
    const other = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: '-', adminAPIKey: made.value, maxRetries: 0 })
    assert.ok((await other.admin.organization.projects.list()).data.length > 0)
    const ids: string[] = []
    for await (const key of admin().adminAPIKeys.list({ limit: 1 })) ids.push(key.id)
    assert.equal(ids.at(-1), made.id)
    assert.equal((await admin().adminAPIKeys.retrieve(made.id)).name, 'terraform')
    assert.equal((await admin().adminAPIKeys.delete(made.id)).deleted, true)
    await assert.rejects(other.admin.organization.projects.list(), { status: 401 })
    const [owners] = ids
    await assert.rejects(admin().adminAPIKeys.delete(owners ?? ''), /last working key/)
  })

  test('invitations and people: invited, listed, given roles, removed without a trace', async () => {
    const { id: project } = await admin().projects.create({ name: 'People' })
    const invite = await admin().invites.create({
      ...{ email: 'Anna.Blum@Example.org', role: 'reader', projects: [{ id: project, role: 'member' }] },
    })
    assert.deepEqual([invite.status, invite.role, invite.email], ['pending', 'reader', 'anna.blum@example.org'])
    assert.equal((await admin().invites.retrieve(invite.id)).id, invite.id)
    assert.equal((await admin().invites.list()).data.length, 1)
    assert.equal((await admin().invites.delete(invite.id)).deleted, true)
    await assert.rejects(admin().invites.retrieve(invite.id), { status: 404 })

    const added = await running.call(running.owner, 'POST', '/v1/admin/users', [
      { email: 'anna@example.org', first_name: 'Anna', last_name: 'Blum' },
    ])
    const user: string = added.body.email_to_user_id['anna@example.org']
    const [found] = (await admin().users.list({ emails: ['anna@example.org'] })).data
    assert.deepEqual([found?.id, found?.name, found?.role], [user, 'Anna Blum', 'reader'])
    assert.equal((await admin().users.update(user, { role: 'billing' })).role, 'billing')

    const people = admin().projects.users
    assert.equal((await people.create(project, { user_id: user, role: 'member' })).role, 'member')
    assert.equal((await people.update(user, { project_id: project, role: 'owner' })).role, 'owner')
    assert.equal((await people.list(project)).data[0]?.email, 'anna@example.org')
    const { secret } = await running.key({ workspace: project, user, name: 'Anna’s laptop' })
    assert.ok(await works(secret))
    assert.equal((await running.call(secret, 'GET', '/v1/users/me')).body.email, 'anna@example.org')
    assert.equal((await people.delete(user, { project_id: project })).deleted, true)
    assert.equal(await works(secret), false)
    await people.create(project, { email: 'anna@example.org', role: 'viewer' })

    assert.equal((await admin().users.delete(user)).deleted, true)
    await assert.rejects(admin().users.retrieve(user), { status: 404 })
    const { query } = get().database
    const tables = ['users', 'members', 'keys', 'invites', 'sessions', 'audit_log', 'audit_people'] as const
    for (const table of tables) {
      const rows = JSON.stringify(await query.selectFrom(table).selectAll().execute())
      assert.ok(!/anna/i.test(rows), `${table}: ${rows}`)
    }
  })

  test('a member’s key is refused by name, and sees no other project', async () => {
    const { id: theirs } = await admin().projects.create({ name: 'Theirs' })
    const { secret } = await running.key()
    const member = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: '-', adminAPIKey: secret, maxRetries: 0 })
    const { organization } = member.admin
    await assert.rejects(organization.users.list(), { status: 403, code: 'forbidden' })
    await assert.rejects(organization.projects.create({ name: 'x' }), { status: 403 })
    await assert.rejects(organization.projects.retrieve(theirs), { status: 404 })
    await assert.rejects(organization.projects.apiKeys.list(theirs), { status: 404 })
    assert.deepEqual(
      (await organization.projects.list()).data.map(({ id }) => id),
      ['default'],
    )
  })
})
