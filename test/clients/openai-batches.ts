// The whole life of files, uploads and batches through OpenAI's JavaScript client. Typed by 7.x; older versions are passed in as such.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type OpenAI from 'openai-7'
import { toFile } from 'openai-7'
import type { Connection, OpenAIVersion } from './openai.ts'

/** Declares the suite as subtests of `t`. */
export async function runOpenAIBatches(t: TestContext, version: OpenAIVersion, connection: Connection): Promise<void> {
  const { model } = connection
  const client = version.create({ baseURL: `${connection.url}/v1`, apiKey: connection.key })
  const request = (id: string, extra: object = {}) => ({
    custom_id: id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, max_tokens: 4, temperature: 0, messages: [{ role: 'user', content: `Say ${id}` }], ...extra },
  })
  const file = (lines: readonly object[], name = 'in.jsonl') =>
    toFile(Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')), name)
  const ended = async (id: string) => {
    for (;;) {
      const batch = await client.batches.retrieve(id)
      if (/^(completed|failed|expired|cancelled)$/.test(batch.status)) return batch
      await delay(50)
    }
  }

  await t.test('files: create, retrieve, list in pages, content, delete', async () => {
    const uploaded = await client.files.create({
      file: await file([request('a')], 'ä.jsonl'),
      purpose: 'batch',
      expires_after: { anchor: 'created_at', seconds: 7200 },
    })
    assert.deepEqual(
      [uploaded.object, uploaded.status, uploaded.filename, uploaded.purpose],
      ['file', 'processed', 'ä.jsonl', 'batch'],
    )
    assert.equal(uploaded.expires_at, uploaded.created_at + 7200)
    assert.deepEqual(await client.files.retrieve(uploaded.id), uploaded)
    assert.equal(JSON.parse(await (await client.files.content(uploaded.id)).text()).custom_id, 'a')
    const second = await client.files.create({ file: await toFile(Buffer.from('x'), 'a.txt'), purpose: 'user_data' })
    const ids: string[] = []
    for await (const one of client.files.list({ limit: 1 })) ids.push(one.id)
    assert.ok(ids.includes(uploaded.id) && ids.includes(second.id))
    assert.ok((await client.files.list({ purpose: 'user_data' })).data.every(({ purpose }) => purpose === 'user_data'))
    for (const { id } of [uploaded, second]) {
      assert.equal((await deleteFile(client, id)).deleted, true)
      await assert.rejects(client.files.retrieve(id), { status: 404 })
    }
  })

  await t.test('files: a line that is not JSON is named by its number', async () => {
    const broken = await toFile(Buffer.from(`${JSON.stringify(request('a'))}\n{"b"\n`), 'in.jsonl')
    await assert.rejects(client.files.create({ file: broken, purpose: 'batch' }), (error: Error) => {
      assert.match(error.message, /^400 .*Line 2/)
      return true
    })
  })

  await t.test('uploads: parts, complete, cancel', async () => {
    const text = JSON.stringify(request('a'))
    const create = () =>
      client.uploads.create({ filename: 'in.jsonl', purpose: 'batch', bytes: text.length, mime_type: 'text/jsonl' })
    const upload = await create()
    const part = async (data: string) =>
      client.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(data), 'part') })
    const [tail, head] = [await part(text.slice(9)), await part(text.slice(0, 9))]
    const done = await client.uploads.complete(upload.id, { part_ids: [head.id, tail.id] })
    assert.deepEqual([done.status, done.file?.bytes], ['completed', text.length])
    assert.equal(await (await client.files.content(done.file?.id ?? '')).text(), text)
    assert.equal((await client.uploads.cancel((await create()).id)).status, 'cancelled')
  })

  await t.test('batches: create, follow, read both files, list', async () => {
    const lines = [request('one'), request('two', { temperature: 9 }), request('three')]
    const input = await client.files.create({ file: await file(lines), purpose: 'batch' })
    const batch = await client.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { run: version.name },
    })
    assert.equal(batch.status, 'validating')
    const done = await ended(batch.id)
    assert.deepEqual([done.status, done.request_counts], ['completed', { total: 3, completed: 2, failed: 1 }])
    assert.deepEqual(done.metadata, { run: version.name })
    const read = async (id: string | undefined) =>
      (await (await client.files.content(id ?? '')).text())
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    const outputs = await read(done.output_file_id)
    assert.deepEqual(outputs.map(({ custom_id }) => custom_id).sort(), ['one', 'three'])
    assert.ok(outputs.every(({ response }) => response.body.choices[0].message.content.length > 0))
    const [failed] = await read(done.error_file_id)
    assert.deepEqual([failed.custom_id, failed.response.status_code], ['two', 400])
    assert.ok((await client.batches.list({ limit: 5 })).data.some(({ id }) => id === batch.id))
  })

  await t.test('batches: an unknown model on line 7 fails the batch and names the line', async () => {
    const lines = Array.from({ length: 8 }, (_, index) => request(`m${index}`, index === 6 ? { model: 'none' } : {}))
    const input = await client.files.create({ file: await file(lines), purpose: 'batch' })
    const batch = await client.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    })
    const done = await ended(batch.id)
    assert.deepEqual(
      [done.status, done.errors?.data?.[0]?.line, done.errors?.data?.[0]?.code],
      ['failed', 7, 'model_not_found'],
    )
  })

  await t.test('batches: cancel', async () => {
    const lines = Array.from({ length: 60 }, (_, index) => request(`c${index}`, { max_tokens: 64 }))
    const input = await client.files.create({ file: await file(lines), purpose: 'batch' })
    const batch = await client.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    })
    assert.match((await client.batches.cancel(batch.id)).status, /^cancell/)
    assert.equal((await ended(batch.id)).status, 'cancelled')
  })
}

/** `del` in 4.x. */
function deleteFile(client: OpenAI, id: string): Promise<{ deleted: boolean }> {
  const files = client.files as OpenAI['files'] & { del?: OpenAI['files']['delete'] }
  return files.del === undefined ? files.delete(id) : files.del(id)
}
