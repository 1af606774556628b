import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gemmaModel, starterModel } from '../../test/support/weights.ts'
import { Failure } from '../base/errors.ts'
import { readHeader } from './header.ts'
import type { MetadataValue, ModelHeader } from './header-types.ts'
import { describePlan, machineAfter, planModel } from './plan.ts'
import { type Machine, readMachine } from './plan-machine.ts'
import { kvBytes, kvBytesPerToken, memoryNeed } from './plan-memory.ts'
import { shapeOf } from './plan-shape.ts'

const gibibyte = 2 ** 30
const machine: Machine = { availableBytes: 24 * gibibyte, totalBytes: 24 * gibibyte, cores: 2 }

/** The header of a published model, as far as memory depends on it. */
function header(architecture: string, keys: Record<string, MetadataValue>, weightBytes = gibibyte): ModelHeader {
  const metadata = new Map<string, MetadataValue>([['tokenizer.ggml.tokens', { arrayLength: 32_768 }]])
  for (const [key, value] of Object.entries(keys)) metadata.set(`${architecture}.${key}`, value)
  return { path: 'model.gguf', fileBytes: weightBytes, architecture, metadata, tensors: [], tensorBytes: weightBytes }
}

function mistral(layers: number, embedding: number, heads: number, more: Record<string, MetadataValue> = {}) {
  return header('llama', {
    block_count: layers,
    embedding_length: embedding,
    'attention.head_count': heads,
    'attention.head_count_kv': 8,
    'attention.key_length': 128,
    'attention.value_length': 128,
    feed_forward_length: 14_336,
    context_length: 32_768,
    ...more,
  })
}

const use = {
  streams: 1,
  contextLength: 32_768,
  kvType: 'f16',
  microBatchSize: 512,
  outputs: 64,
  fullWindow: false,
} as const

describe('KV of published models', () => {
  // Tables of Mistral's models: layers × 8 heads × 128 floats × 2 × 2 bytes.
  for (const [name, model, kibibytes] of [
    ['Mistral 7B', mistral(32, 4096, 32), 128],
    ['NeMo 12B, whose heads are narrower than embedding / heads', mistral(40, 5120, 32), 160],
    ['Codestral 22B', mistral(56, 6144, 48), 224],
    ['Large 123B', mistral(88, 12_288, 96), 352],
  ] as const)
    it(`${name}: ${kibibytes} KiB a token`, () => {
      assert.equal(kvBytesPerToken(shapeOf(model), 'f16'), kibibytes * 1024)
    })

  it('is what a log of Mistral Small 22B says: 5,712.00 MiB at 49,152 tokens of q8_0 (ollama#6160)', () => {
    const shape = shapeOf(mistral(56, 6144, 48))
    assert.equal(kvBytes(shape, { ...use, contextLength: 49_152, kvType: 'q8_0' }) / 2 ** 20, 5712)
  })

  it('sums heads that differ by layer', () => {
    const shape = shapeOf(mistral(3, 4096, 32, { 'attention.head_count_kv': [8, 0, 2] }))
    assert.equal(kvBytesPerToken(shape, 'f16'), (8 + 2) * 256 * 2)
  })

  it('does not trust a context length that a model was not trained for', () => {
    assert.equal(shapeOf(mistral(40, 5120, 32, { context_length: 1_024_000 })).trainedContextLength, 131_072)
  })

  it('counts recurrent state once per sequence', () => {
    const shape = shapeOf(
      header('mamba', {
        block_count: 64,
        embedding_length: 4096,
        context_length: 262_144,
        'attention.head_count': 0,
        'ssm.conv_kernel': 4,
        'ssm.inner_size': 8192,
        'ssm.state_size': 16,
      }),
    )
    const need = memoryNeed(shape, { ...use, streams: 4 })
    assert.equal(need.kv, 0)
    assert.equal(need.state, 4 * 64 * 4 * (3 * 8192 + 16 * 8192))
  })
})

describe('a plan', () => {
  it('gives many streams, and a context that starts quickly, to a small model', async () => {
    const plan = planModel(readHeader(await starterModel()), machine)
    assert.equal(plan.streams, 16)
    assert.ok(plan.contextLength >= 4096 && plan.contextLength % 256 === 0)
    assert.equal(plan.threads, 2)
    assert.ok(plan.outputs >= plan.streams)
    const [what, memory] = describePlan(plan)
    assert.match(what ?? '', /16 streams of \d+ tokens \(trained on 8192\), KV f16, split, 2 threads/)
    assert.match(memory ?? '', /weights 93 MiB, kv 1\.\d GiB.*of 24\.0 GiB free/)
  })

  it('knows the cells that a window saves', async () => {
    const shape = shapeOf(readHeader(await gemmaModel()))
    assert.equal(shape.window, 512)
    assert.equal(shape.layers.filter((layer) => layer.windowed).length, 15)
    // Three streams of 2,048 cells: 108 MiB with all cells and 63 without, by the engine's log.
    const three = { ...use, streams: 3, contextLength: 2048 }
    assert.equal(kvBytes(shape, { ...three, fullWindow: true }) / 2 ** 20, 108)
    assert.equal(kvBytes(shape, three) / 2 ** 20, 63)
  })

  it('takes what the user fixed', async () => {
    const model = readHeader(await starterModel())
    const plan = planModel(model, machine, { streams: 3, contextLength: 1000, kvType: 'q8_0', threads: 7 })
    assert.deepEqual([plan.streams, plan.contextLength, plan.kvType, plan.threads], [3, 1024, 'q8_0', 7])
  })

  it('never fits by less than two streams of its own choice, and shrinks with the memory', async () => {
    const model = readHeader(await starterModel())
    let last = Number.POSITIVE_INFINITY
    for (const gibibytes of [24, 4, 2, 1, 0.6, 0.5, 0.4]) {
      const plan = planModel(model, { ...machine, availableBytes: gibibytes * gibibyte })
      assert.ok(plan.streams >= 2)
      assert.ok(plan.memory.total <= gibibytes * gibibyte * 0.9)
      const cells = plan.streams * plan.contextLength
      assert.ok(cells <= last)
      last = cells
    }
  })

  for (const [name, available, wishes, expected] of [
    ['what does not fit at all', 0.2, {}, /it does not fit.*weights 93 MiB.*may be used.*smaller model/],
    [
      'what would fit with less',
      1,
      { streams: 64, contextLength: 8192 },
      /it does not fit.*It fits with \d+ streams of/,
    ],
    ['a context beyond the training', 24, { contextLength: 16_384 }, /trained on 8192/],
    ['a number of streams that cannot be', 24, { streams: 300 }, /1 to 256/],
  ] as const)
    it(`refuses ${name}, with the numbers`, async () => {
      const model = readHeader(await starterModel())
      assert.throws(
        () => planModel(model, { ...machine, availableBytes: available * gibibyte }, wishes),
        (error) => error instanceof Failure && error.code === 'model_load_failed' && expected.test(error.message),
      )
    })

  it('leaves less for the next model, in memory and in threads', async () => {
    const model = readHeader(await starterModel())
    const plan = planModel(model, { ...machine, cores: 8 }, { models: 2 })
    assert.equal(plan.threads, 3)
    assert.equal(machineAfter(machine, plan).availableBytes, machine.availableBytes - plan.memory.total)
  })

  it('takes a context that several models are to have as far as each was trained', async () => {
    const model = readHeader(await starterModel())
    const wishes = { contextLength: 16_384, streams: 2 }
    assert.equal(planModel(model, machine, { ...wishes, models: 2 }).contextLength, 8192)
    assert.equal(planModel(model, machine, { ...wishes, contextLength: 1024, models: 2 }).contextLength, 1024)
  })

  it('reads this machine', () => {
    const here = readMachine()
    assert.ok(here.availableBytes > 0 && here.availableBytes <= here.totalBytes)
    assert.ok(Number.isInteger(here.cores) && here.cores >= 1)
  })
})
