// Plans of models that are elsewhere: the hub is asked for the first bytes of a file, however large it is, and nothing is kept.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { writeGguf } from '../../../test/support/gguf.ts'
import { tinyMixtral } from '../../../test/support/gguf-models.ts'
import { byteVocabulary } from '../../../test/support/gguf-vocabulary.ts'
import { writeHollowModel } from '../../../test/support/hollow-models.ts'
import { type HubContent, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { readHeader } from '../../engine/header.ts'
import { findModel } from '../models/catalogue.ts'
import { findPlanned } from './find.ts'
import { findRemote, isRemote } from './remote.ts'
import { type PlannedModel, planReport } from './report.ts'

const egress = createEgress()
let folder = ''
let tiny = ''
let hub: TestHub

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-remote-'))
  tiny = await tinyMixtral({ folder, vocabulary: byteVocabulary([]) })
  hub = await startHub()
})
after(async () => {
  await hub.close()
  await egress.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  hub.requests.length = 0
  hub.faults.length = 0
})

const options = () => ({
  egress,
  hubUrl: hub.url,
  ollamaUrl: hub.url,
  allowPrivate: true,
  patience: { attempts: 1, backoffMs: 1, stallMs: 120_000 },
})

function plan(model: PlannedModel) {
  const devices = [{ name: 'processor', kind: 'cpu', availableBytes: 2 ** 38 }] as const
  return planReport(model, { contextLength: 2048, users: 2, kvType: 'f16', devices, bandwidth: {} })
}

/** A file that is read piece by piece, as large as it says. */
function onDisk(path: string): HubContent {
  return {
    length: statSync(path).size,
    sha256: '0'.repeat(64),
    read(start, end) {
      const bytes = Buffer.alloc(end - start)
      const file = openSync(path, 'r')
      readSync(file, bytes, 0, bytes.length, start)
      closeSync(file)
      return bytes
    },
  }
}

test('Mixtral 8x7B, 28 GB on a hub, is planned like the catalogue does, from less than 2 MB', async () => {
  const known = findModel('mixtral-8x7b')?.model
  assert.ok(known !== undefined)
  const { architecture, shape: numbers, contextLength } = known
  const described = { architecture, numbers, contextLength, quantisation: 'Q4_K_M', file: 'mixtral.gguf' }
  const path = await writeHollowModel(folder, described)
  assert.ok(statSync(path).size > 28e9)
  hub.put('team/Mixtral-GGUF', 'Mixtral-Q4_K_M.gguf', { content: onDisk(path) })
  const remote = plan(await findRemote('hf:team/Mixtral-GGUF:Mixtral-Q4_K_M.gguf', options()))
  const { model, quantisation, details, ...numbersOfCatalogue } = plan(findPlanned('mixtral-8x7b'))
  for (const [key, value] of Object.entries(numbersOfCatalogue))
    assert.deepEqual(remote[key as keyof typeof remote], value, key)
  const asked = hub.requests.filter(({ server }) => server === 'storage').map(({ range }) => range ?? '')
  const last = Math.max(...asked.map((range) => Number(/^bytes=\d+-(\d+)$/.exec(range)?.[1] ?? Number.NaN)))
  assert.ok(last < 2e6, asked.join(', '))
})

test('a repository without a file, a plain address, and a name of Ollama', async () => {
  const content = readFileSync(tiny)
  hub.put('team/Tiny-GGUF', 'Tiny-Q4_K_M.gguf', { content })
  hub.put('team/Tiny-GGUF', 'Tiny-Q8_0.gguf', { content: weightsLike(1000) })
  hub.putOllama('library/tiny', 'latest', content)
  const whole = readHeader(tiny)
  for (const reference of ['hf:team/Tiny-GGUF', 'ollama:tiny', hub.plainUrl('team/Tiny-GGUF', 'Tiny-Q4_K_M.gguf')]) {
    assert.ok(isRemote(reference))
    const { header } = await findRemote(reference, options())
    assert.deepEqual([header.tensorBytes, header.tensors.length], [whole.tensorBytes, whole.tensors.length], reference)
  }
})

test('a model in several files is the sum of their headers', async () => {
  const tensor = (name: string) => [{ name, shape: [32], type: 'f32' as const, values: new Float32Array(32) }]
  const { metadata } = byteVocabulary([])
  const numbers = { context_length: 64, embedding_length: 32, block_count: 1 }
  for (const part of [1, 2]) {
    const path = join(folder, `part${part}.gguf`)
    const whole = new Map([
      ['general.architecture', { type: 'string', value: 'llama' } as const],
      ...Object.entries(numbers).map(([key, value]) => [`llama.${key}`, { type: 'u32', value } as const] as const),
      ...metadata,
    ])
    await writeGguf(path, { metadata: part === 1 ? whole : new Map(), tensors: tensor(`blk.0.${part}`) })
    hub.put('team/Split-GGUF', `Split-0000${part}-of-00002.gguf`, { content: readFileSync(path) })
  }
  const { header } = await findRemote('hf:team/Split-GGUF:Split-00001-of-00002.gguf', options())
  assert.equal(header.tensorBytes, 2 * 32 * 4)
})

test('what is not there, not a model, or not allowed is said with its reason', async () => {
  hub.put('team/Noise', 'noise.gguf', { content: weightsLike(2_000_000) })
  hub.put('team/Gated', 'gated.gguf', { content: readFileSync(tiny), gatedBy: 'secret' })
  for (const [reference, expected] of [
    ['hf:team/Absent:x.gguf', { code: 'pull_failed', message: /there is no .*team\/Absent/ }],
    ['hf:team/Gated:gated.gguf', { code: 'pull_failed', message: /gated/ }],
    ['hf:team/Noise:noise.gguf', { code: 'model_load_failed', message: /noise/ }],
    ['hf:team', { code: 'invalid_value', message: /hf:owner/ }],
  ] as const)
    await assert.rejects(findRemote(reference, options()), expected, reference)
  hub.put('team/Page', 'page.gguf', { content: readFileSync(tiny) })
  hub.faults.push({ type: 'web-page' })
  await assert.rejects(findRemote('hf:team/Page:page.gguf', options()), /answered 200 where a part/)
  assert.equal((await findRemote('hf:team/Gated:gated.gguf', { ...options(), hubToken: 'secret' })).name, 'gated')
  assert.ok(hub.requests.every(({ server, authorization }) => server === 'hub' || authorization === undefined))
})
