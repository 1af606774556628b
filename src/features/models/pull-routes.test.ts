// Pulls over HTTP: events with rate and time left, one pull for all who ask, stopped and taken up again, for administrators only.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createParser } from 'eventsource-parser'
import { sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { adminKey, type RunningServer, startServer, testKey } from '../../../test/support/server.ts'
import { systemClock } from '../../base/clock.ts'
import { createEgress } from '../../base/egress.ts'
import { createLog } from '../../base/log.ts'
import { connect, type Database } from '../../database/connect.ts'
import type { Pull } from '../../wire/pulls.ts'
import { createActs } from '../audit/acts.ts'
import { Pulls } from './pull-jobs.ts'

const content = weightsLike(8_000_000)
const egress = createEgress()
let hub: TestHub
let server: RunningServer
let database: Database
let pulls: Pulls
let home = ''

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-pulls-'))
  hub = await startHub()
  for (const name of ['one', 'two', 'three']) {
    hub.put('team/Tiny-GGUF', `${name}.gguf`, { content: name === 'one' ? content : weightsLike(8_000_000, name) })
  }
  database = await connect(`sqlite:${join(home, 'test.sqlite')}`)
  const options = { home, hubCache: join(home, 'cache'), hubUrl: hub.url, egress }
  pulls = new Pulls({ pulling: async () => options, log: createLog({ level: 'silent' }) })
  server = await startServer([], { parts: { pulls, acts: createActs(database, systemClock) } })
})
after(async () => {
  await pulls.close()
  await server.stop()
  await database.close()
  await hub.close()
  await egress.close()
  await rm(home, { recursive: true, force: true })
})

const ask = (path: string, method = 'GET', body?: object, key = adminKey) =>
  fetch(`${server.url}/galerne/v1/models/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

/** All events of a stream. */
async function eventsOf(response: Response): Promise<{ event: string; pull: Pull }[]> {
  const events: { event: string; pull: Pull }[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => events.push({ event: event ?? '', pull: JSON.parse(data) as Pull }),
  })
  for await (const chunk of response.body ?? []) parser.feed(Buffer.from(chunk as Uint8Array).toString())
  return events
}

test('a pull tells how far it is until it is done', async () => {
  hub.pace = 40
  const response = await ask('pull', 'POST', { model: 'hf:team/Tiny-GGUF:one.gguf' })
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const events = await eventsOf(response)
  hub.pace = 0
  const last = events.at(-1)
  assert.deepEqual([last?.event, last?.pull.status, last?.pull.result?.sha256], ['done', 'done', sha256(content)])
  const downloading = events.filter(({ pull }) => pull.phase === 'downloading')
  assert.ok(downloading.length > 2)
  assert.ok(downloading.some(({ pull }) => pull.bytes_per_second > 0 && pull.seconds_left !== null))
  assert.ok(downloading.every(({ event, pull }) => event === 'progress' && pull.total_bytes === content.length))
  const path = join(home, 'models/hf/team/Tiny-GGUF/one.gguf')
  assert.deepEqual(await readFile(path), Buffer.from(content))
})

test('who asks for the same model watches the same pull; who leaves does not stop it', async () => {
  hub.pace = 20
  const model = 'hf:team/Tiny-GGUF:two.gguf'
  const leaving = new AbortController()
  const first = await fetch(`${server.url}/galerne/v1/models/pull`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model }),
    signal: leaving.signal,
  })
  await first.body?.getReader().read()
  const started = (await (await ask('pull', 'POST', { model, stream: false })).json()) as Pull
  assert.equal(started.status, 'running')
  leaving.abort()
  const events = await eventsOf(await ask('pull', 'POST', { model }))
  hub.pace = 0
  assert.deepEqual([events.at(-1)?.event, events.at(-1)?.pull.id], ['done', started.id])
  const { data } = (await (await ask('pulls')).json()) as { data: Pull[] }
  assert.equal(data.filter((pull) => pull.model === model).length, 1)
  assert.equal(((await (await ask(`pulls/${started.id}`)).json()) as Pull).status, 'done')
})

test('a pull that is stopped can be taken up', async () => {
  hub.pace = 20
  const model = 'hf:team/Tiny-GGUF:three.gguf'
  const { id } = (await (await ask('pull', 'POST', { model, stream: false })).json()) as Pull
  const stopped = (await (await ask(`pulls/${id}`, 'DELETE')).json()) as Pull
  assert.equal(stopped.status, 'cancelled')
  hub.pace = 0
  const events = await eventsOf(await ask('pull', 'POST', { model }))
  assert.equal(events.at(-1)?.event, 'done')
  const entries = await database.query.selectFrom('audit_log').select(['action', 'target']).execute()
  assert.deepEqual(
    entries.filter(({ target }) => target === model).map(({ action }) => action),
    ['model.pull_started', 'model.pull_stopped', 'model.pull_started'],
  )
})

test('a pull that fails says why; paths, nonsense and callers without the right are refused', async () => {
  const events = await eventsOf(await ask('pull', 'POST', { model: 'hf:team/Tiny-GGUF:absent.gguf' }))
  assert.deepEqual([events.at(-1)?.event, events.at(-1)?.pull.error?.code], ['failed', 'pull_failed'])
  assert.match(events.at(-1)?.pull.error?.message ?? '', /has no file "absent\.gguf"/)
  for (const model of ['/etc/passwd', './x.gguf', '~/x.gguf', 'mine.gguf', 'nothing-of-that-name', 'hf:..']) {
    const refused = await ask('pull', 'POST', { model })
    assert.equal(refused.status, 400, model)
    assert.equal(((await refused.json()) as { param: string }).param, 'model')
  }
  // An address on the server's own network is asked by nobody.
  const inside = await eventsOf(await ask('pull', 'POST', { model: hub.plainUrl('team/Tiny-GGUF', 'one.gguf') }))
  assert.equal(inside.at(-1)?.event, 'failed')
  assert.equal((await ask('pull', 'POST', { model: 'smollm2' }, testKey)).status, 403)
  assert.equal((await ask('pulls', 'GET', undefined, testKey)).status, 403)
  assert.equal((await ask('pulls/pull_none')).status, 404)
})
