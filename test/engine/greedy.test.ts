// Greedy answers of the whole engine against a plain decode loop, token by token: with and without a prefix hit, on real and tiny models.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Pool } from '../../src/engine/pool-types.ts'
import type { Model } from '../../src/wire/model.ts'
import { complete, completionCall, context as facts, logprobsOf, usageOf } from '../conformance/calls.ts'
import { startOne } from '../support/engine.ts'
import { tinyRecurrent } from '../support/gguf-models.ts'
import { vocabularyOf } from '../support/gguf-vocabulary.ts'
import { gemmaModel, starterModel } from '../support/weights.ts'
import { continueGreedily, feed, greedyAfter, greedyAnswer } from './greedy-control.ts'
import { TestEngine } from './open-engine.ts'

const story =
  'In the year 1850 a lighthouse stood on a rock off the coast of Brittany. Its keeper wrote every evening what he had seen: ' +
  'ships, storms, birds, and once a whale that came so close that he could hear it breathe. '
const prompts = ['The capital of France is', 'def fibonacci(n):\n', story, `${story.repeat(6)}The keeper's name was`]

/** The same weights twice: behind the engine, and in this process for the control. */
class Pair {
  readonly pool: Pool
  readonly model: Model
  readonly engine: TestEngine

  private constructor(pool: Pool, model: Model, engine: TestEngine) {
    this.pool = pool
    this.model = model
    this.engine = engine
  }

  static async start(path: string): Promise<Pair> {
    const { pool, model } = await startOne({ name: 'greedy', path, streams: 2, contextLength: 2048 })
    return new Pair(pool, model, await TestEngine.load(path))
  }

  control() {
    const [plan] = this.pool.plans
    if (plan === undefined) throw new Error('The pool has no plan.')
    return this.engine.context({ ...plan, flashAttention: plan.flashAttention })
  }

  tokens(text: string): number[] {
    return Array.from(this.engine.model.vocabulary.tokenize(text, { addSpecial: true }))
  }

  /** The engine's greedy tokens, and how many of the prompt came from the cache. */
  async answer(tokens: readonly number[], cacheScope: string, count: number) {
    const sampling = { temperature: 0, maxTokens: count, logprobs: 0 }
    const call = completionCall('', { prompt: { type: 'tokens', tokens }, sampling, context: { ...facts, cacheScope } })
    const events = await complete(this.model, call)
    const { completionTokens, cachedTokens } = usageOf(events)
    const ids = logprobsOf(events).map((entry) => entry.tokenId)
    return { tokens: ids.slice(0, completionTokens), cachedTokens }
  }

  async stop(): Promise<void> {
    this.engine.free()
    await this.pool.stop()
  }
}

describe('greedy answers of the starter model', () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.start(await starterModel())
  })
  after(() => pair?.stop())

  test('are those of a plain decode loop', async () => {
    const control = pair.control()
    for (const [index, text] of prompts.entries()) {
      const prompt = pair.tokens(text)
      const { tokens, cachedTokens } = await pair.answer(prompt, `plain-${index}`, 32)
      assert.equal(cachedTokens, 0)
      assert.deepEqual(tokens, greedyAnswer(control, prompt, 32), text.slice(0, 40))
    }
  })

  test('are the same with a prefix hit as after a prefill of the same split', async () => {
    const control = pair.control()
    const earlier = pair.tokens(`${story.repeat(4)}What did the keeper see?`)
    const prompt = pair.tokens(`${story.repeat(4)}Where did the lighthouse stand? It stood`)
    await pair.answer(earlier, 'hit', 1)
    const { tokens, cachedTokens } = await pair.answer(prompt, 'hit', 32)
    assert.ok(cachedTokens > 100 && cachedTokens < prompt.length)
    assert.deepEqual(tokens, greedyAfter(control, earlier, prompt, cachedTokens, 32))
  })

  test('are the same when the whole prompt was seen before: one token is decoded again', async () => {
    const control = pair.control()
    const prompt = pair.tokens(`${story.repeat(2)}The whale`)
    const first = await pair.answer(prompt, 'again', 24)
    const second = await pair.answer(prompt, 'again', 24)
    assert.equal(second.cachedTokens, prompt.length - 1)
    assert.deepEqual(first.tokens, greedyAnswer(control, prompt, 24))
    assert.deepEqual(second.tokens, greedyAfter(control, prompt, prompt, prompt.length - 1, 24))
  })
})

describe('greedy answers of Gemma 3 beyond its sliding window', () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.start(await gemmaModel())
  })
  after(() => pair?.stop())

  test('are the same with a prefix hit as after a prefill of the same split', async () => {
    const control = pair.control()
    const earlier = pair.tokens(`${story.repeat(14)}What did the keeper see?`)
    const prompt = pair.tokens(`${story.repeat(14)}Where did the lighthouse stand? It stood`)
    assert.ok(prompt.length > pair.engine.model.slidingWindow, 'the prompt is longer than the window')
    await pair.answer(earlier, 'hit', 1)
    const { tokens, cachedTokens } = await pair.answer(prompt, 'hit', 16)
    const expected =
      cachedTokens === 0 ? greedyAnswer(control, prompt, 16) : greedyAfter(control, earlier, prompt, cachedTokens, 16)
    assert.deepEqual(tokens, expected)
  })
})

describe('greedy answers of a tiny recurrent model', () => {
  let pair: Pair
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-recurrent-'))
    const vocabulary = await vocabularyOf(await starterModel())
    pair = await Pair.start(await tinyRecurrent({ vocabulary, folder, contextLength: 2048 }))
  })
  after(async () => {
    await pair?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('a prefix that ends inside another is never taken: the state cannot go back', async () => {
    const control = pair.control()
    const earlier = pair.tokens(`${story}What did the keeper see?`)
    const prompt = pair.tokens(`${story}Where did the lighthouse stand?`)
    await pair.answer(earlier, 'hit', 4)
    const { tokens, cachedTokens } = await pair.answer(prompt, 'hit', 16)
    assert.equal(cachedTokens, 0)
    assert.deepEqual(tokens, greedyAnswer(control, prompt, 16))
  })

  test('a conversation that goes on from where the state ends does hit', async () => {
    const control = pair.control()
    const first = pair.tokens(story)
    const answer = await pair.answer(first, 'turns', 8)
    // The last token of an answer is sampled, not decoded: the state ends before it.
    const held = [...first, ...answer.tokens.slice(0, -1)]
    const next = [...first, ...answer.tokens, ...pair.tokens('And then?')]
    const { tokens, cachedTokens } = await pair.answer(next, 'turns', 16)
    assert.equal(cachedTokens, held.length)
    control.clear(0)
    feed(control, first, 0)
    for (let length = first.length + 1; length <= held.length; length += 1) {
      feed(control, held.slice(0, length), length - 1)
    }
    assert.deepEqual(tokens, continueGreedily(control, next, feed(control, next, held.length), 16))
  })
})
