// Pulls over several connections at once, through faults that strike each of them, and what a killed process leaves to the next.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { readState } from './download-state.ts'
import { type PullOptions, pull } from './pull.ts'
import type { PullProgress } from './pull-progress.ts'

const content = weightsLike(20_000_000)
const reference = 'hf:team/Tiny-GGUF:tiny.gguf'
const quick = { attempts: 6, backoffMs: 1, stallMs: 60_000 }
/** Takes a hub that sends nothing for a moment for stalled, as a busy machine's sometimes is: it tries often. */
const hasty = { attempts: 100, backoffMs: 1, stallMs: 1000 }
const egress = createEgress()
let hub: TestHub
let home = ''
let file = ''

before(async () => {
  hub = await startHub()
  hub.put('team/Tiny-GGUF', 'tiny.gguf', { content })
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-parts-'))
  file = join(home, 'models/hf/team/Tiny-GGUF/tiny.gguf')
  hub.requests.length = 0
  hub.faults.length = 0
  hub.refusals.length = 0
  hub.pace = 0
})
afterEach(() => rm(home, { recursive: true, force: true }))

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  home,
  egress,
  hubUrl: hub.url,
  patience: quick,
  connections: 4,
  ...more,
})

const ranges = () =>
  hub.requests.filter(({ server, method }) => server === 'storage' && method === 'GET').map(({ range }) => range ?? '')

test('parts come over several connections, the hub is asked once, and progress never goes back', async () => {
  hub.pace = 2
  const reports: PullProgress[] = []
  const model = await pull(reference, options({ onProgress: (report) => reports.push(report) }))
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal(new Set(ranges()).size, 20)
  assert.ok(ranges().every((range) => /^bytes=\d+-\d+$/.test(range)))
  assert.equal(hub.requests.filter(({ server }) => server === 'hub').length, 1)
  const received = reports.filter(({ phase }) => phase === 'downloading').map(({ receivedBytes }) => receivedBytes)
  assert.deepEqual(
    received,
    received.toSorted((one, other) => one - other),
  )
  assert.equal(received.at(-1), content.length)
  assert.deepEqual((await readdir(join(file, '..'))).sort(), ['tiny.gguf', 'tiny.gguf.json'])
})

test('cuts, stalls, trickles, refusals and an address that ran out cost each part its own attempt', async () => {
  hub.faults.push(
    { type: 'cut', after: 300_000 },
    { type: 'stall', after: 500_000 },
    { type: 'status', status: 503 },
    { type: 'status', status: 403 },
    { type: 'status', status: 429, headers: { 'retry-after': '0' } },
    { type: 'cut', after: 0 },
    { type: 'stall', after: 0 },
  )
  const reports: PullProgress[] = []
  const model = await pull(reference, options({ patience: hasty, onProgress: (report) => reports.push(report) }))
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  const reasons = reports.filter(({ phase }) => phase === 'retrying').map(({ reason }) => reason)
  assert.match(reasons.join('\n'), /timeout/)
  assert.match(reasons.join('\n'), /answered 503/)
  // The address that ran out was asked for anew.
  assert.ok(hub.requests.filter(({ server }) => server === 'hub').length > 1)
})

test('wrong bytes in some parts are found by comparing, and only a right file gets its name', async () => {
  hub.faults.push({ type: 'wrong-byte' }, { type: 'cut', after: 100_000 }, { type: 'wrong-byte' })
  const reports: PullProgress[] = []
  const model = await pull(reference, options({ onProgress: (report) => reports.push(report) }))
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.ok(reports.some(({ phase }) => phase === 'repairing'))
  assert.ok(reports.some(({ reason }) => /sha256 is .* and should be/.test(reason ?? '')))
})

test('a server that knows no ranges sends one stream, and what the parts had without a gap is kept', async () => {
  hub.faults.push({ type: 'whole' }, { type: 'whole' }, { type: 'whole' }, { type: 'whole' })
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal(ranges().at(-1), '')
})

test('a killed process costs what it had not recorded: the next one asks for the rest only', async () => {
  hub.pace = 20
  const script = `
    import { createEgress } from ${JSON.stringify(join(import.meta.dirname, '../../base/egress.ts'))}
    import { pull } from ${JSON.stringify(join(import.meta.dirname, 'pull.ts'))}
    const onProgress = (report) => console.log(report.receivedBytes)
    await pull(${JSON.stringify(reference)}, { home: ${JSON.stringify(home)}, hubUrl: ${JSON.stringify(hub.url)}, egress: createEgress(), onProgress, connections: 4 })`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script])
  child.stdout.on('data', (line: Buffer) => {
    if (Number(line.toString().split('\n')[0]) > 10_000_000) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  const { parts } = await readState(`${file}.partial`)
  const kept = (parts?.received ?? []).reduce((sum, bytes) => sum + bytes, 0)
  assert.ok(kept > 0 && kept < content.length, `${kept} bytes were recorded`)
  hub.pace = 0
  hub.requests.length = 0
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  const asked = ranges().map((range) => /^bytes=(\d+)-(\d+)$/.exec(range) ?? [])
  const bytes = asked.reduce((sum, [, from, to]) => sum + Number(to) - Number(from) + 1, 0)
  assert.equal(bytes, content.length - kept)
})

test('a pull over one connection goes on over several, and the other way round', async () => {
  hub.faults.push({ type: 'cut', after: 7_000_000 }, { type: 'status', status: 404 })
  await assert.rejects(pull(reference, options({ connections: 1 })), /answered 404/)
  hub.requests.length = 0
  const model = await pull(reference, options())
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.ok(ranges().length < 15, `${ranges().length} parts were asked for`)

  await rm(model.path)
  hub.faults.push(...Array(8).fill({ type: 'status', status: 404 }))
  await assert.rejects(pull(reference, options()), /answered 404/)
  hub.faults.length = 0
  await pull(reference, options({ connections: 1 }))
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
})

test('another file at the same address, seen by its ETag, starts anew', async () => {
  const address = hub.plainUrl('team/Tiny-GGUF', 'tiny.gguf')
  const local = options({ allowPrivate: true })
  hub.faults.push(...Array(4).fill({ type: 'cut', after: 400_000 }), ...Array(4).fill({ type: 'status', status: 404 }))
  await assert.rejects(pull(address, local), /answered 404/)
  // The first 404 ends the pull, so not every connection has met its own.
  hub.faults.length = 0
  const other = weightsLike(19_000_000, 'another')
  hub.put('team/Tiny-GGUF', 'tiny.gguf', { content: other })
  try {
    assert.equal((await pull(address, local)).sha256, sha256(other))
  } finally {
    hub.put('team/Tiny-GGUF', 'tiny.gguf', { content })
  }
})

test('a mirror gives what the hub cannot, goes on with its bytes, and never sees the token', async () => {
  const mirror = await startHub()
  mirror.put('team/Tiny-GGUF', 'tiny.gguf', { content })
  try {
    hub.faults.push(
      ...Array(4).fill({ type: 'cut', after: 500_000 }),
      ...Array(4).fill({ type: 'status', status: 404 }),
    )
    const model = await pull(reference, options({ hubMirrors: [mirror.url], hubToken: 'hf_secret' }))
    assert.equal(model.source, `${new URL(mirror.url).host}/team/Tiny-GGUF`)
    assert.deepEqual(await readFile(model.path), Buffer.from(content))
    assert.ok(mirror.requests.every(({ authorization }) => authorization === undefined))
    assert.ok(mirror.requests.some(({ range }) => range !== undefined && !/^bytes=\d+000000-|^bytes=0-/.test(range)))
  } finally {
    await mirror.close()
  }
})
