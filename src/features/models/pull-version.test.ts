// Weights whose source has other bytes now: they become a version beside the first, which stays as it is; what is the same is not fetched.

import assert from 'node:assert/strict'
import { lstat, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { digestOf, type PullOptions, pull } from './pull.ts'
import { removeStored, storedModels } from './stored.ts'

const egress = createEgress()
let hub: TestHub
let folder = ''
before(async () => {
  hub = await startHub()
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-version-'))
  hub.requests.length = 0
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  home: folder,
  egress,
  hubUrl: hub.url,
  patience: { attempts: 6, backoffMs: 1, stallMs: 60_000 },
  ...more,
})
const downloads = () => hub.requests.filter(({ server, method }) => server === 'storage' && method === 'GET').length
const old = weightsLike(300_000, 'old')
const fresh = weightsLike(310_000, 'fresh')

for (const [place, cache] of [
  ['in home', undefined],
  ["in Hugging Face's cache", 'cache'],
] as const) {
  test(`other bytes become a version beside the first, ${place}`, async () => {
    const more = cache === undefined ? {} : { hubCache: join(folder, cache) }
    const reference = `hf:team/Moving-GGUF:${cache ?? 'home'}.gguf`
    hub.put('team/Moving-GGUF', `${cache ?? 'home'}.gguf`, { content: old })
    const first = await pull(reference, options(more))
    const same = await pull(reference, options({ ...more, update: true }))
    assert.deepEqual([same.path, same.sha256, same.fetched], [first.path, sha256(old), false])
    const before = downloads()

    hub.put('team/Moving-GGUF', `${cache ?? 'home'}.gguf`, { content: fresh })
    const second = await pull(reference, options({ ...more, update: true }))
    assert.deepEqual([second.sha256, second.fetched], [sha256(fresh), true])
    assert.ok(second.path.includes(`@${sha256(fresh).slice(0, 12)}`), second.path)
    assert.deepEqual(await readFile(second.path), Buffer.from(fresh))
    // What is served by the plain name has not moved, and a start finds it.
    assert.deepEqual(await readFile(first.path), Buffer.from(old))
    assert.equal((await pull(reference, options(more))).path, first.path)

    const fetched = downloads()
    assert.ok(fetched > before)
    const again = await pull(reference, options({ ...more, update: true }))
    assert.deepEqual([again.path, again.fetched, downloads()], [second.path, false, fetched])

    const models = await storedModels(folder)
    assert.deepEqual(
      models.map(({ name, digest, later }) => [name, digest, later]),
      [
        [first.name, sha256(old), false],
        [first.name, sha256(fresh), true],
      ],
    )
    const [, later] = models
    assert.ok(later)
    await removeStored(later, folder)
    await assert.rejects(stat(second.path))
    assert.deepEqual(await readFile(first.path), Buffer.from(old))
    assert.equal((await storedModels(folder)).length, 1)
  })
}

test('of a model in parts only what changed is fetched, and the rest is not doubled', async () => {
  const names = [1, 2].map((part) => `cut-0000${part}-of-00002.gguf`)
  for (const name of names) hub.put('team/Cut-GGUF', name, { content: weightsLike(200_000, name) })
  const reference = `hf:team/Cut-GGUF:${names[0]}`
  const first = await pull(reference, options())
  hub.put('team/Cut-GGUF', names[1] ?? '', { content: fresh })
  hub.requests.length = 0
  const second = await pull(reference, options({ update: true }))
  assert.deepEqual(
    second.files.map((file) => file.sha256),
    [first.files[0]?.sha256, sha256(fresh)],
  )
  assert.equal(second.sha256, digestOf(second.files))
  const [one, other] = [first.files[0]?.path ?? '', second.files[0]?.path ?? '']
  assert.equal((await lstat(one)).ino, (await lstat(other)).ino)
  const asked = new Set(hub.requests.filter(({ server }) => server === 'storage').map(({ path }) => path))
  assert.equal(asked.size, 1)
})
