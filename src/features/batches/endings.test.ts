// What batches do when servers and engines end, on both databases: given back, gone on with, tried again, and never answered twice.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { type FilesServer, startFilesServer } from '../../../test/support/files-server.ts'
import { send } from '../../../test/support/http-client.ts'
import { otherKey } from '../../../test/support/server.ts'
import { usageRow } from '../../../test/support/usage-rows.ts'
import { systemClock } from '../../base/clock.ts'
import { batchRequestId } from '../usage/batch-calls.ts'
import { writeUsage } from '../usage/store.ts'
import { finishBatch } from './finish.ts'
import { lineStore } from './lines.ts'

type Job = Record<string, unknown>

const endpoint = '/v1/chat/completions'
const requests = (model: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    custom_id: `s${index}`,
    body: { model, messages: [{ role: 'user', content: 'one two three four five' }] },
  }))

async function until(server: FilesServer, id: string, reached: (job: Job) => boolean) {
  for (;;) {
    const answer = await send(server, `/v1/batch/jobs/${id}?inline=true`)
    assert.equal(answer.status, 200, answer.text)
    if (reached(answer.json())) return answer.json()
    await delay(10)
  }
}

const isDone = (job: Job) => !/^(QUEUED|RUNNING)$/.test(String(job['status']))

describeOnServers('batches when things end', (get) => {
  const create = async (server: FilesServer, model: string, count: number): Promise<string> => {
    const made = await send(server, '/v1/batch/jobs', { body: { endpoint, requests: requests(model, count) } })
    assert.equal(made.status, 200, made.text + JSON.stringify(server.lines.filter((line) => line['level'] === 'error')))
    return made.json().id
  }

  test('a server that stops gives its batches back, and the next one goes on with the same ids', async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'galerne-batches-'))
    const first = createEchoModel({ name: 'slow', streams: 2, tokenMs: 20 })
    const one = await startFilesServer(get().database, { models: [first], home })
    t.after(() => one.stop())
    const id = await create(one, 'slow', 12)
    await until(one, id, (job) => Number(job['succeeded_requests']) >= 3)
    await one.stop()
    const second = createEchoModel({ name: 'slow', streams: 2 })
    const two = await startFilesServer(get().database, { models: [second], home })
    t.after(() => two.stop())
    const done = await until(two, id, isDone)
    assert.deepEqual([done.status, done.succeeded_requests, done.failed_requests], ['SUCCESS', 12, 0])
    assert.equal(new Set(done.outputs.map((output: Job) => output['custom_id'])).size, 12)
    const ids = new Set([...first.seen, ...second.seen].map(({ requestId }) => requestId))
    assert.equal(ids.size, 12, 'an attempt that was cut off keeps its id')
    await two.stop()
    await rm(home, { recursive: true, force: true })
  })

  test('lines that run when a server stops may finish within its grace time', async (t) => {
    const slow = createEchoModel({ name: 'slow', streams: 2, tokenMs: 30 })
    const server = await startFilesServer(get().database, { models: [slow], graceMs: 60_000 })
    t.after(() => server.stop())
    const id = await create(server, 'slow', 40)
    await until(server, id, () => slow.load().running > 0)
    await server.batches.stop()
    const { succeeded_requests: done } = (await send(server, `/v1/batch/jobs/${id}`)).json()
    assert.ok(done >= 1 && done < 40)
    assert.equal(slow.seen.length, done)
    await send(server, `/v1/batch/jobs/${id}/cancel`, { method: 'POST' })
    await server.stop()
  })

  test('a line whose engine fails is tried again under another id, and fails after five attempts', async (t) => {
    const broken = createEchoModel({ name: 'broken', failAfter: 0 })
    const server = await startFilesServer(get().database, { models: [broken] })
    t.after(() => server.stop())
    const id = await create(server, 'broken', 1)
    const done = await until(server, id, isDone)
    assert.deepEqual([done.failed_requests, done.outputs[0].response.status_code], [1, 503])
    assert.equal(new Set(broken.seen.map(({ requestId }) => requestId)).size, 5)
    await server.stop()
  })

  test('a line whose answer was counted and then lost is counted once, also where its next run fails', async (t) => {
    const written = Promise.withResolvers<void>()
    const broken = createEchoModel({ name: 'broken', failAfter: 1, hold: () => written.promise })
    const server = await startFilesServer(get().database, { models: [broken] })
    t.after(() => server.stop())
    const id = await create(server, 'broken', 1)
    // What a server leaves that was killed between writing the usage of a line and settling the line.
    const requestId = batchRequestId(id, 1, 0)
    const row = usageRow({ id: `call_${requestId}`, requestId, class: 'batch', status: 'ok' })
    await writeUsage(get().database, [{ row }])
    written.resolve()
    await until(server, id, isDone)
    assert.deepEqual(new Set(broken.seen.map((context) => context.requestId)), new Set([requestId]))
    assert.equal(broken.seen.length, 5)
    await server.stop()
  })

  test('a batch that two servers end at once has its results once', async (t) => {
    const server = await startFilesServer(get().database, { models: [createEchoModel({ name: 'slow', tokenMs: 20 })] })
    t.after(() => server.stop())
    const id = await create(server, 'slow', 12)
    await until(server, id, (job) => Number(job['succeeded_requests']) >= 3)
    await server.batches.stop()
    const { store } = server.batches
    const parts = { store, files: server.files, lines: lineStore(get().database), clock: systemClock }
    const batch = await store.read(id)
    assert.ok(batch !== undefined)
    await Promise.allSettled([finishBatch(batch, parts), finishBatch(batch, parts), finishBatch(batch, parts)])
    const ended = await store.read(id)
    const { data } = (await send(server, '/v1/files')).json()
    const made = data.filter((file: Job) => String(file['filename']).startsWith(id)).map((file: Job) => file['id'])
    assert.deepEqual(made.toSorted(), [ended?.output_file, ended?.error_file].toSorted())
    assert.equal(ended?.status, 'expired')
    await server.stop()
  })

  test('however many batches one workspace has, those of the others go on', async (t) => {
    const models = [createEchoModel({ name: 'endless', tokenMs: 3_600_000 }), createEchoModel()]
    const server = await startFilesServer(get().database, { models })
    t.after(() => server.stop())
    const ids: string[] = []
    for (let count = 0; count < 12; count++) ids.push(await create(server, 'endless', 1))
    for (const id of ids.slice(0, 8)) await until(server, id, (job) => job['status'] === 'RUNNING')
    const headers = { authorization: `Bearer ${otherKey}` }
    const body = { endpoint, requests: requests('echo', 2) }
    const { id } = (await send(server, '/v1/batch/jobs', { headers, body })).json()
    for (let status = 'QUEUED'; status !== 'SUCCESS'; await delay(10)) {
      status = (await send(server, `/v1/batch/jobs/${id}`, { headers })).json().status
      assert.match(status, /^(QUEUED|RUNNING|SUCCESS)$/)
    }
    for (const other of ids) {
      assert.equal((await send(server, `/v1/batch/jobs/${other}`, { headers })).status, 404)
      await send(server, `/v1/batch/jobs/${other}`, { method: 'DELETE' })
    }
    await server.stop()
  })

  test('two servers on one database share the work, and each line is answered once', async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'galerne-batches-'))
    const models = [0, 1].map(() => createEchoModel({ name: 'slow', streams: 2, tokenMs: 1 }))
    const servers = await Promise.all(
      models.map((model) => startFilesServer(get().database, { models: [model], home })),
    )
    t.after(() => Promise.all(servers.map((server) => server.stop())))
    const [one] = servers
    assert.ok(one !== undefined)
    const ids = await Promise.all(Array.from({ length: 20 }, () => create(one, 'slow', 10)))
    for (const id of ids) assert.equal((await until(one, id, isDone)).succeeded_requests, 10)
    assert.equal(
      models.map(({ seen }) => seen.length).reduce((sum, count) => sum + count),
      200,
    )
    for (const server of servers) await server.stop()
    await rm(home, { recursive: true, force: true })
  })
})
