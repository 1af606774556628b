// Files, uploads and batches in the schemas that both vendors publish, where their specifications lie beside the repository.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ajv, type AnySchema } from 'ajv'
import { parse } from 'yaml'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const specifications = new URL('../../../shared/specs/', import.meta.url)
const skip = existsSync(specifications) ? false : 'the specifications are not beside the repository (../shared/specs)'

type Check = (schema: string, value: unknown) => void

/** Checks values against the schemas of a specification; nulls count as absent where OpenAI's own answers have them and its schema has not. */
function checkerOf(file: string, nullIsAbsent: boolean): Check {
  // OpenAPI 3.0's word for null stands there where a validator does not take it.
  const said = JSON.stringify(parse(readFileSync(new URL(file, specifications), 'utf8')))
  const components = JSON.parse(said, (name, value) => (name === 'nullable' ? undefined : value))
    .components as AnySchema
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: file, components })
  return (schema, value) => {
    const check = ajv.getSchema(`${file}#/components/schemas/${schema}`)
    assert.ok(check !== undefined, `${file} has no ${schema}`)
    const shown = nullIsAbsent ? withoutNulls(value) : value
    assert.ok(check(shown), `${schema}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value)}`)
  }
}

const nullsThatCount = new Set(['param', 'line'])

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([name, one]) => one !== null || nullsThatCount.has(name))
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutNulls(one)]))
}

let server: RunningProduct

before(async () => {
  if (skip === false) server = await startProduct(['--model', `starter=${await starterModel()}`, '--threads', '1'])
})

after(async () => {
  if (skip === false) assert.equal(await server.stop(), 0)
})

async function send<Answer = { id: string }>(path: string, method = 'GET', body?: object | FormData): Promise<Answer> {
  const isForm = body instanceof FormData
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, ...(!isForm && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  assert.equal(answer.status, 200, `${method} ${path}: ${text}`)
  return JSON.parse(text)
}

const chat = (id: string, body: object = {}) => ({
  custom_id: id,
  method: 'POST',
  url: '/v1/chat/completions',
  body: { model: 'starter', max_tokens: 2, messages: [{ role: 'user', content: 'Hi' }], ...body },
})

function form(lines: readonly object[]): FormData {
  const data = new FormData()
  data.set('purpose', 'batch')
  data.set('file', new Blob([lines.map((line) => `${JSON.stringify(line)}\n`).join('')]), 'in.jsonl')
  return data
}

async function ended<Batch extends { status: string }>(path: string): Promise<Batch> {
  for (;;) {
    const batch = await send<Batch>(path)
    if (!/^(validating|in_progress|finalizing|cancelling|QUEUED|RUNNING|CANCELLATION)/.test(batch.status)) return batch
    await delay(50)
  }
}

const refused = chat('b', { temperature: 9 })
const unknown = chat('a', { model: 'none' })

test('OpenAI: files, uploads, batches and their lists', { skip }, async () => {
  const check = checkerOf('openai-openapi.yaml', true)
  const file = await send('/v1/files', 'POST', form([chat('a'), refused]))
  check('OpenAIFile', file)
  check('OpenAIFile', await send(`/v1/files/${file.id}`))
  const upload = await send('/v1/uploads', 'POST', {
    ...{ filename: 'a.txt', purpose: 'user_data', bytes: 2, mime_type: 'text/plain' },
  })
  check('Upload', upload)
  const data = new FormData()
  data.set('data', new Blob(['ab']))
  const part = await send(`/v1/uploads/${upload.id}/parts`, 'POST', data)
  check('UploadPart', part)
  check('Upload', await send(`/v1/uploads/${upload.id}/complete`, 'POST', { part_ids: [part.id] }))
  const made = { endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { a: 'b' } }
  const batch = await send('/v1/batches', 'POST', { ...made, input_file_id: file.id })
  check('Batch', batch)
  const done = await ended<{ status: string; error_file_id: string }>(`/v1/batches/${batch.id}`)
  assert.equal(done.status, 'completed')
  check('Batch', done)
  check('OpenAIFile', await send(`/v1/files/${done.error_file_id}`))
  const wrong = await send('/v1/files', 'POST', form([unknown]))
  const failed = await ended(
    `/v1/batches/${(await send('/v1/batches', 'POST', { ...made, input_file_id: wrong.id })).id}`,
  )
  assert.equal(failed.status, 'failed')
  check('Batch', failed)
  const cancelled = await send('/v1/batches', 'POST', { ...made, input_file_id: file.id })
  check('Batch', await send(`/v1/batches/${cancelled.id}/cancel`, 'POST'))
  check('ListFilesResponse', await send('/v1/files'))
  check('ListBatchesResponse', await send('/v1/batches?limit=2'))
  check('DeleteFileResponse', await send(`/v1/files/${file.id}`, 'DELETE'))
})

for (const specification of ['mistral-openapi.yaml', 'mistral-openapi-public-doc.yaml']) {
  const names = /public/.test(specification)
    ? ['CreateFileResponse', 'GetFileResponse', 'ListFilesResponse', 'GetSignedUrlResponse', 'BatchJob']
    : ['UploadFileOut', 'RetrieveFileOut', 'ListFilesOut', 'FileSignedURL', 'BatchJobOut']
  const [Made = '', Got = '', List = '', Url = '', Job = ''] = names
  const [Jobs, Deleted] = /public/.test(specification)
    ? (['ListBatchJobsResponse', 'DeleteFileResponse'] as const)
    : (['BatchJobsOut', 'DeleteFileOut'] as const)

  test(`Mistral, ${specification}: files, jobs and their lists`, { skip }, async () => {
    const check = checkerOf(specification, false)
    const file = await send('/v1/files', 'POST', form([chat('a'), refused]))
    check(Made, file)
    check(Got, await send(`/v1/files/${file.id}`))
    check(Url, await send(`/v1/files/${file.id}/url`))
    const made = { endpoint: '/v1/chat/completions', model: 'starter', metadata: { a: 'b' } }
    const job = await send('/v1/batch/jobs', 'POST', { ...made, input_files: [file.id] })
    check(Job, job)
    const done = await ended<{ status: string; error_file: string }>(`/v1/batch/jobs/${job.id}?inline=true`)
    assert.equal(done.status, 'SUCCESS')
    check(Job, done)
    check(Got, await send(`/v1/files/${done.error_file}`))
    const requests = [{ custom_id: 'a', body: { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 } }]
    check(Job, await ended(`/v1/batch/jobs/${(await send('/v1/batch/jobs', 'POST', { ...made, requests })).id}`))
    const failing = { ...made, requests: [{ body: { model: 'none' } }] }
    const failed = await ended(`/v1/batch/jobs/${(await send('/v1/batch/jobs', 'POST', failing)).id}`)
    assert.equal(failed.status, 'FAILED')
    check(Job, failed)
    check(List, await send('/v1/files?purpose=batch&source=upload'))
    check(Jobs, await send('/v1/batch/jobs'))
    check(Deleted, await send(`/v1/files/${file.id}`, 'DELETE'))
  })
}
