// The whole life of files and batch jobs through Mistral's TypeScript client. Typed by 2.x; 1.x is passed in as such.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { MistralVersion } from './mistralai.ts'
import type { Connection } from './openai.ts'

/** Declares the suite as subtests of `t`. */
export async function runMistralBatches(
  t: TestContext,
  version: MistralVersion,
  connection: Connection,
): Promise<void> {
  const { model } = connection
  const client = version.create({ serverURL: connection.url, apiKey: connection.key })
  const body = (content: string, extra: object = {}) => ({
    max_tokens: 4,
    temperature: 0,
    messages: [{ role: 'user', content }],
    ...extra,
  })
  const upload = (lines: readonly object[]) =>
    client.files.upload({
      file: { fileName: 'in.jsonl', content: Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')) },
      purpose: 'batch',
    })
  const ended = async (jobId: string, inline = false) => {
    for (;;) {
      const job = await client.batch.jobs.get({ jobId, inline })
      if (!/^(QUEUED|RUNNING|CANCELLATION_REQUESTED)$/.test(job.status)) return job
      await delay(50)
    }
  }
  const textOf = async (fileId: string | null | undefined) =>
    await new Response(await client.files.download({ fileId: fileId ?? '' })).text()

  await t.test('files: upload, retrieve, list, download, signed address, delete', async () => {
    const file = await upload([{ custom_id: 'a', body: body('a') }])
    assert.deepEqual(
      [file.object, file.purpose, file.sampleType, file.source, file.numLines],
      ['file', 'batch', 'batch_request', 'upload', 1],
    )
    assert.equal((await client.files.retrieve({ fileId: file.id })).deleted, false)
    const list = await client.files.list({ page: 0, pageSize: 5, sampleType: ['batch_request'], search: 'in.' })
    assert.ok((list.total ?? 0) >= 1 && list.data.some(({ id }) => id === file.id))
    assert.equal(JSON.parse(await textOf(file.id)).custom_id, 'a')
    const { url } = await client.files.getSignedUrl({ fileId: file.id, expiry: 1 })
    assert.equal(JSON.parse(await (await fetch(url)).text()).custom_id, 'a')
    assert.equal((await client.files.delete({ fileId: file.id })).deleted, true)
    await assert.rejects(async () => client.files.retrieve({ fileId: file.id }), { statusCode: 404 })
  })

  await t.test('batch jobs: from a file, with a model for all lines', async () => {
    const file = await upload([
      { custom_id: '0', body: body('zero') },
      { custom_id: '1', body: body('one', { temperature: 9 }) },
    ])
    const job = await client.batch.jobs.create({
      inputFiles: [file.id],
      model,
      endpoint: '/v1/chat/completions',
      metadata: { run: 'file' },
      timeoutHours: 1,
    })
    const done = await ended(job.id)
    assert.deepEqual(
      [done.status, done.totalRequests, done.succeededRequests, done.failedRequests],
      ['SUCCESS', 2, 1, 1],
    )
    assert.equal(done.errors[0]?.count, 1)
    const output = JSON.parse(await textOf(done.outputFile))
    assert.deepEqual([output.custom_id, output.response.status_code, output.error], ['0', 200, null])
    assert.equal(JSON.parse(await textOf(done.errorFile)).custom_id, '1')
    assert.equal((await client.files.retrieve({ fileId: done.outputFile ?? '' })).sampleType, 'batch_result')
    const list = await client.batch.jobs.list({
      model,
      metadata: { run: 'file' },
      createdByMe: true,
      status: ['SUCCESS'],
    })
    assert.ok(list.total >= 1 && list.data?.some(({ id }) => id === job.id))
  })

  await t.test('batch jobs: requests and results inline', async () => {
    const job = await client.batch.jobs.create({
      requests: [
        { customId: 'a', body: body('a') },
        { customId: 'b', body: body('b') },
      ],
      model,
      endpoint: '/v1/chat/completions',
    })
    const done = await ended(job.id, true)
    assert.deepEqual(done.outputs?.map((output) => output['custom_id']).sort(), ['a', 'b'])
  })

  await t.test('batch jobs: cancel, delete, and what is refused', async () => {
    const requests = Array.from({ length: 60 }, (_, index) => ({
      customId: `${index}`,
      body: body('x', { max_tokens: 64 }),
    }))
    const job = await client.batch.jobs.create({ requests, model, endpoint: '/v1/chat/completions' })
    assert.match((await client.batch.jobs.cancel({ jobId: job.id })).status, /^CANCELL/)
    assert.equal((await ended(job.id)).status, 'CANCELLED')
    const unknown = client.batch.jobs.create({ requests, model: 'none', endpoint: '/v1/chat/completions' })
    await assert.rejects(async () => unknown, { statusCode: 404 })
    await assert.rejects(async () => client.batch.jobs.get({ jobId: 'batch_none' }), { statusCode: 404 })
    const { jobs } = client.batch
    // 1.x has no delete.
    if (typeof jobs.delete === 'function') {
      assert.equal((await jobs.delete({ jobId: job.id })).deleted, true)
      await assert.rejects(async () => jobs.get({ jobId: job.id }), { statusCode: 404 })
    }
  })
}
