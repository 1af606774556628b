// Stored weights: listed as they were asked for, and removed without taking from others on this machine what they brought.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { hubCommit, sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { type PullOptions, pull } from './pull.ts'
import { removeStored, storedModels } from './stored.ts'

const egress = createEgress()
const parts = [1, 2].map((part) => weightsLike(part * 400_000, `part ${part}`))
const split = 'hf:team/Big-GGUF:big-00001-of-00002.gguf'
const whole = 'hf:team/Tiny-GGUF:tiny.gguf'
const content = weightsLike(300_000)
let hub: TestHub
let folder = ''

before(async () => {
  hub = await startHub()
  hub.put('team/Tiny-GGUF', 'tiny.gguf', { content })
  for (const [index, part] of parts.entries()) {
    hub.put('team/Big-GGUF', `big-0000${index + 1}-of-00002.gguf`, { content: part })
  }
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-stored-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const options = (home: string): PullOptions => ({
  home: join(folder, home),
  hubCache: join(folder, 'cache'),
  egress,
  hubUrl: hub.url,
})
const blob = (repository: string, bytes: Uint8Array) =>
  join(folder, `cache/models--team--${repository}/blobs`, sha256(bytes))

test('models are listed by what they were pulled by, parts together', async () => {
  await pull(split, options('one'))
  await pull(whole, options('one'))
  const models = await storedModels(join(folder, 'one'))
  assert.deepEqual(
    models.map(({ name, reference, bytes, files }) => [name, reference, bytes, files.length]),
    [
      ['big', split, 1_200_000, 2],
      ['tiny', whole, 300_000, 1],
    ],
  )
})

test('what we brought into the shared cache goes with its names there', async () => {
  await pull(split, options('one'))
  const [model] = await storedModels(join(folder, 'one'))
  assert.ok(model !== undefined)
  const removal = await removeStored(model, join(folder, 'one'))
  assert.deepEqual([removal.freedBytes, removal.kept], [1_200_000, []])
  for (const part of parts) await assert.rejects(stat(blob('Big-GGUF', part)))
  assert.deepEqual(await readdir(join(folder, 'cache/models--team--Big-GGUF/snapshots', hubCommit)), [])
  assert.deepEqual(await storedModels(join(folder, 'one')), [])
  // And can be pulled again.
  assert.equal((await pull(split, options('one'))).fetched, true)
})

test('what somebody else brought stays, and only our link goes', async () => {
  await pull(whole, options('others'))
  assert.equal((await pull(whole, options('ours'))).fetched, false)
  const [model] = await storedModels(join(folder, 'ours'))
  assert.ok(model !== undefined)
  const removal = await removeStored(model, join(folder, 'ours'))
  assert.deepEqual([removal.freedBytes, removal.kept], [0, [blob('Tiny-GGUF', content)]])
  assert.deepEqual(await storedModels(join(folder, 'ours')), [])
  assert.equal((await stat(join(folder, 'others/models/hf/team/Tiny-GGUF/tiny.gguf'))).size, content.length)
})
