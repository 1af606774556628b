// Shares over HTTP on both databases: opened by those of the workspace, not there for others, and not there when they have ended.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { describeOnServers } from '../../../test/support/databases.ts'
import { type RunningOrganisation, startOrganisation } from '../../../test/support/organisation.ts'
import { createWorkspace } from '../workspaces/change.ts'
import { shareStore } from './store.ts'

const path = '/galerne/v1/shares'

describeOnServers('shares', (get) => {
  let running: RunningOrganisation
  let [blue, red] = ['', '']
  before(async () => {
    running = await startOrganisation(get().database)
    const actor = { kind: 'system', id: 'test' } as const
    blue = (await createWorkspace(running.acts, actor, { name: 'Blue' })).id
    red = (await createWorkspace(running.acts, actor, { name: 'Red' })).id
  })
  after(() => running.stop())
  const keyIn = async (workspace: string, role: 'admin' | 'member' | 'viewer') =>
    (await running.key({ workspace, role })).secret
  const content = { turns: [{ question: '<script>"\u0000\ud800' }], settings: { system: 'é' } }
  const share = (secret: string, more: object = {}) =>
    running.call(secret, 'POST', path, { title: 'T', content, ...more })

  test('what was shared is opened by others of the workspace as it was', async () => {
    const [author, viewer] = [await keyIn(blue, 'member'), await keyIn(blue, 'viewer')]
    const made = await share(author, { expires_in_seconds: 3600 })
    assert.equal(made.status, 200, made.text)
    assert.match(made.body.id, /^share_/)
    assert.equal(made.body.expires_at - made.body.created_at, 3600)
    assert.equal('content' in made.body, false)
    const opened = await running.call(viewer, 'GET', `${path}/${made.body.id}`)
    assert.deepEqual(opened.body, { ...made.body, content })
    const listed = await running.call(viewer, 'GET', `${path}?limit=1`)
    assert.deepEqual(listed.body.data, [made.body])
    assert.equal((await share(viewer)).status, 403)
  })

  test('another workspace’s share is not there, to be opened, listed or ended', async () => {
    const [author, stranger] = [await keyIn(blue, 'member'), await keyIn(red, 'admin')]
    const { body } = await share(author)
    for (const method of ['GET', 'DELETE']) {
      const refused = await running.call(stranger, method, `${path}/${body.id}`)
      assert.deepEqual([refused.status, refused.body.error.code], [404, 'not_found'])
    }
    assert.deepEqual((await running.call(stranger, 'GET', path)).body.data, [])
    assert.equal((await running.call(undefined, 'GET', `${path}/${body.id}`)).status, 401)
    assert.equal((await running.call(author, 'GET', `${path}/${body.id}`)).status, 200)
  })

  test('whoever made it ends it, or who leads the workspace, and nobody else', async () => {
    const [author, colleague, lead] = [
      await keyIn(blue, 'member'),
      await keyIn(blue, 'member'),
      await keyIn(blue, 'admin'),
    ]
    const [one, other] = [(await share(author)).body.id, (await share(author)).body.id]
    assert.equal((await running.call(colleague, 'DELETE', `${path}/${one}`)).status, 403)
    assert.equal((await running.call(author, 'DELETE', `${path}/${one}`)).body.deleted, true)
    assert.equal((await running.call(lead, 'DELETE', `${path}/${other}`)).body.deleted, true)
    assert.equal((await running.call(author, 'GET', `${path}/${one}`)).status, 404)
  })

  test('one that has ended is not there, and is deleted when the next is made', async () => {
    const clock = { time: Date.now(), now: () => clock.time, elapsed: () => performance.now() }
    const store = shareStore(get().database, clock)
    const wanted = { workspace: red, owner: 'key_x', title: 'T', content: '{}', lifeMs: 60_000 }
    const { id } = await store.create(wanted)
    assert.equal((await store.find(id))?.id, id)
    clock.time += 60_000
    assert.equal(await store.find(id), undefined)
    assert.deepEqual(await store.list(red, { limit: 10 }), [])
    await store.create(wanted)
    const left = await get().database.query.selectFrom('shares').select('id').where('id', '=', id).execute()
    assert.deepEqual(left, [])
  })

  test('the list pages; bad input is named', async () => {
    const author = await keyIn(red, 'member')
    for (const title of ['a', 'b', 'c']) await share(author, { title })
    const first = await running.call(author, 'GET', `${path}?limit=2`)
    const second = await running.call(author, 'GET', `${path}?limit=2&after=${first.body.last_id}`)
    const titles = [...first.body.data, ...second.body.data].map(({ title }: { title: string }) => title)
    assert.deepEqual(titles.slice(0, 3), ['c', 'b', 'a'])
    const bad: readonly (readonly [object, string])[] = [
      [{ title: '' }, 'title'],
      [{ content: 'text' }, 'content'],
      [{ content: { text: 'x'.repeat(600_000) } }, 'content'],
      [{ expires_in_seconds: 1 }, 'expires_in_seconds'],
    ]
    for (const [fields, param] of bad) {
      const refused = await share(author, fields)
      assert.deepEqual([refused.status, refused.body.error?.param], [400, param], refused.text)
    }
  })
})
