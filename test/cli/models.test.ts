// The commands about models against a running server: ps, load, unload, pin, rm, prune, and models export and import.

import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ModelStateShown, Removed } from '../../src/wire/model-states.ts'
import { runGalerne } from '../support/command-line.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

let folder = ''
let product: RunningProduct

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-models-'))
  const vocabulary = byteVocabulary([])
  const [one, two] = await Promise.all(
    ['one', 'two', 'spare'].map((name, seed) => tinyLlama({ folder, vocabulary, name, seed, contextLength: 1024 })),
  )
  const models = [`one=${one}`, `two=${two}`].flatMap((model) => ['--model', model])
  const place = ['--models-memory', '300mb', '--priority', 'one=2']
  product = await startProduct([...models, ...place, '--streams', '2', '--context-length', '512'])
})
after(async () => {
  await product?.stop()
  await rm(folder, { recursive: true, force: true })
})

const galerne = (...given: string[]) => runGalerne(product.home, given)

async function json<Result>(...commandArguments: string[]): Promise<Result> {
  const { code, output, errors } = await galerne(...commandArguments, '--json')
  assert.equal(code, 0, errors)
  return JSON.parse(output) as Result
}

async function complete(model: string): Promise<number> {
  const response = await fetch(`${product.url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt: 'abc', max_tokens: 3 }),
  })
  await response.text()
  return response.status
}

const states = async () => (await json<ModelStateShown[]>('ps')).map(({ model, state }) => [model, state])

test('ps shows what is loaded; a call, load and unload change it; a pinned one stays', async () => {
  assert.deepEqual(await states(), [
    ['one', 'ready'],
    ['two', 'unloaded'],
  ])
  assert.match((await galerne('ps')).output, /^model +state +memory .*\none +ready .*priority 2/)
  assert.equal(await complete('two'), 200)
  assert.deepEqual(await states(), [
    ['one', 'unloaded'],
    ['two', 'ready'],
  ])
  const loaded = await json<ModelStateShown>('load', 'one', '--pin', '--keep', '10m', '--rank', '7')
  assert.deepEqual(
    [loaded.state, loaded.pinned, loaded.idle_timeout, loaded.priority, loaded.loads],
    ['ready', true, 600, 7, 2],
  )
  assert.equal(await complete('two'), 503)
  const refused = await galerne('load', 'two')
  assert.equal(refused.code, 1)
  assert.match(refused.errors, /"two" is not loaded and cannot be now: .*"one" \(pinned\)/)
  assert.match((await galerne('unload', 'one')).errors, /is pinned; unpin it first/)
  assert.match((await galerne('pin', 'one', '--off')).output, /one: not pinned/)
  assert.equal((await json<ModelStateShown>('unload', 'one')).state, 'unloaded')
  assert.equal((await json<ModelStateShown>('pin', 'two')).pinned, true)
  await json('pin', 'two', '--off')
  assert.match((await galerne('load', 'nothing')).errors, /no name of the catalogue/)
  assert.match((await galerne('load', join(folder, 'spare.gguf'))).errors, /a path is taken from the command line/)
})

test('a model goes into an archive, out of it, is served by its name, and is removed', async () => {
  const archive = join(folder, 'spare.tar')
  assert.equal((await galerne('models', 'export', join(folder, 'spare.gguf'), archive)).code, 0)
  const imported = await json<{ path: string; name: string }>('models', 'import', archive)
  assert.equal(imported.name, 'spare')
  const loaded = await json<ModelStateShown>('load', 'spare')
  assert.deepEqual([loaded.model, loaded.state], ['spare', 'ready'])
  assert.equal(await complete('spare'), 200)
  const removed = await json<Removed>('rm', 'spare')
  assert.deepEqual(removed.files, ['imported/spare.gguf'])
  assert.ok(removed.freed_bytes > 10_000)
  await assert.rejects(stat(imported.path))
  assert.equal(await complete('spare'), 404)
  assert.match((await galerne('rm', 'spare')).errors, /There is no stored model "spare"/)
})

test('a Hugging Face folder becomes a model that is served by its name; a broken one is told by file and field', async () => {
  const recorded = join(import.meta.dirname, '../recordings/conversion/llama')
  const source = join(folder, 'My Llama')
  await cp(recorded, source, { recursive: true })
  // The server of this file runs every model with a context of 512.
  const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8')) as object
  await writeFile(join(source, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 512 }))
  const spoken = await galerne('models', 'import', source, '--type', 'F32', '--name', 'spoken')
  assert.match(spoken.output, /spoken-F32\.gguf, .*: [0-9a-f]{64}\nServe it with: galerne serve --model spoken=/)
  assert.match(spoken.errors, /converting to F32/)
  const made = await json<{ name: string; path: string; type: string; remarks: string[] }>('models', 'import', source)
  assert.deepEqual([made.name, made.type, made.remarks], ['My-Llama', 'F16', []])
  assert.equal((await json<ModelStateShown>('load', 'My-Llama')).state, 'ready')
  assert.equal(await complete('My-Llama'), 200)
  await writeFile(join(source, 'config.json'), '{"architectures":["Other"]}')
  const broken = await galerne('models', 'import', source)
  assert.match(broken.errors, /"config\.json: architectures" is not valid: it is "Other"/)
  const archive = await galerne('models', 'import', join(folder, 'spare.tar'), '--type', 'F32')
  assert.match(archive.errors, /"type" is not valid: an archive has its own/)
  for (const name of ['My-Llama', 'spoken']) await json<Removed>('rm', name)
})

test('prune removes what broken pulls left, and nothing that is fresh', async () => {
  const old = join(product.home, 'models/broken.gguf.partial')
  const fresh = join(product.home, 'models/running.gguf.partial')
  for (const path of [old, fresh]) await writeFile(path, Buffer.alloc(5000, 1))
  const yesterday = new Date(Date.now() - 86_400_000)
  await utimes(old, yesterday, yesterday)
  const pruned = await json<Removed>('prune')
  assert.deepEqual(pruned.files, ['broken.gguf.partial'])
  assert.ok(pruned.freed_bytes >= 5000)
  await stat(fresh)
})

test('the routes of administration want an administrator, and every act is in the audit log', async () => {
  const ask = async (path: string, body: object, key: string) => {
    const response = await fetch(`${product.url}/galerne/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: (await response.json()) as { secret?: string } }
  }
  const { body } = await ask('keys', { name: 'member', role: 'member' }, product.key)
  for (const path of ['load', 'unload', 'pin', 'remove', 'prune']) {
    const { status } = await ask(`models/${path}`, path === 'prune' ? {} : { model: 'one' }, body.secret ?? '')
    assert.equal(status, 403, path)
  }
  assert.equal((await ask('models/load', { model: 'one', nonsense: 1 }, product.key)).status, 400)
})
