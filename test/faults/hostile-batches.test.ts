// Hostile input for files and batches against the running product: each is answered in its vendor's words, and the server's memory stays bounded.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

const skip = process.platform !== 'linux' && 'needs /proc'
const mebi = 1_048_576
/** What the server may take more than before, at its peak: some lines and buffers, never a file. */
const allowance = 160 * mebi

let server: RunningProduct
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-hostile-'))
  const model = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const limits = ['--body-limit', '8mb', '--file-limit', '128mb', '--streams', '4', '--context-length', '256']
  server = await startProduct(['--model', `tiny=${model}`, ...limits, '--log-level', 'warn'])
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The most that the server ever held, in bytes. */
async function peak(): Promise<number> {
  const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024
}

async function bounded<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = await peak()
  const result = await work()
  const grown = (await peak()) - before
  assert.ok(grown < allowance, `the server grew by ${Math.round(grown / mebi)} MiB`)
  return result
}

const head = (fields: Record<string, string>) =>
  `${Object.entries(fields)
    .map(([name, value]) => `--B\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--B\r\ncontent-disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n`

/** Sends a form piece by piece until it is answered or all is sent; how much that was, and the answer. */
function stream(pieces: Iterable<Buffer | string>) {
  return new Promise<{ sent: number; status: number; body: Record<string, unknown> }>((resolve, reject) => {
    let sent = 0
    let answered = false
    const call = request(`${server.url}/v1/files`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': 'multipart/form-data; boundary=B' },
    })
    call.on('error', (error) => answered || reject(error))
    const closed = new Promise((resolve) => call.once('close', resolve))
    call.on('response', async (response) => {
      answered = true
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      call.destroy()
      resolve({ sent, status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) })
    })
    const send = async () => {
      for (const piece of pieces) {
        if (answered) return
        sent += piece.length
        if (!call.write(piece)) await Promise.race([new Promise((drained) => call.once('drain', drained)), closed])
      }
      if (!answered) call.end()
    }
    send().catch(reject)
  })
}

function* repeat(piece: Buffer, times: number): Generator<Buffer> {
  for (let index = 0; index < times; index++) yield piece
}

const megabyte = Buffer.alloc(mebi, 'x')

test('a line of 10 GB is refused when it is longer than a line may be, not when it has arrived', { skip }, async () => {
  const answer = await bounded(() =>
    stream(
      (function* () {
        yield head({ purpose: 'batch' })
        yield* repeat(megabyte, 10_000)
      })(),
    ),
  )
  assert.deepEqual([answer.status, answer.body['param']], [400, 'file'])
  assert.match(String(answer.body['message']), /Line 1: it is longer than 8388608 bytes/)
  assert.ok(answer.sent < 100 * mebi, `${Math.round(answer.sent / mebi)} MiB were sent first`)
})

test('the same where the purpose comes last, as some clients send it: the size of a file bounds it', {
  skip,
}, async () => {
  const answer = await bounded(() =>
    stream(
      (function* () {
        yield head({})
        yield* repeat(megabyte, 10_000)
      })(),
    ),
  )
  assert.equal(answer.status, 413)
  assert.ok(answer.sent < 300 * mebi, `${Math.round(answer.sent / mebi)} MiB were sent first`)
  const long = await bounded(() =>
    stream([
      head({}),
      megabyte.toString().repeat(20),
      '\r\n--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B--\r\n',
    ]),
  )
  assert.match(String(long.body['message']), /Line 1: it is longer than/)
})

const line = (index: number) =>
  `${JSON.stringify({ custom_id: `${index}`, method: 'POST', url: '/v1/completions', body: { model: 'tiny', prompt: 'a', max_tokens: 1 } })}\n`
const end = '\r\n--B--\r\n'

async function run(fileId: unknown) {
  const call = async (path: string, body?: object) =>
    (await (
      await fetch(server.url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    ).json()) as Record<string, unknown>
  const made = await call('/v1/batches', {
    input_file_id: fileId,
    endpoint: '/v1/completions',
    completion_window: '24h',
  })
  return {
    read: () => call(`/v1/batches/${made['id']}`),
    cancel: () => call(`/v1/batches/${made['id']}/cancel`, {}),
    async until(reached: (batch: Record<string, unknown>) => boolean) {
      for (;;) {
        const batch = await call(`/v1/batches/${made['id']}`)
        if (reached(batch)) return batch
        await delay(20)
      }
    },
  }
}

test('a million empty lines are no file for a batch; with one line among them they are', { skip }, async () => {
  const empty = '\n'.repeat(1_000_000)
  const refused = await bounded(() => stream([head({ purpose: 'batch' }), empty, end]))
  assert.deepEqual([refused.status, (refused.body['error'] as { code: string }).code], [400, 'invalid_file'])
  const taken = await bounded(() => stream([head({ purpose: 'batch' }), empty, line(0), end]))
  assert.equal(taken.body['num_lines'], 1)
  const batch = await run(taken.body['id'])
  const done = await bounded(() => batch.until(({ status }) => status === 'completed'))
  assert.deepEqual(done['request_counts'], { total: 1, completed: 1, failed: 0 })
})

test('a hundred thousand lines, the last of which has the id of the first, fail as a whole and name both', {
  skip,
}, async () => {
  function* pieces() {
    yield head({ purpose: 'batch' })
    for (let index = 0; index < 100_000; index += 1000)
      yield Array.from({ length: 1000 }, (_, offset) => line(index + offset)).join('')
    yield line(0)
    yield end
  }
  const taken = await bounded(() => stream(pieces()))
  assert.equal(taken.body['num_lines'], 100_001)
  const batch = await run(taken.body['id'])
  const failed = await bounded(() => batch.until(({ status }) => status === 'failed'))
  const { data } = failed['errors'] as { data: { code: string; line: number; message: string }[] }
  assert.deepEqual([data.length, data[0]?.code, data[0]?.line], [1, 'duplicate_custom_id', 100_001])
  assert.match(data[0]?.message ?? '', /also that of line 1\./)
})

test('uploads that break off leave nothing, and the server serves on', { skip }, async () => {
  for (let attempt = 0; attempt < 20; attempt++) {
    await new Promise<void>((resolve) => {
      const call = request(`${server.url}/v1/files`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.key}`, 'content-type': 'multipart/form-data; boundary=B' },
      })
      call.on('error', () => {}).on('close', resolve)
      call.write(head({ purpose: 'batch' }) + line(1))
      call.write(megabyte, () => call.destroy())
    })
  }
  const incoming = join(server.home, 'files', 'incoming')
  while ((await readdir(incoming)).length > 0) await delay(20)
  const taken = await stream([head({ purpose: 'batch' }), line(0), end])
  assert.equal(taken.status, 200)
})
