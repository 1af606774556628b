import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { difference, largest, prefill, TestEngine } from '../../../test/engine/open-engine.ts'
import { gemmaModel } from '../../../test/support/weights.ts'
import { readHeader } from '../header.ts'
import { memoryNeed } from '../plan-memory.ts'
import { shapeOf } from '../plan-shape.ts'

describe('a sliding window (Gemma 3: 512 tokens)', async () => {
  const path = await gemmaModel()
  let engine: TestEngine
  before(async () => {
    engine = await TestEngine.load(path)
  })
  after(() => engine.free())

  const story = 'Every boat in the harbour had a name and every name had a story that the old men told in winter. '
  const words = (count: number): Int32Array => engine.model.vocabulary.tokenize(story.repeat(80)).subarray(0, count)
  // 128 tokens a batch, so that the cells of the window move on and leave the beginning behind.
  const options = { batchSize: 128, microBatchSize: 128, outputs: 8, contextLength: 1024 }

  async function fill(context: ReturnType<TestEngine['context']>, tokens: Int32Array, stream: number, from = 0) {
    let logits: Float32Array = new Float32Array()
    for (let start = from; start < tokens.length; start += 128)
      logits = await prefill(context, tokens.subarray(start, Math.min(start + 128, tokens.length)), stream, start)
    return logits
  }

  it('refuses a prefix whose window is gone, which the library itself would not', async () => {
    const context = engine.context(options)
    await fill(context, words(896), 0)
    assert.ok(context.firstPosition(0) > 0, 'the window has moved')
    assert.equal(context.copyPrefix(0, 1, 300), false)
    assert.equal(context.lastPosition(1), -1)
    assert.equal(context.trim(0, 300), false)
    assert.equal(context.lastPosition(0), -1)
  })

  it('gives the same logits beyond the window with and without a copied prefix', async () => {
    const context = engine.context(options)
    await fill(context, words(768), 0)
    assert.ok(context.copyPrefix(0, 1, 768))
    const control = engine.context(options)
    await fill(control, words(768), 0)
    const tail = words(800).subarray(768)
    assert.equal(difference(await prefill(context, tail, 1, 768), await prefill(control, tail, 0, 768)), 0)
  })

  it('reuses any prefix when all cells are kept', async () => {
    const context = engine.context({ ...options, fullWindow: true })
    await fill(context, words(896), 0)
    assert.ok(context.copyPrefix(0, 1, 640))
    const tail = words(680).subarray(640)
    const copied = await prefill(context, tail, 1, 640)
    await fill(context, words(640), 2)
    assert.equal(difference(await prefill(context, tail, 2, 640), copied), 0)
    assert.ok(context.memory.kv > engine.context(options).memory.kv)
  })

  it('takes the memory that a plan counts', () => {
    const context = engine.context()
    const need = memoryNeed(shapeOf(readHeader(path)), { ...context.options, fullWindow: false })
    assert.equal(need.weights, engine.model.size)
    assert.equal(need.kv / 2 ** 20, context.memory.kv)
    const compute = need.compute / 2 ** 20 / context.memory.compute
    assert.ok(compute > 1 && compute < 1.2, `the compute buffer was planned as ${compute} of its size`)
  })

  it('continues a saved state', async () => {
    const context = engine.context(options)
    await fill(context, words(600), 0)
    const state = context.saveState(0)
    const expected = await prefill(context, words(601).subarray(600), 0, 600)
    assert.ok(context.restoreState(2, state))
    assert.ok(context.holds(2, 600))
    assert.equal(context.trim(2, 590), false, 'a state holds its window only')
    assert.ok(context.restoreState(2, state))
    assert.equal(difference(await prefill(context, words(601).subarray(600), 2, 600), expected), 0)
  })

  it('goes on after its cells were used a second time', async () => {
    // 768 cells of window: their order differs from then on, and with it the last bits of every sum. Other batch sizes differ as much.
    const ring = engine.context(options)
    const full = engine.context({ ...options, fullWindow: true })
    const next = words(901).subarray(900)
    await fill(ring, words(900), 0)
    await fill(full, words(900), 0)
    assert.equal(largest(await prefill(ring, next, 0, 900)), largest(await prefill(full, next, 0, 900)))
  })
})
