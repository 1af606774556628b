import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Context } from '../../src/engine/child/context.ts'
import { cosine, EmbeddingJob, longestText, poolingOf } from '../../src/engine/child/embed.ts'
import { loadAdapter } from '../../src/engine/child/llama-adapter.ts'
import { readHeader } from '../../src/engine/header.ts'
import { planModel } from '../../src/engine/plan.ts'
import { memoryNeed } from '../../src/engine/plan-memory.ts'
import { shapeOf } from '../../src/engine/plan-shape.ts'
import { writeGguf } from '../support/gguf.ts'
import { tinyBert, tinyLlama, tinyMixtral, tinyRecurrent, tinySlidingWindow } from '../support/gguf-models.ts'
import { byteVocabulary, wordPieceVocabulary } from '../support/gguf-vocabulary.ts'
import { difference, greedy, openEngine, prefill, TestEngine } from './open-engine.ts'

const machine = { availableBytes: 2 ** 31, totalBytes: 2 ** 32, cores: 2 }
const vocabulary = byteVocabulary(['[INST]', '[/INST]'])

/** Any tokens, the same each time. */
function tokens(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => 5 + ((i * 7919) % 200))
}

describe('tiny models of other architectures', () => {
  let folder: string
  const engines: TestEngine[] = []
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-tiny-'))
  })
  after(async () => {
    for (const engine of engines) engine.free()
    await rm(folder, { recursive: true })
  })

  async function load(path: Promise<string>): Promise<TestEngine> {
    const engine = await TestEngine.load(await path)
    engines.push(engine)
    return engine
  }

  it('a mixture of experts decodes, and continues a copied prefix bit for bit', async () => {
    const engine = await load(tinyMixtral({ folder, vocabulary }))
    const context = engine.context()
    await prefill(context, tokens(60), 0)
    assert.ok(context.copyPrefix(0, 1, 50))
    const copied = await prefill(context, tokens(60).subarray(50), 1, 50)
    await prefill(context, tokens(60), 2)
    assert.ok(context.trim(2, 50))
    assert.equal(difference(await prefill(context, tokens(60).subarray(50), 2, 50), copied), 0)
    const answer = await greedy(context, copied, 1, 60, 5)
    assert.ok(answer.every((token) => engine.model.vocabulary.has(token)))
  })

  it('a sliding window refuses prefixes that it lost', async () => {
    const engine = await load(tinySlidingWindow({ folder, vocabulary, window: 32 }))
    assert.equal(engine.model.slidingWindow, 32)
    const options = { batchSize: 32, microBatchSize: 32, outputs: 8, contextLength: 1024 }
    const context = engine.context(options)
    for (let start = 0; start < 512; start += 32)
      await prefill(context, tokens(512).subarray(start, start + 32), 0, start)
    assert.equal(context.copyPrefix(0, 1, 128), false)
    assert.ok(context.copyPrefix(0, 1, 512))
    const control = engine.context(options)
    for (let start = 0; start < 512; start += 32)
      await prefill(control, tokens(512).subarray(start, start + 32), 0, start)
    assert.equal(difference(await prefill(context, [9], 1, 512), await prefill(control, [9], 0, 512)), 0)
  })

  it('recurrent state can be copied where it stands, and never trimmed', async () => {
    const engine = await load(tinyRecurrent({ folder, vocabulary }))
    assert.ok(engine.model.recurrent)
    const context = engine.context()
    await prefill(context, tokens(40), 0)
    const state = context.saveState(0)
    assert.ok(context.copyPrefix(0, 1, 40))
    assert.ok(context.restoreState(3, state))
    const expected = await prefill(context, [9], 0, 40)
    assert.equal(difference(await prefill(context, [9], 1, 40), expected), 0)
    assert.equal(difference(await prefill(context, [9], 3, 40), expected), 0)
    assert.equal(context.copyPrefix(0, 2, 20), false)
    assert.equal(context.lastPosition(2), -1)
    assert.equal(context.trim(0, 20), false)
    const again = await prefill(context, tokens(40), 0)
    assert.equal(difference(await prefill(context, tokens(40), 2), again), 0)
  })

  it('BERT embeds texts alike whoever shares their batch', async () => {
    const path = await tinyBert({ folder, vocabulary: wordPieceVocabulary(['hello', 'world', 'good', 'day']) })
    const engine = await load(Promise.resolve(path))
    assert.equal(poolingOf(engine.model), 'mean')
    assert.equal(engine.model.causal, false)
    const plan = planModel(readHeader(path), machine)
    const context = engine.context({ ...plan, embeddings: true })
    const texts = ['hello world', 'good day', 'a good day to the world, hello'].map((text) =>
      engine.model.vocabulary.tokenize(text, { addSpecial: true }),
    )
    const together = await embed(context, texts, [0, 1, 2])
    for (const [place, text] of texts.entries()) {
      const [alone] = await embed(context, [text], [place + 3])
      assert.ok(alone && cosine(alone, together[place] ?? alone) > 0.9999)
    }
    assert.ok(cosine(together[0] ?? new Float32Array(), together[1] ?? new Float32Array()) < 0.999)
    assert.equal(longestText(context), 512)
    assert.throws(() => new EmbeddingJob(context, 'mean', [tokens(513)], [0]), /context is 512 tokens/)
  })

  it('a LoRA adapter changes answers by its scale, and 0 is the plain model', async () => {
    const engine = await load(tinyLlama({ folder, vocabulary }))
    const path = await writeAdapter(join(folder, 'adapter.gguf'), 'llama')
    const adapter = await loadAdapter(openEngine(), engine.model, path)
    const context = engine.context()
    const plain = await prefill(context, tokens(20), 0)
    context.setAdapters([{ pointer: adapter.pointer, scale: 1 }])
    const changed = await prefill(context, tokens(20), 1)
    assert.ok(difference(changed, plain) > 0.01)
    context.setAdapters([{ pointer: adapter.pointer, scale: 0 }])
    assert.equal(difference(await prefill(context, tokens(20), 2), plain), 0)
    context.setAdapters([])
    assert.equal(difference(await prefill(context, tokens(20), 3), plain), 0)
    adapter.free()
    const other = await writeAdapter(join(folder, 'other.gguf'), 'qwen2')
    await assert.rejects(loadAdapter(openEngine(), engine.model, other), /architecture "qwen2"/)
    await assert.rejects(loadAdapter(openEngine(), engine.model, engine.model.path), /not a LoRA adapter/)
    await assert.rejects(loadAdapter(openEngine(), engine.model, join(folder, 'none')), /does not exist/)
  })

  it('are planned as large as the engine makes them', async () => {
    for (const write of [tinyLlama, tinyMixtral, tinySlidingWindow, tinyRecurrent]) {
      const engine = await load(write({ folder, vocabulary, name: `planned-${write.name}` }))
      const context: Context = engine.context({ streams: 3, contextLength: 512 })
      const need = memoryNeed(
        shapeOf(readHeader(engine.model.path)),
        context.options as Parameters<typeof memoryNeed>[1],
      )
      assert.equal(need.weights, engine.model.size, write.name)
      assert.ok(Math.abs(need.kv / 2 ** 20 - context.memory.kv) < 0.02, `${write.name} KV ${context.memory.kv}`)
      assert.ok(
        Math.abs(need.state / 2 ** 20 - context.memory.state) < 0.02,
        `${write.name} state ${context.memory.state}`,
      )
    }
  })
})

async function embed(context: Context, texts: readonly Int32Array[], streams: readonly number[]) {
  const job = new EmbeddingJob(context, 'mean', texts, streams)
  while (!job.done) await job.step()
  return job.vectors
}

/** An adapter of rank 4 for the query matrices of `tinyLlama`, 64 floats wide. */
async function writeAdapter(path: string, architecture: string): Promise<string> {
  const wave = (length: number, phase: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + phase) / 4)
  await writeGguf(path, {
    metadata: new Map([
      ['general.architecture', { type: 'string', value: architecture }],
      ['general.type', { type: 'string', value: 'adapter' }],
      ['adapter.type', { type: 'string', value: 'lora' }],
      ['adapter.lora.alpha', { type: 'f32', value: 8 }],
    ]),
    tensors: [0, 1].flatMap((layer) => [
      { name: `blk.${layer}.attn_q.weight.lora_a`, shape: [64, 4], type: 'f32' as const, values: wave(256, layer) },
      { name: `blk.${layer}.attn_q.weight.lora_b`, shape: [4, 64], type: 'f32' as const, values: wave(256, layer + 1) },
    ]),
  })
  return path
}
