// LoRA adapters as a user has them: put there by the command line, named in calls over HTTP, listed, weighted, and taken away again.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import OpenAI, { type APIError } from 'openai-7'
import type { QualityRecord } from '../../src/features/models/measure.ts'
import type { AdapterShown } from '../../src/wire/adapters.ts'
import type { QualityShown } from '../../src/wire/aliases.ts'
import { runGalerne } from '../support/command-line.ts'
import { tinyWeights, writeAdapter } from '../support/gguf-adapter.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { writePeft } from '../support/peft-adapter.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { until } from '../support/until.ts'

let folder = ''
let file = ''
let home = ''
let weights = ''
let product: RunningProduct
let client: OpenAI

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-adapters-'))
  home = join(folder, 'home')
  const path = await tinyLlama({ folder, vocabulary: byteVocabulary([]), name: 'base', contextLength: 1024 })
  file = join(folder, 'pirate.gguf')
  await writeAdapter({ path: file, weights: tinyWeights, seed: 1 })
  weights = `base=${path}`
  await start()
})
after(async () => {
  await product?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** In the home that outlives it. */
async function start(): Promise<void> {
  product = await startProduct(['--home', home, '--model', weights, '--streams', '2', '--context-length', '512'])
  client = new OpenAI({ baseURL: `${product.url}/v1`, apiKey: product.key, maxRetries: 0 })
}

const galerne = (...given: string[]) => runGalerne(home, given)

async function complete(model: string): Promise<string> {
  const made = await client.completions.create({ model, prompt: 'abc', max_tokens: 12, temperature: 0, logprobs: 1 })
  assert.equal(made.model, model)
  return JSON.stringify(made.choices[0]?.logprobs?.token_logprobs)
}

const refusal = (model: string) =>
  complete(model).then(
    () => undefined,
    (error: APIError) => error,
  )

test('an adapter is added while the server runs, and calls may name it', async () => {
  const plain = await complete('base')
  assert.equal((await refusal('base+pirate'))?.status, 404)
  const { code, output, errors } = await galerne('adapters', 'add', 'base', file, '--json')
  assert.equal(code, 0, errors)
  const shown = JSON.parse(output) as AdapterShown
  assert.deepEqual([shown.id, shown.served, shown.error], ['base+pirate', true, null])
  const changed = await complete('base+pirate')
  assert.notEqual(changed, plain)
  assert.equal(await complete('base+pirate:1'), changed)
  assert.notEqual(await complete('base+pirate:0.5'), changed)
  assert.equal(await complete('base+pirate:0'), plain)
  assert.equal(await complete('base'), plain)
})

test('models are listed with their parents', async () => {
  const listed = (await client.models.list()).data as unknown as { id: string; root: string; parent: string | null }[]
  assert.deepEqual(
    listed.map(({ id, root, parent }) => [id, root, parent]),
    [
      ['base', 'base', null],
      ['base+pirate', 'base', 'base'],
    ],
  )
  assert.equal((await client.models.retrieve('base+pirate')).id, 'base+pirate')
  assert.match((await galerne('adapters', 'list')).output, /^name +size +state\nbase\+pirate +\S+ kB +served/)
})

test('a measurement is handed to the server, whose gates look at it', async () => {
  const text = join(folder, 'text.txt')
  await writeFile(text, 'The quick brown fox jumps over the lazy dog. '.repeat(24))
  const made = await galerne(
    'models',
    'measure',
    weights.slice(5),
    '--text',
    text,
    '--publish',
    '--json',
    '--url',
    product.url,
  )
  assert.equal(made.code, 0, made.errors)
  const record = JSON.parse(made.output) as QualityRecord
  const answer = await fetch(`${product.url}/galerne/v1/model-quality?digest=${record.digest}`, {
    headers: { authorization: `Bearer ${product.key}` },
  })
  const { data } = (await answer.json()) as { data: QualityShown[] }
  assert.deepEqual(
    data.map(({ perplexity, text_sha256: sha256 }) => [perplexity, sha256?.replace('sha256:', '')]),
    [[record.perplexity, record.textSha256]],
  )
})

test('an alias leads to a model with an adapter, and so does its canary', async () => {
  const named = async (model: string) =>
    await client.completions.create({ model, prompt: 'abc', max_tokens: 12, temperature: 0 })
  const [plain, changed, half] = [await named('base'), await named('base+pirate'), await named('base+pirate:0.5')]
  const set = async (...given: string[]) => {
    const { code, output, errors } = await galerne('alias', 'set', 'captain', ...given, '--json')
    assert.equal(code, 0, errors)
    return JSON.parse(output)
  }
  await set('base+pirate')
  const answered = await named('captain')
  assert.deepEqual([answered.model, answered.choices[0]?.text], ['base+pirate', changed.choices[0]?.text])
  // Of weights that nobody told the digest of it is there a while after the start.
  const digest = await until('the weights have their digest', async () => {
    return ((await client.models.retrieve('base')) as unknown as { digest: string | null }).digest
  })
  const { target } = await set(`base@${digest.slice(0, 20)}+pirate:0.5`)
  assert.equal(target, `base@${digest}+pirate:0.5`)
  assert.equal((await named(`base@${digest}+pirate`)).choices[0]?.text, changed.choices[0]?.text)
  assert.equal((await named('captain')).choices[0]?.text, half.choices[0]?.text)
  const card = (await client.models.list()).data.find(({ id }) => id === 'captain') as unknown as { root: string }
  assert.equal(card.root, 'base')
  await set('base')
  const canary = await galerne('alias', 'canary', 'captain', '--to', 'base+pirate', '--percent', '100')
  assert.equal(canary.code, 0, canary.errors)
  assert.equal((await named('captain')).choices[0]?.text, changed.choices[0]?.text)
  // What was measured of weights says nothing of them with an adapter.
  const gated = await galerne(
    'alias',
    'canary',
    'captain',
    '--to',
    'base+pirate',
    '--percent',
    '50',
    '--max-perplexity',
    '1000000',
  )
  assert.match(gated.errors, /its perplexity was not measured/)
  assert.notEqual(plain.choices[0]?.text, changed.choices[0]?.text)
  assert.match((await galerne('adapters', 'rm', 'base', 'pirate')).errors, /the alias "captain" leads to it/)
  for (const wrong of ['base+none', 'base+pirate:99', 'none+pirate']) {
    assert.match((await galerne('alias', 'set', 'x', wrong)).errors, /"target" is not valid: no model is served as/)
  }
  assert.equal((await named('captain')).model, 'base+pirate')
})

test('what is wrong is a 4xx that says what', async () => {
  const cases: readonly (readonly [model: string, status: number, said: RegExp])[] = [
    ['base+none', 404, /adapter "base\+none"/],
    ['none+pirate', 404, /no model "none"/],
    ['base+pirate:x', 400, /weight of -10 to 10/],
    ['base+pirate:99', 400, /weight/],
    ['base+', 400, /write adapters as/],
    ['base+pirate+pirate', 400, /twice/],
  ]
  for (const [model, status, said] of cases) {
    const error = await refusal(model)
    assert.equal(error?.status, status, model)
    assert.match(error?.message ?? '', said)
  }
  const twice = await galerne('adapters', 'add', 'base', file)
  assert.match(twice.errors, /adapter "base\+pirate" already/)
  const text = join(folder, 'text.gguf')
  await writeFile(text, 'this is no adapter, and long enough to be read as one')
  assert.match((await galerne('adapters', 'add', 'base', text)).errors, /adapter "text" cannot be used: .*not a GGUF/)
  const other = join(folder, 'other.gguf')
  await writeAdapter({ path: other, weights: [['blk.0.attn_q.weight', 32, 32]], seed: 1 })
  assert.match((await galerne('adapters', 'add', 'base', other)).errors, /32 × 32 weights/)
  assert.match((await galerne('adapters', 'add', 'base', file, '--name', 'a+b')).errors, /no name for an adapter/)
  assert.match((await galerne('adapters', 'add', 'nobody', file)).errors, /"nobody"/)
  const { output } = await galerne('adapters', 'list', '--json')
  assert.deepEqual(
    (JSON.parse(output) as AdapterShown[]).map(({ id }) => id),
    ['base+pirate'],
  )
})

test('it is there after a restart, and gone when it is removed', async () => {
  const changed = await complete('base+pirate')
  await product.stop()
  await start()
  assert.equal(await complete('base+pirate'), changed)
  // The alias, too; and once it leads elsewhere the adapter may go.
  assert.equal((await client.completions.create({ model: 'captain', prompt: 'abc' })).model, 'base+pirate')
  assert.equal((await galerne('alias', 'rm', 'captain')).code, 0)
  const { code, errors } = await galerne('adapters', 'rm', 'base', 'pirate')
  assert.equal(code, 0, errors)
  assert.equal((await refusal('base+pirate'))?.status, 404)
  assert.match((await galerne('adapters', 'rm', 'base', 'pirate')).errors, /no adapter/)
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ['base'],
  )
})

test('a folder of PEFT is an adapter too, and a broken one is refused by its field', async () => {
  const source = join(folder, 'parrot')
  const modules = [0, 1].map((layer) => [`model.layers.${layer}.self_attn.q_proj`, 64, 64] as const)
  const parrot = { folder: source, modules, seed: 1, type: 'BF16', rank: 4, alpha: 64 } as const
  await writePeft(parrot)
  const missing = await galerne('adapters', 'add', 'base', source)
  assert.match(missing.errors, /neither stored nor in the settings.*--base/)
  const base = weights.slice('base='.length)
  const { code, output, errors } = await galerne('adapters', 'add', 'base', source, '--base', base, '--json')
  assert.equal(code, 0, errors)
  const shown = JSON.parse(output) as AdapterShown
  assert.deepEqual([shown.id, shown.served, shown.error], ['base+parrot', true, null])
  assert.notEqual(await complete('base+parrot'), await complete('base'))
  await writePeft({ ...parrot, config: { use_dora: true } })
  const broken = await galerne('adapters', 'add', 'base', source, '--base', base, '--name', 'broken')
  assert.match(broken.errors, /"adapter_config\.json: use_dora" is not valid: it is true: magnitudes \(DoRA\)/)
  assert.equal((await galerne('adapters', 'rm', 'base', 'parrot')).code, 0)
})
