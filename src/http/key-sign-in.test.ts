import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { type RunningServer, startServer } from '../../test/support/server.ts'
import { systemClock } from '../base/clock.ts'
import { createLog } from '../base/log.ts'
import { connect } from '../database/connect.ts'
import { createNotices } from '../database/notices.ts'
import { createActs } from '../features/audit/acts.ts'
import { firstKey } from '../features/keys/first.ts'
import { keyVerifier } from '../features/keys/verify.ts'

describe('signing in to the console with a key', () => {
  const closing: (() => Promise<unknown>)[] = []
  const given = 'first-key-of-this-server-0000000000'
  let server: RunningServer
  before(async () => {
    const home = await mkdtemp(join(tmpdir(), 'galerne-key-sign-in-'))
    closing.push(() => rm(home, { recursive: true, force: true }))
    const database = await connect(`sqlite:${join(home, 'galerne.sqlite')}`)
    closing.push(() => database.close())
    const notices = await createNotices(database, { log: createLog({ level: 'silent' }) })
    closing.push(() => notices.close())
    await firstKey(database, systemClock, { home, given })
    server = await startServer([createEchoModel()], {
      parts: {
        keys: keyVerifier(database, systemClock, notices),
        acts: createActs(database, systemClock, notices),
      },
    })
    closing.push(() => server.stop())
  })
  after(async () => {
    for (const close of closing.reverse()) await close()
  })
  const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init)
  const json = { 'content-type': 'application/json' }
  const signIn = (key: string) =>
    ask('/galerne/v1/session/key', { method: 'POST', headers: json, body: JSON.stringify({ key }) })

  test('the browser gets the key where no script reads it, and changes need a token', async () => {
    const answer = await signIn(given)
    assert.equal(answer.status, 204)
    const set = answer.headers.get('set-cookie') ?? ''
    assert.match(set, /^galerne_key=/)
    assert.match(set, /HttpOnly/)
    assert.match(set, /SameSite=Strict/)
    const cookie = set.split(';')[0] ?? ''
    const session = await (await ask('/galerne/v1/session', { headers: { cookie } })).json()
    assert.equal(session.user, null)
    assert.equal(session.workspace, 'default')
    assert.ok(session.workspaces[0].permissions.includes('keys.write'))
    assert.doesNotMatch(JSON.stringify(session), new RegExp(given))

    const chat = (headers: Record<string, string>) =>
      ask('/v1/chat/completions', {
        method: 'POST',
        headers: { ...json, cookie, ...headers },
        body: JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'hello' }] }),
      })
    assert.equal((await chat({})).status, 403)
    assert.equal((await chat({ 'galerne-csrf': 'wrong' })).status, 403)
    assert.equal((await chat({ 'galerne-csrf': session.csrf_token })).status, 200)

    const out = await ask('/galerne/v1/session', {
      method: 'DELETE',
      headers: { cookie, 'galerne-csrf': session.csrf_token },
    })
    assert.equal(out.status, 204)
    assert.match(out.headers.getSetCookie().join(' '), /galerne_key=;/)
  })

  test('a wrong key is refused, and guessing is bounded', async () => {
    const statuses: number[] = []
    for (let guess = 0; guess < 31; guess++) statuses.push((await signIn(`wrong-key-${guess}`)).status)
    assert.ok(statuses.slice(0, 30).every((status) => status === 401))
    assert.equal(statuses.at(-1), 429)
  })
})
