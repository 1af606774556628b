// Files of a hub lie in the cache of Hugging Face's own client, whichever of the two fetched them: one file, two users.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { promisify } from 'node:util'
import { hubCommit, sha256, startHub, type TestHub, weightsLike } from '../../../test/support/hub.ts'
import { createEgress } from '../../base/egress.ts'
import { type PullOptions, pull } from './pull.ts'

const content = weightsLike(3_000_000)
const reference = 'hf:team/Tiny-GGUF:sub/tiny.gguf'
const python = join(import.meta.dirname, '../../../.cache/python/huggingface-hub/bin/python')
const egress = createEgress()
let hub: TestHub
let folder = ''

before(async () => {
  hub = await startHub()
  hub.put('team/Tiny-GGUF', 'sub/tiny.gguf', { content })
})
after(async () => {
  await hub.close()
  await egress.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-cache-'))
  hub.requests.length = 0
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  home: join(folder, 'home'),
  hubCache: join(folder, 'cache'),
  egress,
  hubUrl: hub.url,
  patience: { attempts: 6, backoffMs: 1, stallMs: 60_000 },
  ...more,
})

const repository = () => join(folder, 'cache/models--team--Tiny-GGUF')
const downloads = () => hub.requests.filter(({ server, method }) => server === 'storage' && method === 'GET')

/** What huggingface_hub does with the hub's file, or with its cache alone. */
async function huggingFace(call: string): Promise<string> {
  const script = `from huggingface_hub import hf_hub_download\nprint(${call})`
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: join(folder, 'cache'), HF_HUB_DISABLE_XET: '1' }
  const { stdout } = await promisify(execFile)(python, ['-c', script], { env: { ...process.env, ...environment } })
  return stdout.trim().split('\n').at(-1) ?? ''
}

test('a pulled file is a blob of the cache, named in its snapshot, and linked from home', async () => {
  const model = await pull(reference, options())
  const blob = join(repository(), 'blobs', sha256(content))
  assert.equal((await lstat(blob)).isFile(), true)
  assert.equal(await readlink(model.path), blob)
  assert.equal(await realpath(join(repository(), 'snapshots', hubCommit, 'sub/tiny.gguf')), await realpath(blob))
  assert.equal(
    await readlink(join(repository(), 'snapshots', hubCommit, 'sub/tiny.gguf')),
    `../../../blobs/${sha256(content)}`,
  )
  assert.equal(await readFile(join(repository(), 'refs/main'), 'utf8'), hubCommit)
  assert.deepEqual(await readFile(model.path), Buffer.from(content))

  // A second home shares the bytes: it asks where the file is, and fetches nothing.
  const before = downloads().length
  const second = await pull(reference, options({ home: join(folder, 'second') }))
  assert.deepEqual([second.fetched, second.sha256], [false, sha256(content)])
  assert.equal(downloads().length, before)
})

test('what huggingface_hub fetched is used, and it uses what was pulled', async (context) => {
  if (!existsSync(python)) return context.skip('huggingface_hub is not here: bash scripts/prepare-python.sh brings it')
  const theirs = await huggingFace("hf_hub_download('team/Tiny-GGUF', 'sub/tiny.gguf')")
  assert.deepEqual(await readFile(theirs), Buffer.from(content))
  const before = downloads().length
  const ours = await pull(reference, options())
  assert.equal(ours.fetched, false)
  assert.equal(await realpath(ours.path), await realpath(theirs))
  assert.equal(downloads().length, before)

  await rm(join(folder, 'cache'), { recursive: true })
  const again = await pull(reference, options())
  assert.equal(again.fetched, true)
  const offline = await huggingFace("hf_hub_download('team/Tiny-GGUF', 'sub/tiny.gguf', local_files_only=True)")
  assert.equal(await realpath(offline), await realpath(again.path))
  const requests = downloads().length
  await huggingFace("hf_hub_download('team/Tiny-GGUF', 'sub/tiny.gguf')")
  assert.equal(downloads().length, requests)
})

test('a file in the cache that is not what its name says is fetched again, and put right for everybody', async () => {
  await mkdir(join(repository(), 'blobs'), { recursive: true })
  await writeFile(join(repository(), 'blobs', sha256(content)), content.subarray(0, 2_000_000))
  const model = await pull(reference, options())
  assert.equal(model.fetched, true)
  assert.deepEqual(await readFile(join(repository(), 'blobs', sha256(content))), Buffer.from(content))
})

test('without the hub, what the cache has of the branch is served', async () => {
  await pull(reference, options())
  const absent = await startHub()
  await absent.close()
  const model = await pull(reference, options({ home: join(folder, 'other'), hubUrl: absent.url }))
  assert.deepEqual([model.fetched, model.sha256], [false, sha256(content)])
})

test('a link in the cache that leads out of it is not followed', async () => {
  const outside = join(folder, 'secret.gguf')
  await writeFile(outside, content)
  await mkdir(join(repository(), 'snapshots', hubCommit, 'sub'), { recursive: true })
  await mkdir(join(repository(), 'blobs'), { recursive: true })
  await mkdir(join(repository(), 'refs'), { recursive: true })
  await writeFile(join(repository(), 'refs/main'), hubCommit)
  await symlink(outside, join(repository(), 'snapshots', hubCommit, 'sub/tiny.gguf'))
  const absent = await startHub()
  await absent.close()
  await assert.rejects(pull(reference, options({ hubUrl: absent.url })), { code: 'pull_failed' })
})

test('a cache that cannot be written leaves the file in home', async () => {
  await writeFile(join(folder, 'cache'), 'no folder')
  const model = await pull(reference, options())
  assert.equal((await lstat(model.path)).isFile(), true)
})

test('two homes that pull at once fetch the file once', async () => {
  hub.pace = 5
  try {
    const models = await Promise.all([
      pull(reference, options()),
      pull(reference, options({ home: join(folder, 'b') })),
    ])
    assert.deepEqual(models.map(({ fetched }) => fetched).sort(), [false, true])
    assert.equal(new Set(downloads().map(({ range }) => range)).size, downloads().length)
  } finally {
    hub.pace = 0
  }
})
