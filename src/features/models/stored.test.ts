// Stored weights: listed as they were asked for, and removed without taking from others on this machine what they brought.

import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { hubCommit, sha256, weightsLike } from '../../../test/support/hub.ts'
import { pullFromHub } from '../../../test/support/pulls.ts'
import { pull } from './pull.ts'
import { removeStored, storedModels } from './stored.ts'

const parts = [1, 2].map((part) => weightsLike(part * 400_000, `part ${part}`))
const split = 'hf:team/Big-GGUF:big-00001-of-00002.gguf'
const whole = 'hf:team/Tiny-GGUF:tiny.gguf'
const content = weightsLike(300_000)
const pulling = pullFromHub((hub) => {
  hub.put('team/Tiny-GGUF', 'tiny.gguf', { content })
  for (const [index, part] of parts.entries()) {
    hub.put('team/Big-GGUF', `big-0000${index + 1}-of-00002.gguf`, { content: part })
  }
})
const options = (home: string) => pulling.options(home)
const place = (...names: readonly string[]) => join(pulling.folder, ...names)
const blob = (repository: string, bytes: Uint8Array) => place(`cache/models--team--${repository}/blobs`, sha256(bytes))

test('models are listed by what they were pulled by, parts together', async () => {
  await pull(split, options('one'))
  await pull(whole, options('one'))
  const models = await storedModels(place('one'))
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
  const [model] = await storedModels(place('one'))
  assert.ok(model !== undefined)
  const removal = await removeStored(model, place('one'))
  assert.deepEqual([removal.freedBytes, removal.kept], [1_200_000, []])
  for (const part of parts) await assert.rejects(stat(blob('Big-GGUF', part)))
  assert.deepEqual(await readdir(place('cache/models--team--Big-GGUF/snapshots', hubCommit)), [])
  assert.deepEqual(await storedModels(place('one')), [])
  // And can be pulled again.
  assert.equal((await pull(split, options('one'))).fetched, true)
})

test('what somebody else brought stays, and only our link goes', async () => {
  await pull(whole, options('others'))
  assert.equal((await pull(whole, options('ours'))).fetched, false)
  const [model] = await storedModels(place('ours'))
  assert.ok(model !== undefined)
  const removal = await removeStored(model, place('ours'))
  assert.deepEqual([removal.freedBytes, removal.kept], [0, [blob('Tiny-GGUF', content)]])
  assert.deepEqual(await storedModels(place('ours')), [])
  assert.equal((await stat(place('others/models/hf/team/Tiny-GGUF/tiny.gguf'))).size, content.length)
})
