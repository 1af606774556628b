// Plans of catalogue models: their keys, their numbers against published ones, and every verdict.

import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { Device } from '../../engine/plan-fit.ts'
import { findPlanned } from './find.ts'
import { type PlanQuestion, type PlanReport, planReport } from './report.ts'

const gibibyte = 2 ** 30
const cpu = (gibibytes: number): Device => ({ name: 'processor', kind: 'cpu', availableBytes: gibibytes * gibibyte })
const gpu = (gibibytes: number): Device => ({ name: 'GPU', kind: 'gpu', availableBytes: gibibytes * gibibyte })

function plan(reference: string, changes: Partial<PlanQuestion> = {}, quantisation?: string): PlanReport {
  const model = findPlanned(reference, { quantisation })
  const usual = {
    contextLength: model.contextLength,
    users: 1,
    kvType: 'f16',
    devices: [cpu(512)],
    bandwidth: {},
  } as const
  return planReport(model, { ...usual, ...changes })
}

test('the keys are those that programs read', () => {
  assert.deepEqual(Object.keys(plan('mistral-7b')), [
    'model',
    'quantisation',
    'context',
    'users',
    'weights_bytes',
    'kv_bytes_per_token',
    'kv_bytes',
    'compute_bytes',
    'overhead_bytes',
    'total_bytes',
    'devices',
    'verdict',
    'max_context',
    'max_users',
    'details',
  ])
})

describe('KV of a token, as published tables have it', () => {
  for (const [kibibytes, names] of [
    [128, ['mistral-7b-v0.1', 'mistral-7b-v0.2', 'mistral-7b', 'mathstral', 'mixtral-8x7b']],
    [160, ['mistral-nemo', 'mistral-small-24b']],
    [224, ['codestral', 'mistral-small-22b', 'mixtral-8x22b']],
    [352, ['mistral-large']],
  ] as const)
    for (const name of names)
      it(`${name}: ${kibibytes} KiB`, () => {
        assert.equal(plan(name).kv_bytes_per_token, kibibytes * 1024)
      })

  it('the log of ollama#6160, Mistral Small 22B on a GPU at 49,152 tokens: KV 5,712.00, weights 17,295.40, compute 192 MiB', () => {
    // Its weights are those that a GPU gets of a Q6_K whose first and last matrix are Q8_0: all but the first.
    const model = { ...findPlanned('mistral-small-22b', { quantisation: 'Q6_K_L' }), contextLength: 49_152 }
    // That log's context is beyond what the makers say of this model.
    model.header = { ...model.header, metadata: new Map([...model.header.metadata, ['llama.context_length', 49_152]]) }
    const question = {
      contextLength: 49_152,
      users: 1,
      kvType: 'q8_0',
      devices: [gpu(48), cpu(64)],
      bandwidth: {},
    } as const
    const [card] = planReport(model, question).devices
    const mebibytes = (bytes = 0) => (bytes / 2 ** 20).toFixed(2)
    assert.equal(mebibytes(card?.kv_bytes), '5712.00')
    assert.equal(mebibytes(card?.weights_bytes), '17295.40')
    assert.equal(Math.round((card?.compute_bytes ?? 0) / 2 ** 20), 192)
  })
})

describe('verdicts', () => {
  const nemo = (devices: readonly Device[], changes: Partial<PlanQuestion> = {}) =>
    plan('mistral-nemo', { devices, ...changes })

  it('fits, and says for how many users it would still', () => {
    const report = nemo([gpu(24), cpu(32)], { contextLength: 8192 })
    assert.equal(report.verdict, 'fits')
    assert.deepEqual(
      report.devices.map(({ layers }) => layers),
      [40, 0],
    )
    assert.ok(report.max_users > 1 && report.max_context > 8192)
    const fuller = nemo([gpu(24), cpu(32)], { contextLength: 8192, users: report.max_users })
    const tooFull = nemo([gpu(24), cpu(32)], { contextLength: 8192, users: report.max_users + 1 })
    assert.equal(fuller.verdict, 'fits')
    assert.notEqual(tooFull.verdict, 'fits')
    assert.equal(nemo([gpu(24), cpu(32)], { contextLength: report.max_context }).verdict, 'fits')
  })

  it('fits with less context', () => {
    const report = nemo([gpu(24), cpu(32)])
    assert.equal(report.verdict, 'fits-with-less-context')
    assert.equal(report.kv_bytes, 20 * gibibyte)
    assert.ok(report.max_context < 131_072 && report.max_context > 65_536)
    assert.ok(report.devices.some(({ fits }) => !fits))
  })

  it('fits with layers on the processor, which is slower', () => {
    const bandwidth = { cpu: 50e9, gpu: 1000e9 }
    const small = plan('mixtral-8x7b', { devices: [gpu(24), cpu(64)], contextLength: 8192, bandwidth })
    const large = plan('mixtral-8x7b', { devices: [gpu(48), cpu(64)], contextLength: 8192, bandwidth })
    assert.equal(small.verdict, 'fits-with-layers-on-cpu')
    assert.ok(small.details.layers_on_cpu > 0 && small.details.layers_on_cpu < 32)
    assert.equal(large.verdict, 'fits')
    const [slow, fast] = [small, large].map(({ details }) => details.speed?.tokens_per_second ?? 0)
    assert.ok(slow !== undefined && fast !== undefined && slow > 0 && slow < fast / 2)
  })

  it('does not fit', () => {
    const report = plan('mistral-large', { devices: [gpu(24), cpu(32)] })
    assert.equal(report.verdict, 'does-not-fit')
    assert.deepEqual([report.max_context, report.max_users], [0, 0])
  })

  it('counts main memory too: a GPU does not help where the rest has no room', () => {
    assert.equal(plan('mixtral-8x7b', { devices: [gpu(16), cpu(8)], contextLength: 4096 }).verdict, 'does-not-fit')
  })

  it('spreads layers over several GPUs, each within what it has', () => {
    const report = plan('mistral-large', { devices: [gpu(48), gpu(48), cpu(64)], contextLength: 8192 })
    assert.equal(report.verdict, 'fits')
    assert.equal(
      report.devices.reduce((sum, { layers }) => sum + layers, 0),
      88,
    )
    for (const device of report.devices)
      assert.ok(device.total_bytes + device.margin_bytes <= device.available_bytes, device.name)
  })
})

describe('totals', () => {
  it('are the sum of their terms, on all devices', () => {
    for (const name of ['mistral-7b', 'mixtral', 'codestral-mamba', 'bge-m3', 'gemma-3-270m']) {
      const report = plan(name, { contextLength: 512, users: 3, devices: [gpu(40), cpu(64)] })
      const terms = report.weights_bytes + report.kv_bytes + report.compute_bytes + report.overhead_bytes
      assert.ok(Math.abs(terms - report.total_bytes) <= 1, name)
      const devices = report.devices.reduce((sum, device) => sum + device.total_bytes, 0)
      assert.ok(Math.abs(devices - report.total_bytes) <= report.devices.length, name)
    }
  })

  it('count a matrix that is first and last twice where the last layer is on a GPU', () => {
    const [alone, split] = [[cpu(64)], [gpu(40), cpu(64)]].map(
      (devices) => plan('ministral-3b', { devices }).weights_bytes,
    )
    const matrix = (3072 * 131_072 * 210) / 256
    assert.equal((split ?? 0) - (alone ?? 0), matrix)
  })
})

describe('speed and cost', () => {
  it('go by the active weights of a mixture, and share what users have in common', () => {
    const report = plan('mixtral-8x7b', { contextLength: 256, users: 8, bandwidth: { cpu: 100e9 } })
    const { speed } = report.details
    assert.ok(speed !== null)
    // 12.9 of 46.7 B parameters, less the table that is only looked up.
    assert.ok(Math.abs(speed.bytes_per_token / report.weights_bytes - 12.8 / 46.7) < 0.02)
    assert.ok(speed.tokens_per_second_of_all > speed.tokens_per_second)
    assert.ok(speed.tokens_per_second_of_all < 8 * speed.tokens_per_second)
  })

  it('say what a million tokens cost at a price for an hour', () => {
    const report = plan('mistral-7b', { bandwidth: { cpu: 100e9 }, pricePerHour: 3_600_000_000n })
    const speed = report.details.speed?.tokens_per_second_of_all ?? 0
    const cost = Number(report.details.cost_per_million_nano) / 1e9
    assert.ok(Math.abs(cost - (3.6 / (speed * 3600)) * 1e6) / cost < 0.01)
  })

  it('are not told without a bandwidth', () => {
    const { speed, cost_per_million_nano: cost } = plan('mistral-7b', { pricePerHour: 1n }).details
    assert.deepEqual([speed, cost], [null, null])
  })
})

describe('what cannot be planned', () => {
  it('is refused by name', () => {
    assert.throws(() => findPlanned('no-such-model'), { code: 'invalid_value', param: 'model' })
    assert.throws(() => findPlanned('mistral-7b', { quantisation: 'Q9_X' }), { code: 'invalid_value', param: 'quant' })
    assert.throws(() => findPlanned('/nowhere/x.gguf'), { code: 'model_load_failed' })
  })

  it('a quantisation that nobody offers is planned, with a word on it', () => {
    const report = plan('mistral-7b', {}, 'bf16')
    assert.equal(report.weights_bytes > 14.4e9 && report.weights_bytes < 14.6e9, true)
    assert.match(report.details.notes.join(' '), /No source in the catalogue has it in BF16/)
  })

  it("a licence's limits are told", () => {
    assert.match(plan('codestral').details.notes.join(' '), /Non-Production.*production/)
  })
})
