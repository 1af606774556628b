import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { difference, greedy, prefill, TestEngine } from '../../../test/engine/open-engine.ts'
import { starterModel } from '../../../test/support/weights.ts'
import { readHeader } from '../header.ts'
import { memoryNeed } from '../plan-memory.ts'
import { shapeOf } from '../plan-shape.ts'
import { logSumExp } from './context-softmax.ts'

describe('a context', async () => {
  const path = await starterModel()
  let engine: TestEngine
  before(async () => {
    engine = await TestEngine.load(path)
  })
  after(() => engine.free())

  const story =
    'Once upon a time there was a small harbour town where every boat had a name and every name had a story. '
  const words = (count: number): Int32Array => engine.model.vocabulary.tokenize(story.repeat(40)).subarray(0, count)

  it('continues a text', async () => {
    const context = engine.context()
    const prompt = engine.model.vocabulary.tokenize('The capital of France is')
    const tokens = await greedy(context, await prefill(context, prompt, 0), 0, prompt.length, 2)
    assert.equal(engine.model.vocabulary.detokenize(tokens), ' Paris.')
  })

  it('keeps the event loop free while it decodes', async () => {
    const context = engine.context()
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await prefill(context, words(60), 0)
    clearInterval(timer)
    assert.ok(turns > 5, `the event loop turned ${turns} times`)
  })

  for (const [name, length] of [
    ['by state', 90],
    ['by stream', 130],
  ] as const)
    it(`gives the same logits after a prefix was copied ${name} as without a copy`, async () => {
      const context = engine.context({ contextLength: 256 })
      const prefix = words(length)
      const suffix = words(length + 10).subarray(length - 40)
      const keep = length - 40
      await prefill(context, prefix, 0)
      assert.ok(context.copyPrefix(0, 1, keep))
      const copied = await prefill(context, suffix, 1, keep)
      // The control splits its batches in the same way, because rounding follows the shape of a batch.
      await prefill(context, prefix, 2)
      assert.ok(context.trim(2, keep))
      assert.equal(difference(await prefill(context, suffix, 2, keep), copied), 0)
      assert.equal(context.lastPosition(1), keep + suffix.length - 1)
    })

  it('gives the same logits after a state was saved and restored into another stream', async () => {
    const context = engine.context()
    const expected = await prefill(context, words(70), 0)
    const state = context.saveState(0)
    const next = await prefill(context, [100], 0, 70)
    assert.ok(context.restoreState(3, state))
    assert.equal(context.lastPosition(3), 69)
    assert.equal(difference(await prefill(context, [100], 3, 70), next), 0)
    assert.equal(expected.length, engine.model.vocabulary.size)
  })

  it('refuses a damaged state and leaves the stream empty', () => {
    const context = engine.context()
    assert.equal(context.restoreState(1, Buffer.alloc(100, 7)), false)
    assert.equal(context.restoreState(1, Buffer.alloc(0)), false)
    assert.equal(context.lastPosition(1), -1)
  })

  it('will not save a stream whose copy is still queued', async () => {
    const context = engine.context({ contextLength: 256 })
    await prefill(context, words(110), 0)
    context.copyPrefix(0, 1, 100)
    assert.throws(() => context.saveState(1), /decode first/)
    await prefill(context, words(10), 2)
    assert.ok(context.saveState(1).length > 0)
  })

  it('stops a decode within the step, and stays usable', async () => {
    const context = engine.context({ microBatchSize: 64 })
    // On a busy machine the decode may be done before the timer has its turn: then there was nothing to stop.
    let outcome = ''
    for (let attempt = 0; outcome !== 'stopped' && attempt < 50; attempt++) {
      context.clear(0)
      context.batch.clear()
      words(512).forEach((token, position) => {
        context.batch.add(token, position, 0, position === 511)
      })
      const decoding = context.decode()
      assert.throws(() => context.clear(0), /running/)
      setTimeout(() => context.stop(), 20)
      outcome = await decoding
    }
    assert.equal(outcome, 'stopped')
    assert.ok(context.lastPosition(0) < 511)
    context.clear(0)
    const prompt = engine.model.vocabulary.tokenize('The capital of France is')
    const tokens = await greedy(context, await prefill(context, prompt, 0), 0, prompt.length, 1)
    assert.equal(engine.model.vocabulary.detokenize(tokens), ' Paris')
  })

  it('says when a stream is full, and changes nothing', async () => {
    const context = engine.context({ streams: 2, contextLength: 256, batchSize: 512, microBatchSize: 512 })
    await prefill(context, words(40), 0)
    context.batch.clear()
    for (let i = 0; i < 217; i++) context.batch.add(5, 40 + i, 0, false)
    assert.equal(await context.decode(), 'full')
    assert.equal(context.lastPosition(0), 39)
  })

  it('checks what would end the process', async () => {
    const context = engine.context({ outputs: 8, batchSize: 64, microBatchSize: 64 })
    assert.throws(() => context.decodeSync(), /empty batch/)
    for (let i = 0; i < 8; i++) context.batch.add(1, i, 0, true)
    assert.throws(() => context.batch.add(1, 8, 0, true), /at most 8 outputs/)
    for (let i = 8; i < 64; i++) context.batch.add(1, i, 0, false)
    assert.throws(() => context.batch.add(1, 64, 0, false), /at most 64 tokens/)
    assert.throws(() => context.logits(63), /no output/)
    assert.throws(() => context.clear(4), /not one of/)
    context.setEmbeddings(true)
    assert.throws(() => context.decodeSync(), /every token is an output/)
    context.setEmbeddings(false)
    context.batch.clear()
    context.batch.add(engine.model.vocabulary.size, 0, 0, true)
    assert.throws(() => context.decodeSync(), /could not decode/)
    assert.throws(() => engine.context({ streams: 8, outputs: 4 }), /at least as many outputs/)
  })

  it('sums exponentials natively as in JavaScript', async () => {
    const context = engine.context()
    const logits = await prefill(context, words(20), 0)
    assert.ok(Math.abs(context.logSumExp(19) - logSumExp(logits)) < 1e-3)
  })

  it('computes the same with a unified pool of cells', async () => {
    const prompt = words(40)
    const split = await prefill(engine.context(), prompt, 1)
    assert.equal(difference(await prefill(engine.context({ layout: 'unified' }), prompt, 1), split), 0)
  })

  it('shares prefixes in a unified pool too', async () => {
    const context = engine.context({ layout: 'unified' })
    await prefill(context, words(70), 0)
    assert.ok(context.copyPrefix(0, 1, 50))
    const tail = words(70).subarray(50)
    const copied = await prefill(context, tail, 1, 50)
    const control = engine.context({ layout: 'unified' })
    await prefill(control, words(70), 0)
    assert.ok(control.trim(0, 50))
    const expected = await prefill(control, tail, 0, 50)
    const apart = difference(copied, expected)
    // Cells lie elsewhere, so sums run in another order.
    assert.ok(apart < 0.5, `logits differ by ${apart}`)
  })

  it('takes the memory that a plan counts', () => {
    const context = engine.context()
    const need = memoryNeed(shapeOf(readHeader(path)), { ...context.options, fullWindow: false })
    assert.equal(need.weights, engine.model.size)
    assert.equal(need.kv / 2 ** 20, context.memory.kv)
    const compute = need.compute / 2 ** 20 / context.memory.compute
    assert.ok(compute > 1 && compute < 1.2, `the compute buffer was planned as ${compute} of its size`)
  })

  it('takes q8_0 cells', async () => {
    const context = engine.context({ kvType: 'q8_0' })
    assert.ok(context.memory.kv < engine.context().memory.kv * 0.54)
    const prompt = engine.model.vocabulary.tokenize('The capital of France is')
    const tokens = await greedy(context, await prefill(context, prompt, 0), 0, prompt.length, 2)
    assert.equal(engine.model.vocabulary.detokenize(tokens), ' Paris.')
  })
})
