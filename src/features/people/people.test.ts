// One person's data, made everywhere that a person can leave it, deleted by one call, and then searched for in every table.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../../../scripts/reference/complete-server.ts'
import { describeOnDatabases, needsSessions } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { mentionsOf } from '../../../test/support/everything.ts'
import { upload } from '../../../test/support/files-server.ts'
import { systemClock } from '../../base/clock.ts'
import { createActs } from '../audit/acts.ts'
import { createKey } from '../keys/create.ts'

const password = 'correct horse battery'
const actor = { kind: 'system', id: 'test' } as const

describeOnDatabases('one person’s data', (get) => {
  let complete: CompleteServer
  let url = ''
  let owner = ''
  before(async () => {
    complete = await openCompleteServer({ database: get().database, models: [createEchoModel()] })
    url = await complete.server.listen({ host: '127.0.0.1', port: 0 })
    const acts = createActs(get().database, systemClock)
    owner = (await createKey(acts, actor, { name: 'owner', role: 'owner', reach: 'organisation' })).secret
  })
  after(() => complete.close())

  const call = async (key: string | undefined, method: string, path: string, body?: object, more = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const json = /^application\/json\b/.test(answer.headers.get('content-type') ?? '') && text !== ''
    // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
    const parsed = (json ? JSON.parse(text) : undefined) as any
    return { status: answer.status, headers: answer.headers, text, body: parsed }
  }
  const done = async (...request: Parameters<typeof call>) => {
    const answer = await call(...request)
    assert.equal(answer.status, 200, `${request[1]} ${request[2]}: ${answer.text}`)
    return answer.body
  }
  const chat = (key: string, content: string, more = {}) =>
    done(key, 'POST', '/v1/chat/completions', { model: 'echo', messages: [{ role: 'user', content }], ...more })

  /** Somebody who joins, signs in and makes a key. */
  const enter = async (email: string, name: string) => {
    const projects = [{ id: 'default', role: 'member' }]
    const { secret } = await done(owner, 'POST', '/v1/organization/invites', { email, role: 'reader', projects })
    await done(undefined, 'POST', '/galerne/v1/invitations/accept', { secret, name, password })
    const refused = { email, password: 'a wrong guess of one' }
    assert.equal((await call(undefined, 'POST', '/galerne/v1/session', refused)).status, 401)
    const signedIn = await call(undefined, 'POST', '/galerne/v1/session', { email, password })
    const cookie = signedIn.headers
      .getSetCookie()
      .map((line) => line.split(';', 1)[0])
      .join('; ')
    const session = (await call(undefined, 'GET', '/galerne/v1/session', undefined, { cookie })).body
    const headers = { cookie, 'galerne-csrf': session.csrf_token }
    const key = await call(undefined, 'POST', '/galerne/v1/keys', { name: `laptop of ${name}` }, headers)
    assert.equal(key.status, 200, key.text)
    return { id: session.user.id as string, key: key.body.secret as string, cookie }
  }

  /** Everything that somebody can leave behind. */
  const leaveTraces = async (person: { id: string; key: string }, email: string, words: string) => {
    const answer = await chat(person.key, words)
    await chat(owner, `${words} by hand`, { user: email })
    await done(person.key, 'POST', '/galerne/v1/feedback', { response_id: answer.id, score: 1, comment: words })
    await done(person.key, 'POST', '/galerne/v1/shares', { title: 'a talk', content: { said: words } })
    const definition = { content: `Write to ${email}` }
    await done(person.key, 'POST', '/v2/prompts', { name: `mine-${words.length}`, definition, sharingScope: 'private' })
    await done(person.key, 'POST', '/v2/prompts', { name: `ours-${words.length}`, definition })
    const lines = `{"custom_id":"a","body":{"messages":[{"role":"user","content":"hello"}]}}\n`
    const privately = {
      purpose: 'batch',
      visibility: 'user',
      file: ['private.jsonl', lines.replace('"a"', `"${person.id}"`)],
    } as const
    assert.equal((await upload({ url }, privately, { key: person.key })).status, 200)
    const shared = { purpose: 'batch', file: [`of ${email}.jsonl`, lines] } as const
    const file = await upload({ url }, shared, { key: person.key })
    assert.equal(file.status, 200)
    const batch = {
      model: 'echo',
      endpoint: '/v1/chat/completions',
      input_files: [file.body.id],
      metadata: { by: email },
    }
    await done(person.key, 'POST', '/v1/batch/jobs', batch)
    const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })
    const span = {
      ...{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: person.id.slice(-16).padStart(16, 'a') },
      ...{ name: 'app', startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now()}000001` },
      attributes: [
        attribute('user.id', person.id),
        attribute('note', `for ${email}`),
        attribute('gen_ai.prompt', words),
      ],
    }
    const spanId = Buffer.from(person.id).toString('hex').slice(-16)
    await done(owner, 'POST', '/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, spanId }] }] }] })
  }

  test('one call reaches everything; counts and money stay, others keep theirs, and the audit log’s chain is whole', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    const { query } = database
    await done(owner, 'PUT', '/galerne/v1/workspaces/default/usage-settings', { keep_content: true })
    await done(owner, 'POST', '/galerne/v1/prices', { model: 'echo', input: 1, output: 2, source: 'a test' })
    const anna = await enter('anna@example.org', 'Anna Ashe')
    const bob = await enter('bob@example.org', 'Bob Birch')
    await leaveTraces(anna, 'anna@example.org', 'the words of the first')
    await leaveTraces(bob, 'bob@example.org', 'what the other one said')
    const emails = ['anna@example.org', 'bob@example.org']
    await query
      .insertInto('budgets')
      .values({
        ...{ id: 'budget_1', scope: 'workspace', subject: 'default', period: 'month', time_zone: 'UTC', amount: 1e9 },
        ...{ hard: 0, thresholds: '[50]', webhook: null, emails: JSON.stringify(emails), created_at: 1, updated_at: 1 },
      })
      .execute()
    while ((await query.selectFrom('batches').select('id').where('status', '!=', 'completed').execute()).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await complete.settled()
    const annas = [anna.id, 'anna@example.org', 'Anna Ashe', 'the words of the first']
    const bobs = [bob.id, 'bob@example.org', 'Bob Birch', 'what the other one said']
    const tablesOf = async (words: readonly string[]) =>
      (await mentionsOf(database, words)).map((mention) => mention.split(':', 1)[0] ?? '')
    const named = await tablesOf(annas)
    for (const table of ['users', 'keys', 'sessions', 'members', 'usage', 'usage_contents', 'spans', 'span_contents']) {
      assert.ok(named.includes(table), `${table} mentions nobody: the test leaves too little (${named})`)
    }
    for (const table of [
      'files',
      'batches',
      'prompts',
      'prompt_versions',
      'feedback',
      'budgets',
      'audit_people',
      'shares',
    ]) {
      assert.ok(named.includes(table), `${table} mentions nobody: the test leaves too little (${named})`)
    }
    const bobsTables = await tablesOf(bobs)
    const figures = async () => (await call(owner, 'GET', '/galerne/v1/usage?width=total')).body.data
    const before = await figures()
    const bytes = () => readdirSync(join(complete.home, 'files'), { recursive: true }).length
    const bytesBefore = bytes()

    const gone = await done(owner, 'DELETE', '/galerne/v1/people/Anna@example.org')
    assert.equal(gone.object, 'person.forgotten')
    assert.deepEqual([gone.files, gone.prompts], [1, 1])
    // What the workspace shares stays, and is told: the upload, and the batch's results.
    const stays = gone.shared_files as { id: string; workspace: string; names: boolean }[]
    assert.deepEqual(
      stays.map(({ workspace, names }) => [workspace, names]),
      [
        ['default', false],
        ['default', false],
      ],
    )
    for (const { id } of stays) assert.equal((await call(owner, 'GET', `/v1/files/${id}`)).status, 200)
    assert.ok(gone.calls >= 3 && gone.contents >= 4 && gone.spans >= 3 && gone.mentions >= 4, JSON.stringify(gone))

    assert.deepEqual(await mentionsOf(database, annas), [])
    assert.deepEqual(await tablesOf(bobs), bobsTables)
    assert.deepEqual(await figures(), before)
    assert.ok(bytes() < bytesBefore)
    const { emails: left } = await query.selectFrom('budgets').select('emails').executeTakeFirstOrThrow()
    assert.equal(left, '["bob@example.org"]')
    assert.equal((await call(anna.key, 'GET', '/v1/models')).status, 401)
    assert.equal((await call(undefined, 'GET', '/galerne/v1/session', undefined, { cookie: anna.cookie })).status, 401)
    assert.equal((await call(bob.key, 'GET', '/v1/models')).status, 200)
    assert.equal((await done(owner, 'GET', '/galerne/v1/audit/verify')).valid, true)
    const exported = (await call(owner, 'GET', '/galerne/v1/audit/export')).text
    for (const word of annas) assert.ok(!exported.toLowerCase().includes(word.toLowerCase()))
    const shared = (await done(owner, 'GET', '/v2/prompts')).data
    assert.ok(shared.some(({ name }: { name: string }) => name === `ours-${annas[3]?.length}`))
    // Nothing in the house's own files either.
    for (const entry of readdirSync(complete.home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.startsWith('galerne.sqlite')) continue
      const text = readFileSync(join(entry.parentPath, entry.name), 'latin1')
      for (const word of annas) assert.ok(!text.toLowerCase().includes(word.toLowerCase()), `${entry.name}: ${word}`)
    }

    // A crash half-way, or a call that ended late: the same call finishes it, though the person is gone.
    await query.updateTable('prompts').set({ owner: anna.id }).where('name', '=', `ours-${annas[3]?.length}`).execute()
    const again = await done(owner, 'DELETE', `/galerne/v1/people/${anna.id}`)
    assert.deepEqual([again.calls, again.contents, again.spans, again.mentions], [0, 0, 0, 1])
    assert.deepEqual(await mentionsOf(database, annas), [])
  })

  test('whose address is the end of another one’s leaves the other alone, and no place from where somebody tried to be them', async (context) => {
    if (needsSessions(context, get())) return
    const { query } = get().database
    await enter('ann@example.org', 'Ann Oak')
    await enter('joann@example.org', 'Joann Elm')
    await enter('ann@example.org.uk', 'Another Ann')
    const origins = () =>
      query
        .selectFrom('audit_origins')
        .innerJoin('audit_log', 'audit_log.sequence', 'audit_origins.sequence')
        .select('audit_log.sequence')
        .where('audit_log.action', '=', 'login.failed')
        .execute()
    const before = (await origins()).length
    await done(owner, 'DELETE', '/galerne/v1/people/ann@example.org')
    const emails = (await query.selectFrom('users').select('email').execute()).map(({ email }) => email)
    assert.deepEqual(emails.sort(), ['ann@example.org.uk', 'bob@example.org', 'joann@example.org'])
    assert.equal((await origins()).length, before - 1)
    const signIn = { email: 'joann@example.org', password }
    assert.equal((await call(undefined, 'POST', '/galerne/v1/session', signIn)).status, 200)
    assert.equal((await done(owner, 'GET', '/galerne/v1/audit/verify')).valid, true)
  })

  test('shared files are told with whether their bytes name somebody, and go where that is asked', async (context) => {
    if (needsSessions(context, get())) return
    const address = 'carl@example.org'
    const share = async (key: string, text: string) => {
      const file = await upload({ url }, { purpose: 'user_data', file: ['a.txt', text] }, { key })
      assert.equal(file.status, 200)
      return file.body.id as string
    }
    const carl = await enter(address, 'Carl Cedar')
    // The address lies across two pieces of a stream.
    const long = 'x'.repeat(65_530)
    const files = [await share(carl.key, 'nothing'), await share(carl.key, `${long} Carl@Example.org, hello`)]
    const others = await share(owner, `to ${address}`)
    const kept = await done(owner, 'DELETE', `/galerne/v1/people/${carl.id}`)
    assert.deepEqual(
      kept.shared_files,
      files.map((id, index) => ({ id, workspace: 'default', names: index === 1 })),
    )
    const dora = await enter('dora@example.org', 'Dora Deal')
    const theirs = await share(dora.key, 'of dora')
    const gone = await done(owner, 'DELETE', `/galerne/v1/people/${dora.id}?shared_files=delete`)
    assert.deepEqual([gone.files, gone.shared_files], [1, []])
    assert.equal((await call(owner, 'GET', `/v1/files/${theirs}`)).status, 404)
    assert.equal((await call(owner, 'GET', `/v1/files/${others}`)).status, 200)
  })

  test('an end user is forgotten by the id that clients gave them, and nothing else that looks like it', async (context) => {
    if (needsSessions(context, get())) return
    const { database } = get()
    await chat(owner, 'the customer asks', { user: '42' })
    await complete.settled()
    const spans = database.query.selectFrom('spans').select('user_name').where('user_name', '=', '42')
    assert.equal((await spans.execute()).length, 1)
    const before = (await call(owner, 'GET', '/galerne/v1/usage?width=total')).body.data
    const gone = await done(owner, 'DELETE', '/galerne/v1/people/42')
    assert.deepEqual([gone.calls, gone.contents, gone.spans, gone.mentions], [1, 1, 1, 0])
    assert.deepEqual(await spans.execute(), [])
    assert.deepEqual(await mentionsOf(database, ['the customer asks', '"42"', '\\"42\\"']), [])
    assert.deepEqual((await call(owner, 'GET', '/galerne/v1/usage?width=total')).body.data, before)
    assert.equal((await done(owner, 'GET', '/galerne/v1/audit/verify')).valid, true)
  })
})
