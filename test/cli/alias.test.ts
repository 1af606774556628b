// `galerne alias`, `list`, `show`, `ps` and `pin` about versions, against a running server that is started twice over one home.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { AliasChangeShown, AliasShown, QualityShown } from '../../src/wire/aliases.ts'
import type { ModelStateShown } from '../../src/wire/model-states.ts'
import { runGalerne } from '../support/command-line.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'

let folder = ''
let home = ''
let product: RunningProduct
let [first, second, spare] = ['', '', '']

const digestOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
const start = async () => {
  const models = [first, second].flatMap((path) => ['--model', `tiny=${path}`])
  product = await startProduct([...models, '--home', home, '--streams', '2', '--context-length', '512'])
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-alias-'))
  home = join(folder, 'home')
  const vocabulary = byteVocabulary([])
  const made = ['first', 'second', 'spare'].map((name, seed) => tinyLlama({ folder, vocabulary, name, seed: seed + 1 }))
  ;[first = '', second = '', spare = ''] = await Promise.all(made)
  await start()
})
after(async () => {
  await product?.stop()
  await rm(folder, { recursive: true, force: true })
})

const galerne = (...given: string[]) => runGalerne(home, given)

async function json<Result>(...commandArguments: string[]): Promise<Result> {
  const { code, output, errors } = await galerne(...commandArguments, '--json')
  assert.equal(code, 0, errors)
  return JSON.parse(output) as Result
}

test('list, ps and show tell digests', async () => {
  const digests = [await digestOf(first), await digestOf(second)]
  const listed = await json<{ id: string; digest: string }[]>('list')
  assert.deepEqual(
    listed.map(({ digest }) => digest),
    digests.map((digest) => `sha256:${digest}`),
  )
  assert.match((await galerne('list')).output, new RegExp(`^tiny +${digests[0]?.slice(0, 12)} `, 'm'))
  const states = await json<ModelStateShown[]>('ps')
  assert.deepEqual(
    states.map(({ digest }) => digest),
    digests.map((digest) => `sha256:${digest}`),
  )
})

test('set, canary, shadow, history, rollback and rm, in words and as JSON', async () => {
  const fresh = `tiny@sha256:${(await digestOf(second)).slice(0, 12)}`
  assert.match((await galerne('alias', 'set', 'live', 'tiny', '--reason', 'first')).output, /^live leads to tiny$/m)
  const canary = ['--to', fresh, '--percent', '10', '--sticky', 'user', '--seed', '3', '--error-rate', '20']
  const set = await json<AliasShown>('alias', 'canary', 'live', ...canary, '--minimum-calls', '7', '--window', '1m')
  assert.deepEqual(set.canary, {
    target: `tiny@sha256:${await digestOf(second)}`,
    ...{ percent: 10, sticky: 'user', seed: 3, webhook: null, gate: null },
    rollback: { error_rate: 0.2, minimum_calls: 7, window_seconds: 60, first_token_ratio: null },
  })
  const more = await json<AliasShown>('alias', 'canary', 'live', '--percent', '30')
  assert.deepEqual(more.canary, { ...set.canary, percent: 30 })
  const shadow = await galerne('alias', 'shadow', 'live', '--to', fresh, '--percent', '50')
  assert.match(shadow.output, /30 % of its calls go to tiny@sha256:.*; copies of 50 % go to tiny@sha256:/)
  assert.match((await galerne('alias', 'list')).output, /^live +tiny +[0-9a-f]{12} +30 % tiny@sha256:[0-9a-f]{12} /m)
  assert.equal((await json<AliasShown>('alias', 'canary', 'live', '--off')).canary, null)
  assert.equal((await json<AliasShown>('alias', 'shadow', 'live', '--off')).shadow, null)
  const history = await json<AliasChangeShown[]>('alias', 'history', 'live')
  assert.deepEqual([history.length, history.at(-1)?.reason], [6, 'first'])
  assert.match((await galerne('alias', 'history', 'live')).output, /key key_.* set +– +tiny +first +alch_/)
  const back = await json<AliasChangeShown>('alias', 'rollback', 'live')
  assert.deepEqual(back.after?.shadow, { target: `tiny@sha256:${await digestOf(second)}`, percent: 50 })
  await json('alias', 'rollback', 'live', '--to', history.at(-1)?.id ?? '')
  assert.match((await galerne('alias', 'set', 'live', 'nothing')).errors, /no model is served as "nothing"/)
  assert.match((await galerne('alias', 'rm', 'never')).errors, /There is no alias "never"/)
  assert.equal((await json<AliasChangeShown>('alias', 'rm', 'live')).after, null)
  assert.deepEqual(await json<AliasShown[]>('alias', 'list'), [])
})

test('measurements are kept by digest, and a gate reads them', async () => {
  const fresh = `tiny@sha256:${(await digestOf(second)).slice(0, 12)}`
  const refused = await galerne('alias', 'canary', 'gated', '--to', fresh, '--gate')
  assert.match(refused.errors, /a model|no model is served as "gated"/)
  await json('alias', 'set', 'gated', 'tiny')
  assert.match((await galerne('alias', 'canary', 'gated', '--to', fresh, '--gate')).errors, /does not pass it/)
  const text = ['--text-sha256', 'f'.repeat(64)]
  await json('alias', 'quality', 'tiny', '--perplexity', '20', ...text)
  const kept = await json<QualityShown>('alias', 'quality', fresh, '--perplexity', '20.5', ...text, '--note', 'by hand')
  assert.deepEqual([kept.digest, kept.perplexity, kept.note], [`sha256:${await digestOf(second)}`, 20.5, 'by hand'])
  const set = await json<AliasShown>('alias', 'canary', 'gated', '--to', fresh, '--gate')
  assert.deepEqual(set.canary?.gate, { max_perplexity: null, max_perplexity_ratio: 1.05, min_accuracy: null })
  assert.match((await galerne('alias', 'quality')).output, /^sha256:[0-9a-f]{12} +20\.5 +– +f{12} /m)
  await json('alias', 'rm', 'gated')
})

test('pins, aliases and what they lead to outlive a restart', async () => {
  const archive = join(folder, 'spare.tar')
  assert.equal((await galerne('models', 'export', spare, archive)).code, 0)
  await json('models', 'import', archive)
  const shown = await json<{ stored: { digest: string }[] }>('show', 'spare')
  assert.equal(shown.stored[0]?.digest, `sha256:${await digestOf(spare)}`)
  await json('load', 'spare')
  await json('alias', 'set', 'kept', `spare@sha256:${await digestOf(spare)}`)
  await json('pin', 'tiny', '--rank', '4', '--keep', '10m')
  assert.equal((await json<ModelStateShown>('pin', 'tiny')).pinned, true)
  await product.stop()
  await start()
  const states = await json<ModelStateShown[]>('ps')
  const tiny = states.find(({ model }) => model === 'tiny')
  assert.deepEqual([tiny?.pinned, tiny?.priority, tiny?.idle_timeout], [true, 4, 600])
  assert.ok(states.some(({ model }) => model === 'spare'))
  const [alias] = await json<AliasShown[]>('alias', 'list')
  assert.deepEqual([alias?.name, alias?.digest], ['kept', `sha256:${await digestOf(spare)}`])
  const answer = await fetch(`${product.url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'kept', prompt: 'abc', max_tokens: 2 }),
  })
  assert.equal(((await answer.json()) as { model: string }).model, 'spare')
})
