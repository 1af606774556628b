// Layers on devices, from lists that llama.cpp printed on machines of others, and from this machine's own. Planned, not run.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { childEnvironment } from '../base/config.ts'
import { catalogueModels } from '../features/models/catalogue.ts'
import { type EngineDevice, readDevices } from './devices.ts'
import { offloadOf, planDevices } from './plan-devices.ts'
import { fit, placeOn } from './plan-fit.ts'
import { headerFrom } from './plan-header.ts'

const mebibyte = 2 ** 20
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/recordings/devices.json'), 'utf8')) as {
  machines: {
    name: string
    mainMiB: number
    devices: (Pick<EngineDevice, 'name' | 'description' | 'kind'> & { totalMiB: number; freeMiB: number })[]
  }[]
}

function machine(name: string) {
  const found = recorded.machines.find((one) => one.name.startsWith(name))
  assert.ok(found !== undefined)
  const devices = found.devices.map(({ totalMiB, freeMiB, ...device }) => ({
    ...device,
    totalBytes: totalMiB * mebibyte,
    freeBytes: freeMiB * mebibyte,
  }))
  return planDevices(devices, found.mainMiB * mebibyte)
}

function header(name: string, quantisation = 'Q4_K_M') {
  const model = catalogueModels.find((one) => one.name === name)
  assert.ok(model !== undefined)
  const { architecture, shape, contextLength } = model
  return headerFrom({ architecture, numbers: shape, contextLength, quantisation, file: name })
}

const wishes = { contextLength: 8192, users: 1, kvType: 'f16' } as const

describe('recorded machines', () => {
  it('a load puts as many layers on the GPU as fit beside its streams', () => {
    const devices = machine('NVIDIA')
    const [few, many] = [1, 16].map((users) => {
      const placed = placeOn(header('mistral-7b-instruct-v0.3'), devices, { ...wishes, users })
      assert.ok(placed.every(({ fits }) => fits))
      return offloadOf(placed).gpuLayers
    })
    assert.ok(few !== undefined && many !== undefined && few > many && many > 0, `${few} and ${many}`)
  })

  it('an M4 Max holds Mistral Large whole, and its memory is counted once', () => {
    const devices = machine('Apple M4')
    assert.deepEqual(
      devices.map(({ kind, availableBytes }) => [kind, availableBytes / mebibyte]),
      [
        ['gpu', 98_303],
        ['cpu', 131_072 - 98_303],
      ],
    )
    const answer = fit(header('mistral-large-instruct-2407'), devices, wishes)
    assert.equal(answer.verdict, 'fits')
    assert.deepEqual(offloadOf(answer.devices), { gpuLayers: 89, split: [89] })
  })

  it('an RTX 2060 with 5 GB free takes a part of NeMo, and all of it but not with 8,192 tokens where it is Ministral 3B', () => {
    const devices = machine('NVIDIA')
    const nemo = fit(header('mistral-nemo-instruct-2407'), devices, wishes)
    assert.equal(nemo.verdict, 'fits-with-layers-on-cpu')
    const { gpuLayers, split } = offloadOf(nemo.devices)
    assert.equal(gpuLayers, 40 - nemo.layersOnCpu + 1)
    assert.deepEqual(split, [gpuLayers])
    const [card] = nemo.devices
    assert.ok(card !== undefined && card.totalBytes <= 5136 * mebibyte * 0.9)
    assert.equal(fit(header('ministral-3-3b-instruct-2512'), devices, wishes).verdict, 'fits')
  })

  it('four devices over one memory share it, and the split names every layer once', () => {
    const devices = machine('Apple M2')
    const total = devices.reduce((sum, { availableBytes }) => sum + availableBytes, 0)
    assert.equal(total, 196_608 * mebibyte)
    const answer = fit(header('mixtral-8x22b-instruct-v0.1', 'Q8_0'), devices, wishes)
    const { gpuLayers, split } = offloadOf(answer.devices)
    assert.equal(
      split.reduce((sum, one) => sum + one, 0),
      gpuLayers,
    )
    assert.equal(gpuLayers, 56 - answer.layersOnCpu + 1)
  })
})

test('a machine without a GPU plans with main memory alone, and offloads nothing', () => {
  const devices = planDevices([{ name: 'CPU', description: '', kind: 'cpu', freeBytes: 1, totalBytes: 1 }], 2 ** 35)
  assert.deepEqual(devices, [{ name: 'processor', kind: 'cpu', availableBytes: 2 ** 35 }])
  const answer = fit(header('mistral-7b-instruct-v0.3'), devices, wishes)
  assert.deepEqual(offloadOf(answer.devices), { gpuLayers: 0, split: [] })
})

test('an integrated GPU is used alone and not beside a real one', () => {
  const device = (kind: EngineDevice['kind']) => ({
    name: kind,
    description: 'x',
    kind,
    freeBytes: 2 ** 33,
    totalBytes: 2 ** 33,
  })
  assert.equal(planDevices([device('integrated')], 2 ** 34).length, 2)
  const both = planDevices([device('integrated'), device('gpu')], 2 ** 34)
  assert.deepEqual(
    both.map(({ name }) => name),
    ['gpu (x)', 'processor'],
  )
})

test("the engine's own list names at least the processor", async () => {
  const devices = await readDevices(childEnvironment())
  assert.ok(devices.some(({ kind }) => kind === 'cpu'))
  for (const { name, freeBytes, totalBytes } of devices) assert.ok(name !== '' && freeBytes <= totalBytes)
})
