// Secrets of every kind are used, rightly and wrongly, on the real product, and then searched for: in every table, in the log, in errors, in its files.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from '../../src/database/connect.ts'
import { describeOnServers } from '../support/databases.ts'
import { mentionsOf, readEverything } from '../support/everything.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

// Each is looked for as it is: none may be part of another, or of anything that is no secret.
const settings = {
  webhook: 'webhook-secret-7d1f0a52c9',
  smtp: 'smtp-password-5b8ce1',
  oidc: 'oidc-client-secret-a94f21',
  otlp: 'Bearer otlp-authorization-3c77',
  hub: 'hub-token-e01b9f',
} as const
const password = 'correct horse battery 61a8'
const wrongPassword = 'wrong horse battery 9c02'
const question = 'the private question 48af'

describeOnServers('secrets', (get) => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-secrets-'))
  let product: RunningProduct
  /** Bodies of all errors so far. */
  let errors = ''
  before(async () => {
    const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
    // Nobody listens there: whatever is sent fails, and the failure is logged.
    const flags = [
      ...['--model', `tiny=${path}`, '--streams', '2', '--context-length', '512', '--log-level', 'trace'],
      ...['--webhook-private', 'allow', '--public-url', 'http://127.0.0.1:9'],
      ...['--oidc-issuer', 'http://127.0.0.1:9', '--oidc-client-id', 'galerne', '--oidc-client-secret', 'env:T_OIDC'],
      ...['--otlp-url', 'http://127.0.0.1:9/v1/traces', '--otlp-authorization', 'env:T_OTLP'],
      ...['--hub-token', 'env:T_HUB'],
    ]
    product = await startProduct(flags, {
      ...{ T_OIDC: settings.oidc, T_OTLP: settings.otlp, T_HUB: settings.hub },
      GALERNE_DATABASE_URL: get().url,
      GALERNE_WEBHOOK_SECRET: settings.webhook,
      GALERNE_SMTP_URL: `smtp://mailer:${settings.smtp}@127.0.0.1:9`,
    })
  })
  after(async () => {
    await product.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function call(key: string | undefined, method: string, path: string, body?: unknown, more = {}) {
    const answer = await fetch(product.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (answer.status >= 300) errors += text
    // biome-ignore lint/suspicious/noExplicitAny: tests walk bodies of every shape, and a wrong step fails the test.
    const parsed = (/^[{[]/.test(text) ? JSON.parse(text) : text) as any
    return { status: answer.status, headers: answer.headers, body: parsed }
  }
  const done = async (...request: Parameters<typeof call>) => {
    const answer = await call(...request)
    assert.equal(answer.status, 200, `${request[1]} ${request[2]}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  test('none lies in a table, in the log, in an error or in a file', async () => {
    const owner = product.key
    await done(owner, 'GET', '/v1/models')
    // The greeting before shows the key to whoever started the server.
    const greeting = product.output().length
    const logged = () => product.output().slice(greeting)
    const made = await done(owner, 'POST', '/galerne/v1/keys', { name: 'made' })
    const rotated = await done(owner, 'POST', `/galerne/v1/keys/${made.id}/rotate`, {})
    const admin = await done(owner, 'POST', '/v1/organization/admin_api_keys', { name: 'admin' })
    const program = await done(owner, 'POST', '/v1/organization/projects/default/service_accounts', { name: 'program' })
    const invite = { email: 'anna@example.org', role: 'owner', projects: [] }
    const { secret: invitation } = await done(owner, 'POST', '/v1/organization/invites', invite)
    const { secret: unused } = await done(owner, 'POST', '/v1/organization/invites', {
      ...invite,
      email: 'b@example.org',
    })
    await call(undefined, 'POST', '/galerne/v1/invitations/open', { secret: `${unused}x` })
    const accepted = { secret: invitation, name: 'Anna', password }
    assert.equal((await call(undefined, 'POST', '/galerne/v1/invitations/accept', accepted)).status, 200)
    const signedIn = await call(undefined, 'POST', '/galerne/v1/session', { email: 'anna@example.org', password })
    const cookie = signedIn.headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''
    const session = cookie.split('=')[1] ?? ''
    const keyCookie = await call(undefined, 'POST', '/galerne/v1/session/key', { key: made.secret })
    assert.equal(keyCookie.status, 204)
    const keys = [made.secret, rotated.secret, admin.value, program.api_key.value, owner] as string[]

    // Rightly used.
    const chat = { model: 'tiny', max_tokens: 2, messages: [{ role: 'user', content: question }] }
    for (const key of keys) await done(key, 'POST', '/v1/chat/completions', chat)
    const budget = { scope: 'workspace', amount: 1, hard: false, webhook: 'http://127.0.0.1:9/hook' }
    await done(owner, 'POST', '/galerne/v1/prices', { model: 'tiny', input: 1_000_000, output: 1, source: 'a test' })
    await done(owner, 'POST', '/galerne/v1/budgets', { ...budget, emails: ['c@example.org'], thresholds: [1] })
    await done(rotated.secret, 'POST', '/v1/chat/completions', chat)

    // Wrongly used: each is a mistake that somebody makes.
    for (const key of keys) {
      await call(`${key}x`, 'GET', '/v1/models')
      await call(undefined, 'GET', '/v1/models', undefined, { authorization: key })
      await call(undefined, 'GET', `/v1/models?api_key=${key}`)
      await call(undefined, 'POST', `/v1/chat/completions?key=${key}`, '{', { 'x-api-key': key })
      await call(owner, 'POST', '/galerne/v1/keys', { name: 'given', secret: key })
    }
    for (const email of ['anna@example.org', 'nobody@example.org']) {
      await call(undefined, 'POST', '/galerne/v1/session', { email, password: wrongPassword })
    }
    await call(undefined, 'POST', '/galerne/v1/session', `{"email":"anna@example.org","password":"${password}"`)
    const headers = { cookie: `${cookie}x` }
    await call(undefined, 'GET', '/galerne/v1/session', undefined, headers)
    await call(undefined, 'POST', '/galerne/v1/keys', { name: 'x' }, { cookie })
    await call(undefined, 'GET', '/galerne/v1/oidc/start')
    await call(undefined, 'GET', '/galerne/v1/oidc/callback?code=x&state=y')
    await call(owner, 'POST', '/galerne/v1/models/pull', { model: 'hf:none/none' })
    await call(owner, 'POST', '/v1/chat/completions', { ...chat, temperature: 'hot' })

    const hidden = { ...settings, password, wrongPassword, question, session, invitation, unused }
    const values = [...Object.entries(hidden), ...keys.map((key, index) => [`key ${index}`, key] as const)]
    // What fails is told in the log in its own time: the mail, the alert, the spans.
    while (!/could not be mailed/.test(product.output()) || !/alert could not be sent/.test(product.output())) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const database = await connect(get().url)
    try {
      // Spans gather for a second where nobody waits for them; without them the search would prove less.
      for (;;) {
        const tables = await readEverything(database)
        if ((tables.get('usage')?.length ?? 0) >= 6 && (tables.get('spans')?.length ?? 0) >= 6) break
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      assert.ok(logged().split('\n').length > 10 && errors.length > 1000)
      for (const [name, value] of values) {
        assert.ok(value.length > 10, name)
        assert.deepEqual(await mentionsOf(database, [value]), [], name)
        assert.ok(!logged().includes(value), `the log holds ${name}`)
        assert.ok(!errors.includes(value), `an error holds ${name}`)
      }
    } finally {
      await database.close()
    }
    for (const entry of readdirSync(product.home, { recursive: true, withFileTypes: true })) {
      // The command line's own key, mode 0600, is there to be used.
      if (!entry.isFile() || entry.name.endsWith('key')) continue
      const bytes = readFileSync(join(entry.parentPath, entry.name), 'latin1')
      for (const [name, value] of values) assert.ok(!bytes.includes(value), `${entry.name} holds ${name}`)
    }
  })
})
