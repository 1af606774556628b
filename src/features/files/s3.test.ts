// Files in a store that speaks S3: what is put comes back, whole and in part, large ones too, and a store that is away is a 503.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import S3rver from 's3rver'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { type FilesServer, startFilesServer, upload } from '../../../test/support/files-server.ts'
import { send } from '../../../test/support/http-client.ts'
import { testKey } from '../../../test/support/server.ts'
import { createEgress } from '../../base/egress.ts'
import type { JobTables } from '../../queue/table.ts'
import { collect } from './contents.ts'
import { readS3Place, s3Contents } from './s3.ts'

/** A way to a store that can be shut. */
interface Door {
  readonly url: string
  isShut: boolean
  /** Requests that were answered 503. */
  refused: number
  /** Uploads in parts as a store tells them that lists them, one to a page: key, id, time. */
  begun?: readonly (readonly [key: string, id: string, at: string])[] | undefined
  /** Those that were given up then. */
  readonly givenUp: string[]
  close(): void
}

async function openDoor(port: number): Promise<Door> {
  const http = createServer((incoming, outgoing) => {
    if (door.isShut) {
      door.refused += 1
      incoming.resume()
      outgoing.writeHead(503).end()
      return
    }
    const { method, headers, url: path = '' } = incoming
    const query = new URL(path, 'http://x').searchParams
    if (door.begun !== undefined && path.includes('other')) {
      incoming.resume()
      if (method === 'DELETE') door.givenUp.push(`${path.split('?')[0]} ${query.get('uploadId')}`)
      outgoing.end(method === 'DELETE' ? '' : uploadsPage(door.begun, query.get('upload-id-marker')))
      return
    }
    const onward = request({ host: '127.0.0.1', port, method, headers, path }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const close = () => {
    http.close()
    http.closeAllConnections()
  }
  const door: Door = { url, isShut: false, refused: 0, givenUp: [], close }
  return door
}

function uploadsPage(begun: NonNullable<Door['begun']>, after: string | null): string {
  const at = begun.findIndex(([, id]) => id === after) + 1
  const [key, id, time] = begun[at] ?? []
  const next = `<NextKeyMarker>${key}</NextKeyMarker><NextUploadIdMarker>${id}</NextUploadIdMarker>`
  const upload = `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${time}</Initiated></Upload>`
  const isLast = at === begun.length - 1
  return `<ListMultipartUploadsResult><IsTruncated>${!isLast}</IsTruncated>${next}${upload}</ListMultipartUploadsResult>`
}

const keys = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }

describeOnServers('files in an S3 store', (get) => {
  let store: S3rver
  let folder: string
  let place: string
  let server: FilesServer
  let door: Door
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-s3-'))
    store = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: folder,
      configureBuckets: [{ name: 'bucket', configs: [] }],
    })
    const { port } = await store.run()
    door = await openDoor(port)
    place = `s3://bucket/some/place?endpoint=${door.url}&region=eu-west-3`
    server = await startFilesServer(get().database, { fileStore: place, models: [createEchoModel()], leaseMs: 600_000 })
  })
  after(async () => {
    await server.stop()
    await store.close().catch(() => {})
    door.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a file goes in and comes out, one of several parts too, and leaves', async () => {
    for (const content of [Buffer.from('small'), randomBytes(20_000_000)]) {
      const { status, body } = await upload(server, { purpose: 'ocr', file: ['a.bin', new Uint8Array(content)] })
      assert.equal(status, 200)
      const response = await fetch(`${server.url}/v1/files/${body.id}/content`, {
        headers: { authorization: `Bearer ${testKey}` },
      })
      assert.ok(content.equals(Buffer.from(await response.arrayBuffer())))
      assert.deepEqual(await readdir(join(server.home, 'files', 'incoming')), [])
      assert.equal((await send(server, `/v1/files/${body.id}`, { method: 'DELETE' })).status, 200)
    }
    const egress = createEgress()
    const contents = await s3Contents(readS3Place(place, keys), egress)
    for await (const { key } of contents.list()) assert.fail(`${key} is still there`)
    await egress.close()
  })

  test('a part of the bytes is read alone, and all keys are listed with their times', async () => {
    const egress = createEgress()
    const contents = await s3Contents(readS3Place(place, keys), egress)
    const { body } = await upload(server, { purpose: 'ocr', file: ['a.txt', '0123456789'] })
    const listed = await contents.list()[Symbol.asyncIterator]().next()
    const found = listed.done === true ? undefined : listed.value
    assert.ok(found !== undefined && Date.now() - found.putAt < 60_000)
    assert.equal((await collect(await contents.read(found.key, { start: 3, length: 4 }))).toString(), '3456')
    await assert.rejects(contents.read('no-such-key'), { code: 'file_store_failed' })
    await send(server, `/v1/files/${body.id}`, { method: 'DELETE' })
    await egress.close()
  })

  test('a batch reads its lines from the store and puts its results there', async () => {
    const lines = ['a', 'b', 'c'].map((id) =>
      JSON.stringify({ custom_id: id, body: { model: 'echo', messages: [{ role: 'user', content: `say ${id}` }] } }),
    )
    const { body } = await upload(server, { purpose: 'batch', file: ['in.jsonl', lines.join('\n')] })
    const job = { endpoint: '/v1/chat/completions', input_files: [body.id] }
    const { id } = (await send(server, '/v1/batch/jobs', { body: job })).json()
    for (;;) {
      const now = (await send(server, `/v1/batch/jobs/${id}?inline=true`)).json()
      if (now.status === 'SUCCESS') {
        assert.equal(now.outputs.length, 3)
        break
      }
      await delay(20)
    }
    for (const file of (await send(server, '/v1/files')).json().data)
      await send(server, `/v1/files/${file.id}`, { method: 'DELETE' })
  })

  test('a batch that was often tried outlasts a store that is away for long, and then goes on', async () => {
    const { query } = get().database
    const lines = ['a', 'b'].map((id) =>
      JSON.stringify({ custom_id: id, body: { model: 'echo', messages: [{ role: 'user', content: `say ${id}` }] } }),
    )
    const { body } = await upload(server, { purpose: 'batch', file: ['in.jsonl', lines.join('\n')] })
    door.refused = 0
    door.isShut = true
    const { id } = (
      await send(server, '/v1/batch/jobs', { body: { endpoint: '/v1/chat/completions', input_files: [body.id] } })
    ).json()
    const job = async () => {
      const { job } = await query.selectFrom('batches').select('job').where('id', '=', id).executeTakeFirstOrThrow()
      const jobs = query.$extendTables<JobTables>().$pickTables<'jobs'>()
      return await jobs.selectFrom('jobs').selectAll().where('id', '=', job).executeTakeFirstOrThrow()
    }
    // The client tries each call three times.
    while (door.refused < 9) await delay(20)
    assert.deepEqual([(await job()).state, (await job()).attempts], ['running', 1])
    door.isShut = false
    for (;;) {
      const now = (await send(server, `/v1/batch/jobs/${id}?inline=true`)).json()
      if (now.status === 'SUCCESS') {
        assert.equal(now.outputs.length, 2)
        break
      }
      await delay(20)
    }
    assert.equal((await job()).attempts, 1)
    for (const file of (await send(server, '/v1/files')).json().data)
      await send(server, `/v1/files/${file.id}`, { method: 'DELETE' })
  })

  test('what a killed process began to put is given up after a day, and younger uploads are left alone', async () => {
    const egress = createEgress()
    // A place that no server's own sweep looks at.
    const contents = await s3Contents(readS3Place(place.replace('some/place', 'other'), keys), egress)
    // This store keeps no list of uploads: nothing happens.
    await contents.removeUnfinished(Date.now())
    const [old, young] = ['2026-11-01T00:00:00.000Z', '2026-11-03T00:00:00.000Z']
    door.begun = [
      ['other/a', 'one', old],
      ['other/b', 'two', young],
      ['other/c', 'three', old],
    ]
    await contents.removeUnfinished(Date.parse('2026-11-02'))
    assert.deepEqual(door.givenUp.toSorted(), ['/bucket/other/a one', '/bucket/other/c three'])
    door.begun = undefined
    await egress.close()
  })

  test('a store that is away is a 503 that can be tried again, and nothing is acknowledged', async () => {
    const { body } = await upload(server, { purpose: 'ocr', file: ['a.txt', 'kept'] })
    await store.close()
    const refused = await upload(server, { purpose: 'ocr', file: ['b.txt', 'lost'] })
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'file_store_failed'])
    assert.equal((await send(server, `/v1/files/${body.id}/content`)).status, 503)
    assert.equal((await send(server, '/v1/files')).json().total, 1)
  })

  test('keys that are not set are told at the start', () => {
    assert.throws(() => readS3Place(place, {}), { code: 'invalid_value', message: /AWS_ACCESS_KEY_ID/ })
  })
})
