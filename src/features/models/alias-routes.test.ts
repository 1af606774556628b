// Aliases over HTTP, with canaries and shadows, on every database: what clients see, what is kept, and what is rolled back by itself.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai-7'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel, type EchoModel } from '../../../test/support/echo-model.ts'
import { type RoutedServer, startRoutedServer } from '../../../test/support/routed-server.ts'
import { testKey } from '../../../test/support/server.ts'
import { isDrawn } from './canary.ts'

const digest = (letter: string) => letter.repeat(64)
const versioned = (letter: string) => `small@sha256:${letter.repeat(12)}`

describeOnServers('aliases', (get) => {
  let server: RoutedServer
  let tries = 0
  const posted: [address: string, message: object][] = []
  let models: Record<'old' | 'fresh' | 'bad' | 'other' | 'vectors' | 'short', EchoModel>
  before(async () => {
    models = {
      old: createEchoModel({ name: 'small', aliases: ['tiny'], digest: digest('a') }),
      fresh: createEchoModel({ name: versioned('b'), digest: digest('b') }),
      bad: createEchoModel({ name: versioned('c'), digest: digest('c'), failAfter: 0 }),
      other: createEchoModel({ name: 'other' }),
      vectors: createEchoModel({ name: 'vectors', capabilities: { chat: false, completion: false } }),
      short: createEchoModel({ name: 'short', contextLength: 64 }),
    }
    server = await startRoutedServer(get().database, Object.values(models), async ({ address }, message) => {
      tries += 1
      // The receiver is away the first time.
      if (tries === 1) throw new Error('not now')
      posted.push([address, message])
    })
  })
  after(() => server.stop())
  const put = (name: string, body: object) => server.admin('PUT', `/galerne/v1/aliases/${name}`, body)
  const history = async (name: string) => (await server.admin('GET', `/galerne/v1/aliases/${name}/history`)).body.data

  test('a version answers to its digest, whole or short, and says who it is', async () => {
    for (const name of ['small', 'tiny', `small@sha256:${digest('a')}`, `tiny@${digest('a').slice(0, 12)}`]) {
      assert.equal((await server.chat(name)).body.model, 'small', name)
    }
    assert.equal((await server.chat(`small@sha256:${digest('b')}`)).body.model, versioned('b'))
    assert.equal((await server.chat(`small@sha256:${digest('f')}`)).status, 404)
    const short = await server.chat('small@sha256:abc')
    assert.deepEqual([short.status, short.body.error.param], [400, 'model'])
  })

  test('an alias is set, listed as both vendors list one, moved, rolled back and removed, with its history', async () => {
    const set = await put('small-latest', { target: 'tiny', reason: 'first' })
    assert.deepEqual(
      [set.status, set.body.target, set.body.digest, set.body.revision],
      [200, 'tiny', `sha256:${digest('a')}`, 1],
    )
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 })
    const listed = (await client.models.list()).data.find(({ id }) => id === 'small-latest') as unknown as {
      name: string
      digest: string
      aliases: string[]
    }
    assert.deepEqual(
      [listed.name, listed.digest, listed.aliases],
      ['small', `sha256:${digest('a')}`, ['small', 'tiny']],
    )
    assert.equal((await client.models.retrieve('small-latest')).id, 'small-latest')
    assert.equal((await server.chat('small-latest')).body.model, 'small')
    const moved = await put('small-latest', { target: `small@${'b'.repeat(12)}`, revision: 1 })
    assert.equal(moved.body.target, `small@sha256:${digest('b')}`)
    assert.equal((await server.chat('small-latest')).body.model, versioned('b'))
    assert.deepEqual([(await put('small-latest', { target: 'small', revision: 1 })).status], [409])
    const back = await server.admin('POST', '/galerne/v1/aliases/small-latest/rollback', { reason: 'worse' })
    assert.deepEqual([back.status, back.body.action, back.body.after.target], [200, 'rolled-back', 'tiny'])
    assert.equal((await server.chat('small-latest')).body.model, 'small')
    assert.equal((await server.admin('DELETE', '/galerne/v1/aliases/small-latest')).status, 200)
    assert.equal((await server.chat('small-latest')).status, 404)
    const changes = await history('small-latest')
    assert.deepEqual(
      changes.map((change: { action: string; reason: string; before: object | null }) => [
        change.action,
        change.reason,
        change.before === null,
      ]),
      [
        ['removed', null, false],
        ['rolled-back', 'worse', false],
        ['set', null, false],
        ['set', 'first', true],
      ],
    )
    assert.deepEqual(changes[0].actor, { kind: 'key', id: 'key_admin' })
    const again = await server.admin('POST', '/galerne/v1/aliases/small-latest/rollback', { to: changes[2].id })
    assert.equal(again.body.after.target, `small@sha256:${digest('b')}`)
    await server.admin('DELETE', '/galerne/v1/aliases/small-latest')
    const acts = await get().database.query.selectFrom('audit_log').select(['action', 'target']).execute()
    const own = acts.filter(({ target }) => target === 'small-latest').map(({ action }) => action)
    assert.deepEqual(own.slice(0, 4), ['alias.set', 'alias.set', 'alias.rolled_back', 'alias.removed'])
  })

  test('nothing is rolled back to what is not here any more', async () => {
    await put('moved', { target: 'other' })
    await put('moved', { target: 'small' })
    server.registry.remove('other')
    const back = await server.admin('POST', '/galerne/v1/aliases/moved/rollback', {})
    assert.deepEqual([back.status, back.body.error.param], [400, 'name'])
    assert.match(back.body.error.message, /it led to "other", which is not served here any more/)
    assert.equal((await server.chat('moved')).body.model, 'small')
    server.registry.add(models.other)
    assert.equal((await server.admin('POST', '/galerne/v1/aliases/moved/rollback', {})).body.after.target, 'other')
  })

  test('what is no target, no name and no right is refused by field', async () => {
    const nowhere = await put('latest', { target: 'nowhere' })
    assert.deepEqual([nowhere.status, nowhere.body.error.param], [400, 'target'])
    const canary = await put('latest', { target: 'small', canary: { target: 'nowhere', percent: 5 } })
    assert.deepEqual([canary.status, canary.body.error.param], [400, 'canary.target'])
    for (const [place, body] of [
      ['canary', { target: 'vectors', percent: 5 }],
      ['shadow', { target: 'vectors' }],
    ] as const) {
      const unlike = await put('latest', { target: 'small', [place]: body })
      assert.deepEqual([unlike.status, unlike.body.error.param], [400, `${place}.target`])
      assert.match(unlike.body.error.message, /it lacks chat, completion/)
    }
    assert.equal((await put('a@b', { target: 'small' })).status, 400)
    assert.equal((await put('latest', { target: 'small', canary: { target: 'other', percent: 101 } })).status, 400)
    const asMember = await fetch(`${server.url}/galerne/v1/aliases/latest`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ target: 'small' }),
    })
    assert.equal(asMember.status, 403)
    assert.equal((await server.admin('GET', '/galerne/v1/aliases/latest')).status, 404)
  })

  test('of 400 calls the canary gets its share, as the seed says, and usage and /metrics tell which version ran', async () => {
    const seed = 11
    await put('split', { target: 'small', canary: { target: versioned('b'), percent: 20, sticky: 'user', seed } })
    const users = Array.from({ length: 400 }, (_, index) => `user-${index}`)
    const expected = users.filter((user) => isDrawn(20, seed, `user ${user}`))
    assert.ok(Math.abs(expected.length - 80) <= 24, String(expected.length))
    const answered: string[] = []
    for (const user of users) {
      const { status, body } = await server.chat('split', { user })
      assert.equal(status, 200)
      if (body.model === versioned('b')) answered.push(user)
    }
    assert.deepEqual(answered, expected)
    await server.flush()
    const rows = await get()
      .database.query.selectFrom('usage')
      .select(['model', 'digest', 'cost'])
      .where('end_user', 'in', users)
      .execute()
    const fresh = rows.filter(({ model }) => model === versioned('b'))
    assert.deepEqual([rows.length, fresh.length, fresh[0]?.digest], [400, expected.length, digest('b')])
    const metrics = (await server.admin('GET', '/metrics')).body as string
    const line = `galerne_alias_calls_total{alias="split",model_name="${versioned('b')}",side="canary",outcome="ok"} ${expected.length}`
    assert.ok(metrics.includes(line), metrics.match(/galerne_alias_calls.*/g)?.join('\n'))
    // The other doors take their model at the same place.
    const [inside = '', outside = ''] = [expected[0], users.find((user) => !expected.includes(user))]
    for (const [user, model] of [
      [inside, versioned('b')],
      [outside, 'small'],
    ] as const) {
      const completion = await server.admin('POST', '/v1/completions', { model: 'split', prompt: 'a b', user })
      const embedding = await server.admin('POST', '/v1/embeddings', { model: 'split', input: 'a b', user })
      assert.deepEqual([completion.body.model, embedding.body.model], [model, model])
    }
    const sessions = { canary: { target: versioned('b'), percent: 50, sticky: 'session', seed } }
    await put('split', { target: 'small', ...sessions })
    const talk = await Promise.all(
      Array.from({ length: 8 }, () => server.chat('split', {}, { 'galerne-session': 'talk-1' })),
    )
    assert.equal(new Set(talk.map(({ body }) => body.model)).size, 1)
  })

  test('a version that fails is rolled back by itself: history, audit, log, metric; callers get the target from then on', async () => {
    const webhook = 'https://example.org/hook'
    const draws = { percent: 50, sticky: 'random', seed: 5 }
    const canary = { target: versioned('c'), ...draws, webhook, rollback: { minimum_calls: 10 } }
    await put('risky', { target: 'small', canary })
    let failed = 0
    for (let call = 0; call < 200; call++) {
      if ((await server.chat('risky')).status !== 200) failed += 1
      if (failed === 10) break
    }
    assert.equal(failed, 10)
    for (let call = 0; call < 50; call++) assert.equal((await server.chat('risky')).status, 200)
    let changes = await history('risky')
    while (changes.length < 2) changes = await history('risky')
    assert.deepEqual(
      [changes[0].action, changes[0].actor, changes[0].after.canary],
      ['rolled-back', { kind: 'system', id: 'canary-watch' }, null],
    )
    assert.match(changes[0].reason, /10 of its last 10 calls failed; 5 % may/)
    assert.ok(server.lines.some(({ msg, alias }) => msg === 'canary rolled back' && alias === 'risky'))
    const metrics = (await server.admin('GET', '/metrics')).body as string
    assert.match(metrics, /galerne_alias_rollbacks_total\{alias="risky",cause="figures"\} 1/)
    const act = await get()
      .database.query.selectFrom('audit_log')
      .select('actor_kind')
      .where('action', '=', 'alias.rolled_back')
      .where('target', '=', 'risky')
      .executeTakeFirst()
    assert.equal(act?.actor_kind, 'system')
    assert.equal((await server.admin('GET', '/galerne/v1/aliases/risky')).body.canary, null)
    while (posted.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const [address, message] = posted[0] ?? []
    assert.equal(address, webhook)
    assert.partialDeepStrictEqual(message, {
      id: changes[0].id,
      type: 'alias.rolled_back',
      alias: 'risky',
      target: 'small',
    })
  })

  test('a canary with less context is rolled back by the calls that the target would have taken', async () => {
    const draws = { percent: 50, sticky: 'random', seed: 5 }
    const canary = { target: 'short', ...draws, rollback: { minimum_calls: 5 } }
    await put('long', { target: 'small', canary })
    const long = { messages: [{ role: 'user', content: 'word '.repeat(200) }], max_tokens: 1 }
    let refused = 0
    for (let call = 0; call < 100; call++) if ((await server.chat('long', long)).status !== 200) refused += 1
    assert.equal(refused, 5)
    let changes = await history('long')
    while (changes.length < 2) changes = await history('long')
    assert.deepEqual([changes[0].action, changes[0].after.canary], ['rolled-back', null])
    // Where both refuse it, it is the caller's.
    await put('long', { target: 'short', canary: { ...canary, target: 'short' } })
    for (let call = 0; call < 20; call++) assert.equal((await server.chat('long', long)).status, 400)
    assert.notEqual((await server.admin('GET', '/galerne/v1/aliases/long')).body.canary, null)
  })

  test('a gate lets nothing through that was not measured, and a worse measurement takes the canary off', async () => {
    const canary = { target: versioned('b'), percent: 50, gate: { max_perplexity_ratio: 1.05 } }
    const measure = (body: object) => server.admin('POST', '/galerne/v1/model-quality', body)
    const refused = await put('gated', { target: 'small', canary })
    assert.deepEqual([refused.status, refused.body.error.param], [400, 'canary.gate'])
    const text_sha256 = digest('e')
    await measure({ model: 'small', perplexity: 10, text_sha256 })
    await measure({ digest: digest('b'), perplexity: 10.3, text_sha256 })
    assert.equal((await put('gated', { target: 'small', canary })).status, 200)
    const worse = await measure({ model: versioned('b'), perplexity: 12, text_sha256, note: 'measured again' })
    assert.deepEqual([worse.status, worse.body.digest], [200, `sha256:${digest('b')}`])
    const [change] = await history('gated')
    assert.deepEqual([change.action, change.after.canary], ['rolled-back', null])
    assert.match(change.reason, /perplexity is 12, the target's 10 on the same text/)
    const kept = await server.admin('GET', `/galerne/v1/model-quality?model=${encodeURIComponent(versioned('b'))}`)
    assert.deepEqual(
      kept.body.data.map(({ perplexity }: { perplexity: number }) => perplexity),
      [12, 10.3],
    )
  })

  test('a shadow gets copies and its failures are nobody’s; what it costs is counted apart', async () => {
    await put('watched', { target: 'small', shadow: { target: versioned('c') } })
    const told = () =>
      server
        .admin('GET', '/metrics')
        .then(({ body }) => /galerne_shadow_calls_total\{[^}]*outcome="(\w+)"\} (\d+)/.exec(body as string)?.slice(1))
    for (let call = 0; call < 20; call++) {
      const { status, body } = await server.chat('watched', { user: 'somebody' })
      assert.deepEqual([status, body.model, body.choices[0].message.content], [200, 'small', 'word'])
    }
    while ((await told())?.[1] !== '20') await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(await told(), ['failed', '20'])
    await server.flush()
    const rows = await get()
      .database.query.selectFrom('usage')
      .select(['workspace', 'key_id', 'end_user', 'class', 'request_id'])
      .where('model', '=', versioned('c'))
      .where('workspace', '=', 'shadow')
      .execute()
    assert.equal(rows.length, 20)
    assert.ok(rows.every((row) => row.key_id === 'shadow' && row.end_user === null && row.class === 'batch'))
    assert.equal(models.bad.seen.at(-1)?.cacheScope, 'default')
  })

  test('aliases outlive the server, and one with a model’s own name stands before it', async () => {
    await put('small', { target: `small@sha256:${digest('b')}` })
    assert.equal((await server.chat('small')).body.model, versioned('b'))
    const next = await startRoutedServer(get().database, Object.values(models))
    try {
      assert.equal((await next.chat('small')).body.model, versioned('b'))
      const ids = (await next.admin('GET', '/v1/models')).body.data.filter(({ id }: { id: string }) => id === 'small')
      assert.deepEqual(
        ids.map((one: { digest: string }) => one.digest),
        [`sha256:${digest('b')}`],
      )
      // The version that has the plain name is still there, by its digest.
      assert.equal((await next.chat(`small@sha256:${digest('a')}`)).body.model, 'small')
    } finally {
      await next.stop()
      await server.admin('DELETE', '/galerne/v1/aliases/small')
    }
  })
})
