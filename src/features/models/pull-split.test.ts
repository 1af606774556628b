// Models in several files, repositories without a file's name, and models of Ollama's registry.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { digestOf, type PullOptions, pull } from './pull.ts'
import type { PullProgress } from './pull-progress.ts'

const egress = createEgress()
const parts = [1, 2, 3].map((part) => weightsLike(part * 1_500_000, `part ${part}`))
const partName = (part: number) => `Big-Q4_K_M-0000${part}-of-00003.gguf`
let hub: TestHub
let home = ''

before(async () => {
  hub = await startHub()
  for (const [index, content] of parts.entries()) hub.put('team/Big-GGUF', partName(index + 1), { content })
  for (const name of ['Big-Q8_0.gguf', 'Big-Q3_K_L.gguf', 'mmproj-Big-F16.gguf', 'README.md']) {
    hub.put('team/Big-GGUF', name, { content: weightsLike(50_000, name) })
  }
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-split-'))
  hub.requests.length = 0
  hub.faults.length = 0
})
afterEach(() => rm(home, { recursive: true, force: true }))

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  home,
  egress,
  hubUrl: hub.url,
  hubCache: join(home, 'cache'),
  ollamaUrl: hub.url,
  patience: { attempts: 6, backoffMs: 1, stallMs: 60_000 },
  ...more,
})

test('a model in parts comes whole, whichever part is named, and lies so that the engine finds each part', async () => {
  hub.faults.push({ type: 'cut', after: 100_000 }, { type: 'wrong-byte' })
  const reports: PullProgress[] = []
  const onProgress = (report: PullProgress) => reports.push(report)
  const model = await pull(`hf:team/Big-GGUF:${partName(2)}`, options({ onProgress }))
  assert.equal(model.name, 'Big-Q4_K_M')
  assert.equal(model.path, join(home, 'models/hf/team/Big-GGUF', partName(1)))
  assert.deepEqual(
    model.files.map(({ sha256: hash }) => hash),
    parts.map(sha256),
  )
  assert.equal(model.sha256, digestOf(model.files))
  assert.equal(model.bytes, 9_000_000)
  for (const [index, file] of model.files.entries())
    assert.deepEqual(await readFile(file.path), Buffer.from(parts[index] ?? []))
  assert.match(reports.map(({ source }) => source).join('\n'), /file 2 of 3/)
  const asked = hub.requests.length
  assert.equal((await pull(`hf:team/Big-GGUF:${partName(3)}`, options())).fetched, false)
  assert.equal(hub.requests.length, asked)
})

test('parts that are there are not fetched again when a later one fails', async () => {
  const before = options({ signal: AbortSignal.timeout(60_000) })
  hub.put('team/Gap-GGUF', 'gap-00001-of-00002.gguf', { content: parts[0] ?? new Uint8Array() })
  await assert.rejects(
    pull('hf:team/Gap-GGUF:gap-00001-of-00002.gguf', before),
    /has no file "gap-00002-of-00002\.gguf"/,
  )
  hub.put('team/Gap-GGUF', 'gap-00002-of-00002.gguf', { content: parts[1] ?? new Uint8Array() })
  hub.requests.length = 0
  const model = await pull('hf:team/Gap-GGUF:gap-00001-of-00002.gguf', before)
  assert.equal(model.files.length, 2)
  assert.ok(hub.requests.every(({ path }) => !path.includes('gap-00001')))
})

test('a repository alone means its usual quantisation, or the one that is named; what is unclear is listed', async () => {
  assert.equal((await pull('hf:team/Big-GGUF', options())).name, 'Big-Q4_K_M')
  assert.equal((await pull('hf:team/Big-GGUF:q8_0', options())).name, 'Big-Q8_0')
  const asked = hub.requests.length
  assert.equal((await pull('hf:team/Big-GGUF:q8_0', options())).fetched, false)
  assert.equal(hub.requests.length, asked)
  await assert.rejects(pull('hf:team/Big-GGUF:Q2_K', options()), (error: Error) => {
    assert.match(error.message, /name one file of .*Big-Q3_K_L\.gguf, Big-Q4_K_M-00001-of-00003\.gguf, Big-Q8_0\.gguf/)
    assert.doesNotMatch(error.message, /mmproj|README/)
    return true
  })
  await assert.rejects(pull('hf:nobody/Nothing', options()), /there is no .*nobody\/Nothing/)
})

test("a model of Ollama's registry is the blob that its manifest names", async () => {
  const content = weightsLike(4_000_000, 'ollama')
  hub.putOllama('library/tiny', 'latest', content)
  hub.putOllama('someone/adapted', 'v1', content, ['application/vnd.ollama.image.adapter'])
  hub.putOllama('someone/halves', 'v1', content, ['application/vnd.ollama.image.model'])
  hub.putOllama('someone/talks', 'v1', content, ['application/vnd.ollama.image.template'])
  hub.faults.push({ type: 'cut', after: 200_000 }, { type: 'wrong-byte' })
  const model = await pull('ollama:tiny', options())
  assert.deepEqual([model.name, model.sha256], ['tiny', sha256(content)])
  assert.deepEqual(await readFile(model.path), Buffer.from(content))
  assert.equal((await pull('ollama:someone/talks:v1', options())).name, 'talks-v1')
  const refusals: [string, RegExp][] = [
    ['ollama:someone/adapted:v1', /is an adapter over another model/],
    ['ollama:someone/halves:v1', /does not hold its weights in one file/],
    ['ollama:tiny:v9', /there is no .*library\/tiny:v9/],
  ]
  for (const [name, message] of refusals) await assert.rejects(pull(name, options()), message)
})
