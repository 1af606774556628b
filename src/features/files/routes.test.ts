// Files over HTTP on both databases: what goes in comes out, both vendors' fields and pagings, what is refused, and that nothing leaks or stays.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnServers } from '../../../test/support/databases.ts'
import { type FilesServer, startFilesServer, upload } from '../../../test/support/files-server.ts'
import { send } from '../../../test/support/http-client.ts'
import { adminKey, testKey } from '../../../test/support/server.ts'
import { until } from '../../../test/support/until.ts'
import { sweepExpired } from './sweep.ts'

const line = (id: string) => `${JSON.stringify({ custom_id: id, body: { messages: [] } })}\n`

describeOnServers('files', (get) => {
  let server: FilesServer
  const clock = { time: 1_700_000_000_000, now: () => clock.time, elapsed: () => performance.now() }
  before(async () => {
    server = await startFilesServer(get().database, { clock, fileLimit: 1_000_000, bodyLimit: 100_000 })
  })
  after(() => server.stop())

  const stored = async () => {
    const folders = (await readdir(join(server.home, 'files'))).filter((name) => name.length === 2)
    const lists = await Promise.all(folders.map((name) => readdir(join(server.home, 'files', name))))
    return lists.flat()
  }
  const incoming = () => readdir(join(server.home, 'files', 'incoming'))

  test('what was uploaded is described, read back byte by byte and deleted; equal bytes lie once, for the owner alone', async () => {
    const content = line('a') + line('b')
    const { status, body } = await upload(server, { purpose: 'batch', file: ['dir/a.jsonl', content] })
    assert.equal(status, 200)
    const { id, signature, ...rest } = body
    assert.match(id, /^file_/)
    assert.match(signature, /^[0-9a-f]{16}$/)
    assert.deepEqual(rest, {
      object: 'file',
      bytes: content.length,
      created_at: 1_700_000_000,
      expires_at: null,
      filename: 'a.jsonl',
      purpose: 'batch',
      status: 'processed',
      status_details: null,
      sample_type: 'batch_request',
      source: 'upload',
      num_lines: 2,
      mimetype: 'application/jsonl',
      visibility: 'workspace',
      deleted: false,
    })
    const again = await upload(server, {
      file: ['b.jsonl', content],
      purpose: 'batch',
      visibility: 'user',
      expiry: '2',
    })
    assert.equal(again.body.expires_at, 1_700_000_000 + 7200)
    const names = await stored()
    assert.equal(names.length, 1)
    const { mode } = await stat(join(server.home, 'files', names[0]?.slice(0, 2) ?? '', names[0] ?? ''))
    assert.equal(mode & 0o777, 0o600)
    const read = await send(server, `/v1/files/${id}/content`)
    assert.equal(read.text, content)
    assert.equal(read.headers.get('content-type'), 'application/octet-stream')
    assert.deepEqual((await send(server, `/v1/files/${id}`)).json(), body)
    assert.deepEqual((await send(server, `/v1/files/${id}`, { method: 'DELETE' })).json(), {
      id,
      object: 'file',
      deleted: true,
    })
    assert.equal((await send(server, `/v1/files/${id}`)).status, 404)
    assert.equal((await send(server, `/v1/files/${id}/content`)).status, 404)
    // The other file still names the bytes.
    assert.equal((await send(server, `/v1/files/${again.body.id}/content`)).text, content)
    const stranger = { headers: { authorization: `Bearer ${adminKey}` } }
    assert.equal((await send(server, `/v1/files/${again.body.id}`, stranger)).status, 404)
    clock.time += 2 * 3_600_000
    assert.equal((await send(server, `/v1/files/${again.body.id}`)).status, 404)
    await sweepExpired({ ...server, clock })
    assert.deepEqual(await stored(), [])
    assert.deepEqual(await incoming(), [])
  })

  test('OpenAI pages by cursor, Mistral by number, and both filter', async () => {
    const ids: string[] = []
    for (const name of ['one.txt', 'two.txt', 'three.TXT', 'four.pdf', '100%.txt']) {
      const { body } = await upload(server, { purpose: 'user_data', file: [name, name] })
      ids.unshift(body.id)
    }
    const list = async (query: string) => (await send(server, `/v1/files?${query}`)).json()
    const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id)
    const first = await list('limit=2&purpose=user_data')
    assert.deepEqual([idsOf(first), first.has_more, first.last_id], [ids.slice(0, 2), true, ids[1]])
    const second = await list(`limit=3&purpose=user_data&after=${ids[1]}`)
    assert.deepEqual([idsOf(second), second.has_more, second.total], [ids.slice(2), false, 5])
    assert.deepEqual(idsOf(await list('order=asc&limit=1')), ids.slice(-1))
    assert.deepEqual(idsOf(await list('page=1&page_size=2')), ids.slice(2, 4))
    assert.equal((await list('page=0&page_size=2&include_total=false')).total, undefined)
    assert.deepEqual(idsOf(await list('search=thr')), [ids[2]])
    assert.deepEqual(idsOf(await list(`search=${ids[1]}`)), [ids[1]])
    assert.deepEqual(idsOf(await list('search=%25')), [ids[0]])
    const { body: accented } = await upload(server, { purpose: 'ocr', file: ['Été.txt', 'x'] })
    assert.deepEqual(idsOf(await list(`search=${encodeURIComponent('Ét')}`)), [accented.id])
    assert.equal((await send(server, `/v1/files/${accented.id}`, { method: 'DELETE' })).status, 200)
    assert.deepEqual(idsOf(await list('mimetypes=application/pdf&mimetypes=x/y&sample_type=ocr_input&source=upload')), [
      ids[1],
    ])
    for (const [query, param] of [
      ['limit=0', 'limit'],
      ['page_size=x', 'page_size'],
      ['after=a&page=1', 'after'],
      ['order=up', 'order'],
    ]) {
      const refused = await send(server, `/v1/files?${query}`)
      assert.deepEqual([refused.status, refused.json().param], [400, param])
    }
    for (const path of ['/v1/files/%00', '/v1/files?search=%00', '/v1/files?after=%00', '/v1/files/%00/url']) {
      assert.equal((await send(server, path)).status, 400, path)
    }
    for (const id of ids) await send(server, `/v1/files/${id}`, { method: 'DELETE' })
  })

  test('a signed address opens one file without a key, until it is over or the file is gone', async () => {
    const { body } = await upload(server, { purpose: 'ocr', file: ["é 'x'.pdf", 'pdf'] })
    const { url } = (await send(server, `/v1/files/${body.id}/url?expiry=1`)).json()
    const opened = await fetch(url)
    assert.equal(await opened.text(), 'pdf')
    assert.equal(
      opened.headers.get('content-disposition'),
      `attachment; filename="_ 'x'.pdf"; filename*=UTF-8''%C3%A9%20%27x%27.pdf`,
    )
    const status = async (address: string) => (await fetch(address)).status
    assert.equal(await status(url.replace(/expires=\d+/, 'expires=9999999999')), 404)
    assert.equal(await status(url.replace(/signature=./, 'signature=_')), 404)
    const other = await upload(server, { purpose: 'ocr', file: ['b.pdf', 'other'] })
    assert.equal(await status(url.replace(body.id, other.body.id)), 404)
    assert.equal((await send(server, `/v1/files/${body.id}/url?expiry=169`)).status, 400)
    clock.time += 3_601_000
    assert.equal(await status(url), 404)
    clock.time -= 3_601_000
    await send(server, `/v1/files/${body.id}`, { method: 'DELETE' })
    await send(server, `/v1/files/${other.body.id}`, { method: 'DELETE' })
    assert.equal(await status(url), 404)
  })

  test('every name comes back as what headers and programs can hold, never cut within a character', async () => {
    const long = `${'a'.repeat(254)}😀`
    const sent = await upload(server, { purpose: 'ocr', file: [long, 'x'] })
    assert.equal(sent.body.filename, 'a'.repeat(254))
    const begun = { filename: 'a\ud800 (1)*.pdf', purpose: 'ocr', bytes: 0, mime_type: 'application/pdf' }
    const { id } = (await send(server, '/v1/uploads', { body: begun })).json()
    const { file } = (await send(server, `/v1/uploads/${id}/complete`, { body: { part_ids: [] } })).json()
    assert.equal(file.filename, 'a\ufffd (1)*.pdf')
    assert.deepEqual((await send(server, `/v1/files/${file.id}`)).json(), file)
    const { status, headers } = await send(server, `/v1/files/${file.id}/content`)
    assert.deepEqual(
      [status, headers.get('content-disposition')],
      [200, `attachment; filename="a_ (1)*.pdf"; filename*=UTF-8''a%EF%BF%BD%20%281%29%2A.pdf`],
    )
    for (const one of [sent.body.id, file.id]) await send(server, `/v1/files/${one}`, { method: 'DELETE' })
  })

  test('a download that broke off goes on where it was, and a part that is not there is told with the length', async () => {
    const { body } = await upload(server, { purpose: 'ocr', file: ['a.txt', '0123456789'] })
    const get = (range: string) => send(server, `/v1/files/${body.id}/content`, { headers: { range } })
    for (const [range, text, told] of [
      ['bytes=4-', '456789', 'bytes 4-9/10'],
      ['bytes=0-3', '0123', 'bytes 0-3/10'],
      ['bytes=8-99', '89', 'bytes 8-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ] as const) {
      const part = await get(range)
      assert.deepEqual([part.status, part.text, part.headers.get('content-range')], [206, text, told], range)
      assert.equal(part.headers.get('content-length'), String(text.length))
    }
    // What is no single range is answered whole, as RFC 9110 says.
    for (const range of ['bytes=0-1,3-4', 'lines=1-2', 'bytes=5-4', 'bytes=x-']) {
      const whole = await get(range)
      assert.deepEqual(
        [whole.status, whole.text, whole.headers.get('accept-ranges')],
        [200, '0123456789', 'bytes'],
        range,
      )
    }
    for (const range of ['bytes=10-', 'bytes=-0']) {
      const beyond = await get(range)
      assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */10'], range)
    }
    await send(server, `/v1/files/${body.id}`, { method: 'DELETE' })
  })

  test('bad forms, fields and lines are 4xx that name what is wrong, and leave nothing behind', async () => {
    const good: readonly [string, string] = ['a.jsonl', line('a')]
    const cases: readonly [Parameters<typeof upload>[1], number, string, RegExp][] = [
      [{ purpose: 'batch' }, 400, 'file', /missing/],
      [{ purpose: 'poetry', file: good }, 400, 'purpose', /one of/],
      [{ purpose: 'batch', file: good, visibility: 'all' }, 400, 'visibility', /workspace/],
      [{ purpose: 'batch', file: good, expiry: '-1' }, 400, 'expiry', /between/],
      [{ 'expires_after[seconds]': '5', purpose: 'batch', file: good }, 400, 'expires_after[seconds]', /3600/],
      [{ 'expires_after[anchor]': 'now', purpose: 'batch', file: good }, 400, 'expires_after[anchor]', /created_at/],
      [{ purpose: 'batch', data: good }, 400, 'data', /"file"/],
      [{ file: good, purpose: 'batch', data: good }, 400, 'form', /one file/],
      [
        { purpose: 'batch', file: ['a.jsonl', `${line('a')}\n{"b":\n`] },
        400,
        'file',
        /Line 3: it breaks off or holds something that is not JSON/,
      ],
      [
        { purpose: 'batch', file: ['a.jsonl', `${line('a')}${'['.repeat(300)}${']'.repeat(300)}`] },
        400,
        'file',
        /Line 2: it nests deeper/,
      ],
      [{ purpose: 'batch', file: ['a.jsonl', '{"__proto__":1}'] }, 400, 'file', /Line 1: it has a field "__proto__"/],
      [{ file: ['a.jsonl', `${line('a')}[1]`], purpose: 'fine-tune' }, 400, 'file', /Line 2: .*object/],
      [
        { purpose: 'batch', file: ['a.jsonl', Uint8Array.of(0x89, 0x50, 0xff, 0xfe)] },
        400,
        'file',
        /Line 1: it is not UTF-8/,
      ],
      [{ purpose: 'batch', file: ['a.jsonl', '\n'.repeat(900_000)] }, 400, 'file', /no line/],
      [{ purpose: 'batch', file: ['a.jsonl', ''] }, 400, 'file', /no line/],
      [
        { purpose: 'batch', file: ['a.jsonl', 'x'.repeat(200_000)] },
        400,
        'file',
        /Line 1: it is longer than 100000 bytes/,
      ],
      [
        { file: ['a.jsonl', 'x'.repeat(200_000)], purpose: 'batch' },
        400,
        'file',
        /Line 1: it is longer than 100000 bytes/,
      ],
      [{ purpose: 'ocr', file: ['a.pdf', 'x'.repeat(1_000_001)] }, 413, 'file', /file-limit/],
      [{ purpose: 'ocr', file: ['a.pdf', 'x'.repeat(1_200_000)] }, 413, 'file', /file-limit/],
    ]
    for (const [fields, status, param, message] of cases) {
      const answer = await upload(server, fields)
      assert.deepEqual([answer.status, answer.body.param ?? 'file'], [status, param], JSON.stringify(answer.body))
      assert.match(answer.body.message, message)
    }
    const json = await send(server, '/v1/files', { body: {} })
    assert.equal(json.status, 415)
    assert.match(json.json().message, /multipart/)
    const text = await send(server, '/v1/chat/completions', {
      body: 'x',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    })
    assert.equal(text.status, 415)
    assert.deepEqual(await stored(), [])
    // What was refused while it came is taken away a moment after the answer.
    await until('nothing half come is left', async () => (await incoming()).length === 0)
    assert.equal((await send(server, '/v1/files')).json().total, 0)
  })

  test('a form that breaks off is refused, and one whose client is gone leaves nothing behind', async () => {
    const head = (length: string) =>
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testKey}\r\ncontent-type: multipart/form-data; boundary=B\r\n${length}\r\n\r\n`
    const part = `--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n${line('a')}`
    const broken = connect(server.port, '127.0.0.1')
    broken.write(head(`content-length: ${part.length}`) + part)
    const [answer] = (await once(broken, 'data')) as [Buffer]
    broken.destroy()
    assert.match(answer.toString(), /^HTTP\/1\.1 400 [\s\S]*the form breaks off/)
    const gone = connect(server.port, '127.0.0.1')
    gone.write(head('content-length: 900000') + part)
    while ((await incoming()).length === 0) await delay(5)
    gone.destroy()
    await until('nothing half come is left', async () => (await incoming()).length === 0)
    // A line without end is refused while it still comes: the answer is there before a hundredth was sent.
    const endless = connect(server.port, '127.0.0.1')
    endless.on('error', () => {})
    endless.write(`${head('transfer-encoding: chunked')}${part.length.toString(16)}\r\n${part}\r\n`)
    const answered = once(endless, 'data') as Promise<[Buffer]>
    const piece = 'y'.repeat(65_536)
    let sent = 0
    let done = false
    answered.then(
      () => {
        done = true
      },
      () => {},
    )
    while (!done && sent < 50_000_000) {
      sent += piece.length
      if (!endless.write(`10000\r\n${piece}\r\n`)) await Promise.race([once(endless, 'drain'), answered])
      await delay(0)
    }
    assert.match((await answered)[0].toString(), /^HTTP\/1\.1 400 [\s\S]*Line 2: it is longer than 100000 bytes/)
    endless.destroy()
    await until('nothing half come is left', async () => (await incoming()).length === 0)
  })

  test('an upload in parts becomes a file when they fit together, whatever order they came in', async () => {
    const content = line('a') + line('b')
    const [head, tail] = [content.slice(0, 10), content.slice(10)]
    const begin = (bytes = content.length, extra: object = {}) =>
      send(server, '/v1/uploads', {
        body: { filename: 'a.jsonl', purpose: 'batch', bytes, mime_type: 'text/jsonl', ...extra },
      })
    const { id, status, file, expires_at } = (await begin()).json()
    assert.deepEqual([status, file, expires_at], ['pending', null, Math.floor(clock.time / 1000) + 3600])
    const add = async (data: string, uploadId: string = id) =>
      (await upload(server, { data: ['part', data] }, { path: `/v1/uploads/${uploadId}/parts` })).body
    const second = await add(tail)
    const first = await add(head)
    assert.deepEqual([first.object, first.upload_id], ['upload.part', id])
    const complete = (parts: string[], extra: object = {}, uploadId: string = id) =>
      send(server, `/v1/uploads/${uploadId}/complete`, { body: { part_ids: parts, ...extra } })
    for (const [parts, extra, param] of [
      [[first.id], {}, 'part_ids'],
      [[first.id, first.id], {}, 'part_ids[1]'],
      [['part_x'], {}, 'part_ids[0]'],
      [[first.id, second.id], { md5: '0'.repeat(32) }, 'md5'],
    ] as const) {
      const refused = await complete([...parts], extra)
      assert.deepEqual([refused.status, refused.json().param], [400, param])
    }
    // Joined the wrong way round the lines are no JSON.
    assert.equal((await complete([second.id, first.id])).json().error.code, 'invalid_file')
    const done = (await complete([first.id, second.id])).json()
    assert.deepEqual([done.status, done.file.bytes, done.file.num_lines], ['completed', content.length, 2])
    assert.equal((await send(server, `/v1/files/${done.file.id}/content`)).text, content)
    assert.equal((await complete([first.id, second.id])).json().param, 'upload_id')
    assert.equal((await stored()).length, 1, 'parts are gone')
    const cancelled = (await begin()).json()
    await add(head, cancelled.id)
    assert.equal(
      (await send(server, `/v1/uploads/${cancelled.id}/cancel`, { method: 'POST' })).json().status,
      'cancelled',
    )
    const late = (await begin()).json()
    await add(head, late.id)
    clock.time += 3_600_000
    assert.match((await complete([], {}, late.id)).json().message, /expired/)
    await sweepExpired({ ...server, clock })
    assert.equal((await stored()).length, 1)
    assert.match((await complete([], {}, late.id)).json().message, /the upload is expired/)
    assert.equal((await begin(2 ** 34)).status, 413)
    const stranger = { method: 'POST', headers: { authorization: `Bearer ${adminKey}` } }
    assert.equal((await send(server, `/v1/uploads/${late.id}/cancel`, stranger)).status, 404)
    await send(server, `/v1/files/${done.file.id}`, { method: 'DELETE' })
  })

  test('an upload that is completed by several requests at once becomes one file', async () => {
    const sent = { filename: 'a.pdf', purpose: 'ocr', bytes: 3, mime_type: 'application/pdf' }
    const { id } = (await send(server, '/v1/uploads', { body: sent })).json()
    const { body: part } = await upload(server, { data: ['part', 'abc'] }, { path: `/v1/uploads/${id}/parts` })
    const complete = () => send(server, `/v1/uploads/${id}/complete`, { body: { part_ids: [part.id] } })
    const answers = await Promise.all(Array.from({ length: 5 }, complete))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400, 400, 400, 400])
    const { data } = (await send(server, '/v1/files')).json()
    assert.deepEqual(
      data.map((file: { id: string }) => file.id),
      answers.filter(({ status }) => status === 200).map((answer) => answer.json().file.id),
    )
    await send(server, `/v1/files/${data[0].id}`, { method: 'DELETE' })
    assert.deepEqual(await stored(), [])
  })

  test('equal files uploaded and deleted at once never lose bytes that a file names', async () => {
    const work = async (worker: number) => {
      for (let round = 0; round < 8; round++) {
        const { body } = await upload(server, { purpose: 'ocr', file: [`${worker}.pdf`, 'the same bytes'] })
        assert.equal((await send(server, `/v1/files/${body.id}/content`)).text, 'the same bytes')
        await send(server, `/v1/files/${body.id}`, { method: 'DELETE' })
      }
    }
    await Promise.all(Array.from({ length: 6 }, (_, worker) => work(worker)))
    assert.deepEqual(await stored(), [])
  })
})

describeOnServers('files of a workspace with a quota', (get) => {
  let server: FilesServer
  const clock = { now: () => 1_700_000_000_000, elapsed: () => performance.now() }
  before(async () => {
    const options = { clock, fileQuota: 2_000, batchFileLife: 86_400_000, uploadLimit: 10_000 }
    server = await startFilesServer(get().database, options)
  })
  after(() => server.stop())
  const file = (bytes: number, purpose = 'user_data') =>
    upload(server, { purpose, file: ['some.txt', purpose === 'batch' ? line('a') : 'x'.repeat(bytes)] })

  test('what has no room is refused by a code of its own, whole or in parts, at once or together', async () => {
    const first = await file(1_500)
    assert.equal(first.status, 200)
    const refused = await file(600)
    assert.deepEqual([refused.status, refused.body.error.code], [413, 'storage_quota_exceeded'])
    assert.match(refused.body.message, /hold 1500 of 2000 bytes, and 600 more/)
    const parts = { filename: 'b.txt', purpose: 'user_data', mime_type: 'text/plain', bytes: 600 }
    assert.equal((await send(server, '/v1/uploads', { body: parts })).json().error.code, 'storage_quota_exceeded')
    // Refused before it is sent: it says how long it is.
    assert.equal((await file(100_000)).body.error.code, 'storage_quota_exceeded')
    const together = await Promise.all([file(400), file(400), file(400)])
    assert.deepEqual(together.map(({ status }) => status).sort(), [200, 413, 413])
    assert.equal((await send(server, `/v1/files/${first.body.id}`, { method: 'DELETE' })).status, 200)
    assert.equal((await file(1_500)).status, 200)
    const { data } = (await send(server, '/v1/files')).json()
    for (const { id } of data) await send(server, `/v1/files/${id}`, { method: 'DELETE' })
  })

  test('files of batches live as long as the server says, unless their upload says otherwise', async () => {
    const seconds = 1_700_000_000
    assert.equal((await file(0, 'batch')).body.expires_at, seconds + 86_400)
    assert.equal((await file(10)).body.expires_at, null)
    const own = await upload(server, { purpose: 'batch', file: ['a.jsonl', line('a')], expiry: '2' })
    assert.equal(own.body.expires_at, seconds + 7_200)
  })
})
