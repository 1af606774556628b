// LoRA adapters over one model: what they change, beside each other and beside the plain model, and what is refused.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { AdapterUse, ChosenLogprob, Model } from '../../src/wire/model.ts'
import { complete, completionCall, context, logprobsOf, never, textOf, usageOf } from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { type AdapterContent, starterWeights, tinyWeights, writeAdapter } from '../support/gguf-adapter.ts'
import { tinyLlama, tinySlidingWindow } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { starterModel } from '../support/weights.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-adapters-'))
})
after(() => rm(folder, { recursive: true }))

interface Answer {
  readonly text: string
  readonly cached: number
  readonly logprobs: readonly ChosenLogprob[]
}

/** Tokens that are guessed ahead are computed in batches of another shape, which rounds in another way. */
const rounding = 2e-3

const prompt = 'The harbour lies at the end of the road, and every morning'

/** Greedy, 24 tokens. Without a scope nothing comes from the cache. */
async function answer(
  model: Model,
  adapters: readonly AdapterUse[],
  text = prompt,
  cacheScope: string = randomUUID(),
): Promise<Answer> {
  const using = { ...context, cacheScope, ...(adapters.length > 0 && { adapters }) }
  const call = completionCall(text, {
    context: using,
    sampling: { temperature: 0, maxTokens: 24, minTokens: 24, logprobs: 3 },
  })
  const events = await complete(model, call)
  return { text: textOf(events), cached: usageOf(events).cachedTokens, logprobs: logprobsOf(events) }
}

const use = (name: string, scale = 1): AdapterUse => ({ name, scale })

/** Writes an adapter and lets calls use it. */
async function put(pool: Pool, name: string, content: Omit<AdapterContent, 'path'>, file = name) {
  const path = join(folder, `${file}.gguf`)
  const written = await writeAdapter({ path, ...content })
  await pool.addAdapter(nameOf(pool), { name, path, digest: `digest of ${file}` })
  return { path, ...written }
}

const nameOf = (pool: Pool) => pool.states()[0]?.model ?? ''

/** Largest difference between two answers' log-probabilities, which are of the same tokens. */
function apart(one: Answer, other: Answer): number {
  assert.deepEqual(
    one.logprobs.map(({ tokenId }) => tokenId),
    other.logprobs.map(({ tokenId }) => tokenId),
  )
  return one.logprobs.reduce((most, { logprob }, place) => {
    return Math.max(most, Math.abs(logprob - (other.logprobs[place]?.logprob ?? Number.NaN)))
  }, 0)
}

describe('over a tiny model in F32', () => {
  let pool: Pool
  let model: Model
  const vocabulary = byteVocabulary([])
  before(async () => {
    const path = await tinyLlama({ folder, vocabulary, type: 'f32' })
    ;({ pool, model } = await startOne({ name: 'tiny', path, streams: 4, contextLength: 512 }))
  })
  after(() => pool.stop())

  test('the answers are those of weights that were merged by hand', async () => {
    const one = await put(pool, 'one', { weights: tinyWeights, seed: 1 })
    const two = await put(pool, 'two', { weights: tinyWeights, seed: 2, rank: 8, alpha: 4 })
    const cases: readonly (readonly [adapters: AdapterUse[], change: (name: string, values: Float32Array) => void])[] =
      [
        [[use('one')], (name, values) => one.add(name, values, 1)],
        [[use('one', -0.5)], (name, values) => one.add(name, values, -0.5)],
        [
          [use('one', 0.5), use('two')],
          (name, values) => {
            one.add(name, values, 0.5)
            two.add(name, values, 1)
          },
        ],
      ]
    const plain = await answer(model, [])
    for (const [adapters, change] of cases) {
      const path = await tinyLlama({ folder, vocabulary, type: 'f32', name: 'merged', change })
      const merged = await startOne({ name: 'merged', path, streams: 4, contextLength: 512 })
      try {
        const [ours, theirs] = [await answer(model, adapters), await answer(merged.model, [])]
        assert.ok(apart(ours, theirs) < rounding, `${apart(ours, theirs)}`)
        assert.notDeepEqual(ours.logprobs, plain.logprobs)
      } finally {
        await merged.pool.stop()
      }
    }
    // In whatever order they are named.
    const swapped = await answer(model, [use('two'), use('one', 0.5)])
    assert.ok(apart(swapped, await answer(model, [use('one', 0.5), use('two')])) < rounding)
  })

  test('an adapter of weight 0 changes nothing, and without one nothing is left of it', async () => {
    await put(pool, 'three', { weights: tinyWeights, seed: 3 })
    const plain = await answer(model, [], 'weight')
    const changed = await answer(model, [use('three')], 'weight')
    assert.notDeepEqual(changed.logprobs, plain.logprobs)
    assert.ok(apart(await answer(model, [use('three', 0)], 'weight'), plain) < rounding)
    assert.ok(apart(await answer(model, [], 'weight'), plain) < rounding)
  })

  test('what is no adapter, or one for another model, is refused; the engine goes on', async () => {
    const refused = async (name: string, reason: RegExp, write: (path: string) => Promise<unknown>) => {
      const path = join(folder, `${name}.gguf`)
      await write(path)
      const adapter = { name, path, digest: name }
      await assert.rejects(pool.addAdapter('tiny', adapter), { code: 'adapter_unusable', message: reason }, name)
      assert.equal(model.card.adapters?.includes(name), false)
    }
    const weights = tinyWeights
    await refused('architecture', /for the architecture "qwen2"/, (path) =>
      writeAdapter({ path, weights, seed: 1, architecture: 'qwen2' }),
    )
    await refused('larger', /is for 576 × 576 weights, and the model's has 64 × 64/, (path) =>
      writeAdapter({ path, weights: starterWeights.slice(0, 2), seed: 1 }),
    )
    await refused('deeper', /no weight "blk\.9/, (path) =>
      writeAdapter({ path, weights: [['blk.9.attn_q.weight', 64, 64]], seed: 1 }),
    )
    await refused('model', /not a LoRA adapter/, async (path) =>
      writeFile(path, await readFile(await tinySlidingWindow({ folder, vocabulary }))),
    )
    await refused('text', /not a GGUF file/, (path) => writeFile(path, 'hello, this is no adapter at all'))
    await refused('cut', /truncated/, async (path) => {
      await writeAdapter({ path, weights, seed: 1 })
      await writeFile(path, (await readFile(path)).subarray(0, 3000))
    })
    await refused('missing', /does not exist/, async () => {})
    await assert.rejects(pool.addAdapter('other', { name: 'a', path: '', digest: '' }), { code: 'model_not_found' })
    await assert.rejects(answer(model, [use('never')]), { code: 'not_found' })
    const vectors = { context: { ...context, adapters: [use('one')] }, inputs: ['a'] }
    await assert.rejects(model.embed(vectors, never()), { code: 'unsupported_value' })
    assert.equal((await answer(model, [])).logprobs.length, 24)
  })

  test('one that vanishes, and one with numbers that are none, fail their own calls alone', async () => {
    await put(pool, 'nothing', { weights: tinyWeights, seed: 1, value: Number.NaN })
    await assert.rejects(answer(model, [use('nothing')]), { code: 'engine_output_invalid' })
    const path = join(folder, 'vanished.gguf')
    await writeAdapter({ path, weights: tinyWeights, seed: 5 })
    await pool.unload('tiny')
    await pool.addAdapter('tiny', { name: 'vanished', path, digest: 'vanished' })
    await rm(path)
    await assert.rejects(answer(model, [use('vanished')]), { code: 'adapter_unusable', message: /does not exist/ })
    assert.equal((await answer(model, [])).logprobs.length, 24)
    assert.equal(pool.removeAdapter('tiny', 'vanished'), true)
    assert.equal(pool.removeAdapter('tiny', 'vanished'), false)
    await assert.rejects(answer(model, [use('vanished')]), { code: 'not_found' })
  })

  test('more adapters than stay loaded come and go', async () => {
    const names = Array.from({ length: 20 }, (_, place) => `many-${place}`)
    const first: Answer[] = []
    for (const [seed, name] of names.entries()) {
      await put(pool, name, { weights: tinyWeights, seed: 100 + seed })
      first.push(await answer(model, [use(name)], name))
    }
    for (const [place, name] of names.entries()) {
      const again = await answer(model, [use(name)], name)
      assert.equal(again.text, first[place]?.text, name)
    }
  })
})

describe('over the starter', () => {
  let pool: Pool
  let model: Model
  before(async () => {
    ;({ pool, model } = await startOne({ name: 'starter', path: await starterModel(), streams: 6, contextLength: 512 }))
    await put(pool, 'a', { weights: starterWeights, seed: 11, spread: 0.5 }, 'starter-a')
    await put(pool, 'b', { weights: starterWeights, seed: 12, spread: 0.5 }, 'starter-b')
  })
  after(() => pool.stop())

  test('side by side each answers as it would alone', async () => {
    const cases = [[], [use('a')], [use('b')], [use('a', 0.5), use('b', 0.5)]]
    const alone: Answer[] = []
    for (const adapters of cases) alone.push(await answer(model, adapters))
    const mixed = await Promise.all(cases.map((adapters) => answer(model, adapters)))
    for (const [place, one] of mixed.entries()) {
      const other = alone[place]
      assert.ok(other && apart(one, other) < 0.1, `${place}`)
    }
    assert.equal(new Set(alone.map(({ text }) => text)).size, cases.length)
  })

  test('a prefix is shared with the same adapters at the same weight, and with nothing else', async () => {
    const text = `Once more: ${prompt}, when the tide is low, the boats are`
    const cached = async (...adapters: AdapterUse[]) => (await answer(model, adapters, text, 'one scope')).cached
    assert.equal(await cached(), 0)
    assert.ok((await cached()) > 8)
    assert.equal(await cached(use('a')), 0)
    assert.ok((await cached(use('a'))) > 8)
    assert.equal(await cached(use('a', 0.5)), 0)
    assert.equal(await cached(use('b')), 0)
    assert.equal(await cached(use('a'), use('b')), 0)
    assert.ok((await cached(use('b'), use('a'))) > 8)
  })
})
