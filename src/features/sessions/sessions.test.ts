// Signing in on the real server: by password and by a real OpenID Connect provider, what a session may do, and what it is guarded by.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { describeOnServers } from '../../../test/support/databases.ts'
import { type ProvidedPerson, type RunningProvider, startProvider } from '../../../test/support/oidc-provider.ts'
import { type Answer, type RunningOrganisation, startOrganisation } from '../../../test/support/organisation.ts'
import { systemClock } from '../../base/clock.ts'
import { createEgress, type LedgerEntry } from '../../base/egress.ts'
import { createOidc } from './oidc.ts'

const password = 'correct horse battery'

/** The cookies that an answer sets, as a browser would send them back. */
const cookiesOf = ({ headers }: Answer) =>
  headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')

describeOnServers('sessions', (get) => {
  let running: RunningOrganisation
  before(async () => {
    running = await startOrganisation(get().database)
  })
  after(() => running.stop())
  const open = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    running.call(undefined, method, path, body, headers)

  async function invited(email: string, role = 'reader', projects: object[] = [{ id: 'default', role: 'member' }]) {
    const invite = await running.call(running.owner, 'POST', '/v1/organization/invites', { email, role, projects })
    const secret: string = invite.body.secret
    const accepted = await open('POST', '/galerne/v1/invitations/accept', { secret, name: 'Anna Blum', password })
    assert.equal(accepted.status, 200, accepted.text)
    return { cookie: cookiesOf(accepted), secret }
  }

  async function tokenOf(cookie: string): Promise<string> {
    return (await open('GET', '/galerne/v1/session', undefined, { cookie })).body.csrf_token
  }

  test('an invitation shows itself, makes a person who is signed in, and works once', async () => {
    const made = await running.call(running.owner, 'POST', '/v1/organization/invites', {
      ...{ email: 'First@example.org', role: 'admin', projects: [] },
    })
    const { secret } = made.body
    const shown = await open('POST', '/galerne/v1/invitations/open', { secret })
    assert.deepEqual([shown.body.email, shown.body.role], ['first@example.org', 'admin'])
    const short = await open('POST', '/galerne/v1/invitations/accept', { secret, name: 'F', password: 'short' })
    assert.deepEqual([short.status, short.body.error.param], [400, 'password'])
    const accepted = await open('POST', '/galerne/v1/invitations/accept', { secret, name: 'F', password })
    const [line = ''] = accepted.headers.getSetCookie()
    assert.match(line, /^galerne_session=[\w-]{43};.*HttpOnly/)
    assert.match(line, /SameSite=Strict/)
    const again = await open('POST', '/galerne/v1/invitations/accept', { secret, name: 'F', password })
    assert.deepEqual([again.status, again.body.error.code], [404, 'invitation_invalid'])
    assert.equal((await open('POST', '/galerne/v1/invitations/open', { secret: 'guess' })).status, 404)
  })

  test('who is signed in reads and, with the token, changes; another site’s page changes nothing', async () => {
    const { cookie } = await invited('anna@example.org')
    const session = await open('GET', '/galerne/v1/session', undefined, { cookie })
    assert.deepEqual([session.body.user.email, session.body.workspace], ['anna@example.org', 'default'])
    assert.equal((await open('GET', '/v1/models', undefined, { cookie })).status, 200)
    const make = (headers: Record<string, string>) => open('POST', '/galerne/v1/keys', { name: 'mine' }, headers)
    for (const token of [undefined, '', 'x'.repeat(43)]) {
      const refused = await make({ cookie, ...(token !== undefined && { 'galerne-csrf': token }) })
      assert.deepEqual([refused.status, refused.body.error.code], [403, 'csrf_token_invalid'])
    }
    const made = await make({ cookie, 'galerne-csrf': session.body.csrf_token })
    assert.deepEqual([made.status, made.body.user_id], [200, session.body.user.id])
    // A browser that somebody's DNS led here; fetch does not let a test choose the host.
    const elsewhere = await running.server.inject({
      ...{ method: 'GET', url: '/v1/models', headers: { cookie, host: 'galerne.evil.example' } },
    })
    assert.deepEqual([elsewhere.statusCode, elsewhere.json().error.code], [403, 'host_not_allowed'])
    const foreign = await open('GET', '/v1/models', undefined, { cookie, 'galerne-workspace': 'theirs' })
    assert.equal(foreign.status, 404)
  })

  test('a role taken, a person disabled or signed out counts from the next request on', async () => {
    const { cookie } = await invited('berta@example.org')
    const token = await tokenOf(cookie)
    const [person] = (await running.call(running.owner, 'GET', '/v1/organization/users?emails=berta@example.org')).body
      .data
    await running.call(running.owner, 'DELETE', `/v1/organization/projects/default/users/${person.id}`)
    assert.equal((await open('GET', '/v1/models', undefined, { cookie })).status, 403)
    assert.equal((await open('GET', '/v1/whoami', undefined, { cookie })).status, 200)
    const out = await open('DELETE', '/galerne/v1/session', undefined, { cookie, 'galerne-csrf': token })
    assert.equal(out.status, 204)
    const gone = await open('GET', '/v1/whoami', undefined, { cookie })
    assert.deepEqual([gone.status, gone.body.error.code], [401, 'not_signed_in'])
  })

  test('passwords: the right one signs in, others are refused alike, five wrong ones close the door for a while', async () => {
    await invited('carla@example.org')
    const attempt = (email: string, guess: string) => open('POST', '/galerne/v1/session', { email, password: guess })
    const right = await attempt('Carla@Example.org', password)
    assert.equal(right.status, 200, right.text)
    const wrong = await attempt('carla@example.org', `${password}!`)
    const nobody = await attempt('nobody@example.org', password)
    assert.deepEqual([wrong.status, wrong.body.error.code], [401, 'sign_in_refused'])
    assert.deepEqual(nobody.body.error, wrong.body.error)
    for (let more = 0; more < 4; more++) await attempt('carla@example.org', 'wrong')
    const limited = await attempt('carla@example.org', password)
    assert.deepEqual([limited.status, limited.body.error.code], [429, 'sign_in_limited'])
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
  })

  test('many guesses at once are no more than one after the other, over all nodes', async (context) => {
    await invited('emil@example.org')
    const other = await startOrganisation(get().database)
    try {
      const guess = (node: RunningOrganisation) =>
        node.call(undefined, 'POST', '/galerne/v1/session', { email: 'emil@example.org', password: 'wrong' })
      // SQLite has one node.
      const nodes = get().database.dialect.name === 'sqlite' ? [running] : [running, other]
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => guess(nodes[n % nodes.length] ?? running)))
      const statuses = answers.map(({ status }) => status)
      assert.equal(statuses.filter((status) => status === 401).length, 5, statuses.join(' '))
      assert.equal(statuses.filter((status) => status === 429).length, 7, statuses.join(' '))
      context.diagnostic(`${nodes.length} nodes`)
    } finally {
      await other.stop()
    }
  })

  test('a changed password ends the person’s other sessions', async () => {
    const { cookie } = await invited('dora@example.org')
    const other = cookiesOf(await open('POST', '/galerne/v1/session', { email: 'dora@example.org', password }))
    const headers = { cookie, 'galerne-csrf': await tokenOf(cookie) }
    const change = (current: string) =>
      open('PUT', '/galerne/v1/session/password', { current, password: 'a new long password' }, headers)
    assert.equal((await change('wrong')).body.error.param, 'current')
    assert.equal((await change(password)).status, 204)
    assert.equal((await open('GET', '/v1/whoami', undefined, { cookie: other })).status, 401)
    assert.equal((await open('GET', '/v1/whoami', undefined, { cookie })).status, 200)
  })

  test('who guesses keeps nobody else out, and all of an IPv6 network is one who guesses', async () => {
    await invited('hilda@example.org')
    const behind = await startOrganisation(get().database, { config: { trustProxy: ['127.0.0.1'] } })
    const from = (address: string, path: string, body: object) =>
      behind.call(undefined, 'POST', path, body, { 'x-forwarded-for': address })
    const signIn = (address: string, guess: string) =>
      from(address, '/galerne/v1/session', { email: 'hilda@example.org', password: guess })
    try {
      for (let guess = 0; guess < 5; guess++) await signIn('198.51.100.20', 'wrong')
      assert.equal((await signIn('198.51.100.20', password)).status, 429)
      assert.equal((await signIn('198.51.100.21', password)).status, 200)
      const statuses: number[] = []
      for (let guess = 1; guess <= 32; guess++) {
        const address = `2001:db8:1:2:${guess.toString(16)}::${guess}`
        statuses.push((await from(address, '/galerne/v1/session/key', { key: 'x'.repeat(40) })).status)
      }
      assert.deepEqual(statuses.slice(0, 30), Array(30).fill(401))
      assert.deepEqual(statuses.slice(30), [429, 429])
      assert.equal((await from('2001:db8:1:3::1', '/galerne/v1/session/key', { key: 'x'.repeat(40) })).status, 401)
    } finally {
      await behind.stop()
    }
  })

  test('at a session the password is guessed no faster than at the door', async () => {
    const { cookie } = await invited('frida@example.org')
    const token = await tokenOf(cookie)
    // From an address of its own: the tests before have used up what one address may get wrong.
    const behind = await startOrganisation(get().database, { config: { trustProxy: ['127.0.0.1'] } })
    const headers = { cookie, 'galerne-csrf': token, 'x-forwarded-for': '198.51.100.7' }
    const change = (current: string) =>
      behind.call(undefined, 'PUT', '/galerne/v1/session/password', { current, password: 'a new long one' }, headers)
    try {
      for (let guess = 0; guess < 5; guess++) assert.equal((await change('wrong')).body.error.param, 'current')
      const limited = await change(password)
      assert.deepEqual([limited.status, limited.body.error.code], [429, 'sign_in_limited'])
    } finally {
      await behind.stop()
    }
  })

  test('a failed sign-in is in the log by the person’s pseudonym; one of nobody is not', async () => {
    await invited('gerd@example.org')
    const failures = async () =>
      (await running.call(running.owner, 'GET', '/v1/organization/audit_logs?event_types=login.failed&limit=100')).body
        .data.length as number
    const before = await failures()
    for (const email of ['nobody-at-all@example.org', 'gerd@example.org']) {
      assert.equal((await open('POST', '/galerne/v1/session', { email, password: 'wrong' })).status, 401)
    }
    // Written when the answer is gone, so that its time tells nothing.
    while ((await failures()) === before) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(await failures(), before + 1)
  })

  test('no password, cookie, token, key or link lies in the database, in the log or in an error', async () => {
    const { cookie, secret } = await invited('eva@example.org')
    const token = cookie.split('=')[1] ?? ''
    const made = await running.call(running.owner, 'POST', '/galerne/v1/keys', { name: 'k' })
    const refused = await running.call(`${made.body.secret}x`, 'GET', '/v1/models')
    const wrong = await open('POST', '/galerne/v1/session', { email: 'eva@example.org', password: `${password}-wrong` })
    const { query } = get().database
    const tables = ['keys', 'users', 'sessions', 'invites', 'audit_log', 'audit_people', 'audit_origins'] as const
    const rows = await Promise.all(tables.map((table) => query.selectFrom(table).selectAll().execute()))
    const everything = JSON.stringify(rows) + running.log() + refused.text + wrong.text
    for (const hidden of [password, token, secret, made.body.secret, running.owner]) {
      assert.ok(token.length > 0 && !everything.includes(hidden), hidden)
    }
  })
})

describeOnServers('OpenID Connect', (get) => {
  const people: ProvidedPerson[] = [
    { sub: 'p1', email: 'Invited@example.org', email_verified: true, name: 'Ida Invited' },
    { sub: 'p2', email: 'somebody@welcome.example', email_verified: true },
    { sub: 'p3', email: 'stranger@elsewhere.example', email_verified: true },
    { sub: 'p4', email: 'invited@example.org', email_verified: false },
    { sub: 'p5', email: 'invited@example.org', email_verified: true },
  ]
  const ledger: LedgerEntry[] = []
  const egress = createEgress({ ledger: (entry) => void ledger.push(entry) })
  let provider: RunningProvider
  let running: RunningOrganisation
  before(async () => {
    const clientSecret = 'a secret of the provider for us'
    const redirectUri = () => `${running.url}/galerne/v1/oidc/callback`
    provider = await startProvider({ people, clientId: 'galerne', clientSecret, redirectUri })
    const settings = { issuer: provider.issuer, clientId: 'galerne', clientSecret }
    const oidc = createOidc(settings, { egress, clock: systemClock })
    running = await startOrganisation(get().database, { oidc: { oidc, domains: ['welcome.example'] } })
  })
  after(async () => {
    await running.stop()
    await provider.stop()
    await egress.close()
  })

  /** The browser's whole way; answers the last address and the session's cookie. */
  async function signIn(sub: string): Promise<{ to: string; cookie: string; back: string; flow: string }> {
    const start = await running.call(undefined, 'GET', '/galerne/v1/oidc/start')
    const flow = cookiesOf(start)
    const back = await provider.signIn(start.headers.get('location') ?? '', sub)
    const answer = await running.call(undefined, 'GET', back.slice(running.url.length), undefined, { cookie: flow })
    return { to: answer.headers.get('location') ?? answer.text, cookie: cookiesOf(answer), back, flow }
  }
  const whoami = async (cookie: string) =>
    (await running.call(undefined, 'GET', '/v1/whoami', undefined, { cookie })).body

  test('the door says that it is there', async () => {
    const { body } = await running.call(undefined, 'GET', '/galerne/v1/sign-in')
    assert.deepEqual(body, { password: true, oidc: { start: '/galerne/v1/oidc/start', issuer: provider.issuer } })
  })

  test('who was invited comes in with the roles that were meant, and is the same person the next time', async () => {
    await running.call(running.owner, 'POST', '/v1/organization/invites', {
      ...{ email: 'invited@example.org', role: 'billing', projects: [{ id: 'default', role: 'viewer' }] },
    })
    assert.equal((await signIn('p4')).to, '/sign-in?error=sign_in_unknown', 'an address that nobody checked')
    const first = await signIn('p1')
    assert.equal(first.to, '/')
    const { principal } = await whoami(first.cookie)
    assert.deepEqual([principal.email, principal.last_name], ['invited@example.org', 'Invited'])
    assert.deepEqual((await whoami((await signIn('p1')).cookie)).principal, principal)
    assert.equal((await signIn('p5')).to, '/sign-in?error=sign_in_unknown', 'another identity with the same address')
  })

  test('a domain’s people become members, others stay out', async () => {
    const welcome = await signIn('p2')
    assert.equal((await whoami(welcome.cookie)).principal.email, 'somebody@welcome.example')
    assert.equal(
      (await running.call(undefined, 'GET', '/v1/models', undefined, { cookie: welcome.cookie })).status,
      200,
    )
    const stranger = await signIn('p3')
    assert.equal(stranger.to, '/sign-in?error=sign_in_unknown')
    assert.equal(
      (await running.call(undefined, 'GET', '/v1/whoami', undefined, { cookie: stranger.cookie })).status,
      401,
    )
  })

  test('an answer of the provider works once, and only in the browser that asked', async () => {
    const { back, flow } = await signIn('p2')
    const path = back.slice(running.url.length)
    const come = async (cookie: string) =>
      (await running.call(undefined, 'GET', path, undefined, { cookie })).headers.get('location')
    assert.equal(await come(flow), '/sign-in?error=oidc_failed', 'a second time')
    assert.equal(await come(''), '/sign-in?error=oidc_failed', 'without the cookie')
    const other = cookiesOf(await running.call(undefined, 'GET', '/galerne/v1/oidc/start'))
    assert.equal(await come(other), '/sign-in?error=oidc_failed', 'with another browser’s')
  })

  test('whoever makes up ways back is stopped before the provider is asked again and again', async () => {
    const made = { state: 'a'.repeat(43), nonce: 'b'.repeat(43), verifier: 'c'.repeat(43) }
    const cookie = `galerne_oidc=${Buffer.from(JSON.stringify(made)).toString('base64url')}`
    const path = `/galerne/v1/oidc/callback?code=guess&state=${made.state}&iss=${encodeURIComponent(provider.issuer)}`
    const asked = () => ledger.length
    const before = asked()
    const ends: (string | null)[] = []
    for (let guess = 0; guess < 40; guess++) {
      ends.push((await running.call(undefined, 'GET', path, undefined, { cookie })).headers.get('location'))
    }
    assert.equal(ends[0], '/sign-in?error=oidc_failed')
    assert.equal(ends.at(-1), '/sign-in?error=sign_in_limited')
    assert.ok(asked() - before <= 30, `${asked() - before} requests`)
  })

  test('everything went out through egress, to the provider alone', () => {
    assert.ok(ledger.length >= 4)
    assert.deepEqual(
      [...new Set(ledger.map(({ purpose, destination }) => `${purpose} ${destination}`))],
      [`oidc ${provider.issuer}`],
    )
  })
})
