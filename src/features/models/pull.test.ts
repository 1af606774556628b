// Pulls over one connection against a local hub that speaks Hugging Face's HTTP, through every fault a network and a disk have.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { sizeOf } from './download-disk.ts'
import { type PullOptions, pull } from './pull.ts'
import type { PullProgress } from './pull-progress.ts'

const content = weightsLike(6_000_000)
const reference = 'hf:team/Tiny-GGUF:tiny.Q4_1.gguf'
const quick = { attempts: 6, backoffMs: 1, stallMs: 60_000 }
/** Takes a hub that sends nothing for a moment for stalled, as a busy machine's sometimes is: it tries often. */
const hasty = { attempts: 100, backoffMs: 1, stallMs: 1000 }
const egress = createEgress()
let hub: TestHub
let home = ''

before(async () => {
  hub = await startHub()
  hub.put('team/Tiny-GGUF', 'tiny.Q4_1.gguf', { content })
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-pull-'))
  hub.requests.length = 0
  hub.faults.length = 0
  hub.refusals.length = 0
  hub.pace = 0
  hub.lengths = true
})
afterEach(() => rm(home, { recursive: true, force: true }))

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  home,
  egress,
  hubUrl: hub.url,
  patience: quick,
  connections: 1,
  ...more,
})

const ranges = () =>
  hub.requests.filter(({ server, method }) => server === 'storage' && method === 'GET').map(({ range }) => range)

test('fetches once, checks, reports progress, and leaves nothing but the file and its note', async () => {
  const reports: PullProgress[] = []
  const model = await pull(reference, options({ onProgress: (report) => reports.push(report) }))
  assert.equal(model.path, join(home, 'models/hf/team/Tiny-GGUF/tiny.Q4_1.gguf'))
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.deepEqual([model.name, model.sha256, model.fetched], ['tiny.Q4_1', sha256(content), true])
  assert.deepEqual((await readdir(join(home, 'models/hf/team/Tiny-GGUF'))).sort(), [
    'tiny.Q4_1.gguf',
    'tiny.Q4_1.gguf.json',
  ])
  const phases = reports.map((report) => report.phase).filter((phase, index, all) => phase !== all[index - 1])
  assert.deepEqual(phases, ['connecting', 'downloading', 'verifying', 'done'])
  const last = reports.findLast((report) => report.phase === 'downloading')
  assert.deepEqual([last?.receivedBytes, last?.totalBytes, last?.secondsLeft], [6_000_000, 6_000_000, 0])
  assert.ok((last?.bytesPerSecond ?? 0) > 0)

  const again = await pull(reference, options())
  assert.deepEqual([again.fetched, again.sha256, again.source], [false, sha256(content), model.source])
  await writeFile(`${model.path}.json`, '{ half a no')
  assert.equal((await pull(reference, options())).fetched, false)
  assert.equal(hub.requests.length, 2)
})

test('the address that the browser shows names the same file', async () => {
  const model = await pull('https://huggingface.co/team/Tiny-GGUF/blob/main/tiny.Q4_1.gguf', options())
  assert.equal(model.sha256, sha256(content))
})

test('goes on where the connection was cut, as often as that happens', async () => {
  hub.faults.push(
    { type: 'cut', after: 2_000_000 },
    { type: 'cut', after: 1_500_000 },
    { type: 'cut', after: 1_000_000 },
  )
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal(ranges().length, 4)
  const starts = ranges().map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0))
  assert.ok(
    starts[1] !== undefined && starts[1] > 0 && starts.every((start, index) => start >= (starts[index - 1] ?? 0)),
  )
  assert.ok((starts[3] ?? 0) > 3_000_000, `the last attempt began at ${starts[3]}`)
})

test('goes on after a stall', async () => {
  hub.faults.push({ type: 'stall', after: 2_000_000 })
  const reports: PullProgress[] = []
  await pull(reference, options({ patience: hasty, onProgress: (report) => reports.push(report) }))
  assert.match(reports.find((report) => report.phase === 'retrying')?.reason ?? '', /timeout/i)
  assert.match(ranges().at(-1) ?? '', /^bytes=[1-9]\d+-$/)
})

test('goes on after SIGKILL, in another process', async () => {
  hub.pace = 30
  const script = `
    import { createEgress } from ${JSON.stringify(join(import.meta.dirname, '../../base/egress.ts'))}
    import { pull } from ${JSON.stringify(join(import.meta.dirname, 'pull.ts'))}
    const onProgress = (report) => console.log(report.receivedBytes)
    await pull(${JSON.stringify(reference)}, { home: ${JSON.stringify(home)}, hubUrl: ${JSON.stringify(hub.url)}, egress: createEgress(), onProgress, connections: 1 })`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script])
  const partial = join(home, 'models/hf/team/Tiny-GGUF/tiny.Q4_1.gguf.partial')
  child.stdout.on('data', async () => {
    if ((await sizeOf(partial)) > 0) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  const kept = await sizeOf(partial)
  assert.ok(kept > 0 && kept < content.length)
  hub.pace = 0
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal(ranges().at(-1), `bytes=${kept}-`)
})

test('two processes that pull at once fetch the file once', async () => {
  hub.pace = 10
  const reports: PullProgress[] = []
  const [one, two] = await Promise.all([
    pull(reference, options()),
    pull(reference, options({ onProgress: (report) => reports.push(report) })),
  ])
  assert.deepEqual([one.fetched, two.fetched].sort(), [false, true])
  assert.equal(ranges().length, 1)
  if (!two.fetched) assert.equal(reports[0]?.phase, 'waiting')
})

test('wrong bytes never get the name of the file: they are put right, or the source is refused', async () => {
  hub.faults.push({ type: 'wrong-byte' })
  assert.equal((await pull(reference, options())).sha256, sha256(content))
  await rm(join(home, 'models'), { recursive: true })

  hub.put('team/Liar-GGUF', 'tiny.gguf', { content, claimedSha256: sha256(content.subarray(1)) })
  await assert.rejects(pull('hf:team/Liar-GGUF:tiny.gguf', options()), (error: Error) => {
    assert.match(error.message, new RegExp(`sha256 is ${sha256(content)} and should be ${sha256(content.subarray(1))}`))
    return true
  })
  assert.deepEqual(await readdir(join(home, 'models/hf/team/Liar-GGUF')), [])

  hub.faults.push({ type: 'cut', after: 4_000_000 }, { type: 'status', status: 404 })
  await assert.rejects(pull(reference, options()), /answered 404/)
  hub.faults.push({ type: 'wrong-byte' })
  const kept = (await readdir(join(home, 'models/hf/team/Tiny-GGUF'))).filter((name) => name.endsWith('.partial'))
  assert.equal(kept.length, 1)
  assert.equal((await pull(reference, options())).sha256, sha256(content))
})

test('a web page instead of the file is refused, and the next source not needed to tell', async () => {
  hub.faults.push({ type: 'web-page' })
  await assert.rejects(pull(reference, options()), /offers 61 bytes|sent a web page/)
  hub.faults.push({ type: 'web-page' })
  const address = hub.plainUrl('team/Tiny-GGUF', 'tiny.Q4_1.gguf')
  await assert.rejects(pull(address, options({ allowPrivate: true })), /sent a web page instead of a GGUF file/)
})

test('a server that ignores ranges sends the whole file again', async () => {
  hub.faults.push({ type: 'cut', after: 3_000_000 }, { type: 'whole' })
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
})

test('waits as long as a busy hub asks, and tries a failing storage again', async () => {
  hub.refusals.push({ status: 429, headers: { 'retry-after': '0' } }, { status: 503 })
  hub.faults.push({ type: 'status', status: 500 }, { type: 'status', status: 403 })
  assert.equal((await pull(reference, options())).sha256, sha256(content))
  hub.refusals.push({ status: 429, headers: { 'retry-after': '7200' } })
  await rm(join(home, 'models'), { recursive: true })
  await assert.rejects(pull(reference, options()), /asks to wait 7200 s/)
})

test('gives up on a source that fails time after time, with its words, and keeps what came', async () => {
  hub.faults.push({ type: 'cut', after: 2_000_000 }, ...Array(6).fill({ type: 'status', status: 502 }))
  await assert.rejects(pull(reference, options()), (error: Error) => {
    assert.match(error.message, /"tiny\.Q4_1" could not be pulled.*answered 502/)
    return true
  })
  hub.faults.length = 0
  await pull(reference, options())
  assert.match(ranges().at(-1) ?? '', /^bytes=[1-9]\d+-$/)
})

test('what a hub refuses is said in words that help', async () => {
  hub.put('team/Gated-GGUF', 'tiny.gguf', { content: content.subarray(0, 1000), gatedBy: 'hf_secret' })
  const cases: [string, Partial<PullOptions>, RegExp][] = [
    ['hf:team/Gated-GGUF:tiny.gguf', {}, /team\/Gated-GGUF is gated: accept its terms there and pull with a token/],
    ['hf:team/Gated-GGUF:tiny.gguf', { hubToken: 'hf_wrong' }, /with the account that the token belongs to/],
    ['hf:nobody/Nothing:tiny.gguf', {}, /there is no .*nobody\/Nothing, or it is private/],
    ['hf:team/Tiny-GGUF:other.gguf', {}, /has no file "other\.gguf"/],
    ['hf:team/Tiny-GGUF@v9:tiny.Q4_1.gguf', {}, /has no revision "v9"/],
  ]
  for (const [name, more, message] of cases) {
    await assert.rejects(pull(name, options(more)), (error: Error) => {
      assert.match(error.message, message)
      assert.doesNotMatch(`${error.message} ${error.stack}`, /hf_secret|hf_wrong/)
      return true
    })
  }
  await pull('hf:team/Gated-GGUF:tiny.gguf', options({ hubToken: 'hf_secret' }))
  const withToken = hub.requests.filter((request) => request.authorization === 'Bearer hf_secret')
  assert.deepEqual(
    withToken.map((request) => request.server),
    ['hub'],
  )
})

test('an address is fetched and resumed by its ETag; another file at the same address starts anew', async () => {
  const address = hub.plainUrl('team/Tiny-GGUF', 'tiny.Q4_1.gguf')
  const local = options({ allowPrivate: true })
  hub.faults.push({ type: 'cut', after: 3_000_000 })
  const model = await pull(address, local)
  assert.equal(model.sha256, sha256(content))
  assert.match(ranges()[1] ?? '', /^bytes=[1-9]\d+-$/)

  await rm(model.path)
  hub.faults.push({ type: 'cut', after: 3_000_000 }, { type: 'status', status: 404 })
  await assert.rejects(pull(address, local))
  const other = weightsLike(5_000_000, 'another')
  hub.put('team/Tiny-GGUF', 'tiny.Q4_1.gguf', { content: other })
  try {
    assert.equal((await pull(address, local)).sha256, sha256(other))
  } finally {
    hub.put('team/Tiny-GGUF', 'tiny.Q4_1.gguf', { content })
  }
})

test('without the word of the operator no address on this machine or its network is asked', async () => {
  const { hubUrl: _, ...strict } = options()
  await assert.rejects(pull(hub.plainUrl('team/Tiny-GGUF', 'tiny.Q4_1.gguf'), strict), { code: 'pull_failed' })
  assert.equal(hub.requests.length, 0)
})

const entry = (sources: CatalogueEntry['sources']): CatalogueEntry => ({
  name: 'tiny',
  aliases: [],
  title: 'Tiny',
  licence: 'MIT',
  task: 'chat',
  architecture: 'llama',
  contextLength: 128,
  file: 'tiny.gguf',
  bytes: content.length,
  sha256: sha256(content),
  sources,
})

test('a source that fails gives way to the next; when all fail each reason is told', async () => {
  const good = { type: 'hub', repository: 'team/Tiny-GGUF', revision: 'main', file: 'tiny.Q4_1.gguf' } as const
  const gone = { type: 'hub', repository: 'team/Gone', revision: 'main', file: 'tiny.gguf' } as const
  const other = { type: 'hub', repository: 'team/Other', revision: 'main', file: 'tiny.gguf' } as const
  hub.put('team/Other', 'tiny.gguf', { content: weightsLike(6_000_000, 'other') })
  const model = await pull('tiny', options({ catalogue: [entry([gone, other, good])] }))
  assert.equal(model.source, `${new URL(hub.url).host}/team/Tiny-GGUF`)
  assert.ok(!hub.requests.some((request) => request.server === 'storage' && request.path.includes('Other')))

  await rm(model.path)
  await assert.rejects(pull('tiny', options({ catalogue: [entry([gone, other])] })), (error: Error) => {
    assert.match(
      error.message,
      /team\/Gone: there is no .*\. \S+team\/Other: its file has sha256 [0-9a-f]{64} and should have/s,
    )
    return true
  })
})

test('a pull that is cancelled stops and can be taken up', async () => {
  hub.pace = 30
  const abort = new AbortController()
  const onProgress = (report: PullProgress) => {
    if (report.receivedBytes > 1_500_000) abort.abort()
  }
  await assert.rejects(pull(reference, options({ signal: abort.signal, onProgress })), { name: 'AbortError' })
  hub.pace = 0
  await pull(reference, options())
  assert.match(ranges().at(-1) ?? '', /^bytes=[1-9]\d+-$/)
})
