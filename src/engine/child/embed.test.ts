import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { greedy, prefill, TestEngine } from '../../../test/engine/open-engine.ts'
import { starterModel } from '../../../test/support/weights.ts'
import { Failure } from '../../base/errors.ts'
import type { Context } from './context.ts'
import { cosine, EmbeddingJob, poolingOf, type TextPooling, unitVector } from './embed.ts'

async function embed(
  context: Context,
  texts: readonly Int32Array[],
  streams: readonly number[],
  pooling: TextPooling = 'mean',
): Promise<readonly Float32Array[]> {
  const job = new EmbeddingJob(context, pooling, texts, streams)
  while (!job.done) await job.step()
  return job.vectors
}

describe('embeddings on the generating context', async () => {
  const path = await starterModel()
  let engine: TestEngine
  let texts: Int32Array[]
  before(async () => {
    engine = await TestEngine.load(path)
    const sentences = [
      'A cat sleeps on the warm roof.',
      'A kitten is napping on top of the house, in the sun.',
      'The central bank raised interest rates.',
      'Rates.',
    ]
    texts = sentences.map((sentence) => engine.model.vocabulary.tokenize(sentence))
  })
  after(() => engine.free())

  it('gives unit vectors', async () => {
    for (const vector of await embed(engine.context(), texts, [0, 1, 2, 3])) {
      assert.equal(vector.length, 576)
      assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-5)
    }
  })

  for (const pooling of ['mean', 'cls', 'last'] as const)
    it(`does not depend on who shares the batch or how it is cut (${pooling})`, async () => {
      const alone: Float32Array[] = []
      for (const text of texts) alone.push(...(await embed(engine.context(), [text], [2], pooling)))
      const together = await embed(engine.context(), texts, [3, 1, 0, 2], pooling)
      const twoAtATime = await embed(engine.context(), texts, [1, 2], pooling)
      // Eight outputs a step cut every text in chunks, and four rows a micro-batch cut the chunks.
      const chunked = await embed(
        engine.context({ outputs: 8, batchSize: 8, microBatchSize: 4 }),
        texts,
        [0, 1, 2],
        pooling,
      )
      for (const [i, vector] of alone.entries())
        for (const other of [together[i], twoAtATime[i], chunked[i]])
          assert.ok(cosine(vector, other ?? new Float32Array()) > 0.9999, `text ${i}`)
    })

  it('puts texts of one meaning closer than texts of two', async () => {
    const [cat, kitten, bank] = await embed(engine.context(), texts.slice(0, 3), [0, 1, 2])
    assert.ok(cat && kitten && bank)
    assert.ok(cosine(cat, kitten) > cosine(cat, bank))
  })

  it('leaves generation on other streams as it was', async () => {
    const context = engine.context()
    const prompt = engine.model.vocabulary.tokenize('The capital of France is')
    const logits = await prefill(context, prompt, 0)
    await embed(context, texts, [1, 2])
    context.setEmbeddings(false)
    const tokens = await greedy(context, logits, 0, prompt.length, 2)
    assert.equal(engine.model.vocabulary.detokenize(tokens), ' Paris.')
    assert.equal(context.lastPosition(1), -1)
  })

  it('refuses a text that is longer than a stream', () => {
    const context = engine.context({ contextLength: 256 })
    assert.throws(
      () => new EmbeddingJob(context, 'mean', [new Int32Array(257).fill(5)], [0]),
      (error) => error instanceof Failure && error.code === 'context_length_exceeded' && error.fields['limit'] === 256,
    )
    assert.throws(() => new EmbeddingJob(context, 'mean', [new Int32Array(0)], [0]), RangeError)
  })

  it('finds no pooling in a model that was made to generate', () => {
    assert.equal(poolingOf(engine.model), undefined)
  })

  it('scales to length 1', () => {
    assert.deepEqual([...unitVector([3, 4])], [Math.fround(0.6), Math.fround(0.8)])
    assert.deepEqual([...unitVector([0, 0])], [0, 0])
  })
})
