// What a plan says of GPUs reaches the library: without one it is taken and changes nothing. On a GPU it was not run.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../../src/base/log.ts'
import { loadModel } from '../../src/engine/child/llama-model.ts'
import { hasGraphicsPackage } from '../../src/engine/devices.ts'
import { startPool } from '../../src/engine/pool.ts'
import { starterModel } from '../support/weights.ts'
import { openEngine } from './open-engine.ts'

test('layers and shares of GPUs are taken by the library', async () => {
  const path = await starterModel()
  for (const offload of [
    { gpuLayers: 0, split: [] },
    { gpuLayers: 31, split: [20, 11] },
  ]) {
    const model = await loadModel(openEngine(), path, { offload })
    assert.equal(model.layers, 30)
    model.free()
  }
})

test('a pool with GPUs says which layers go there', async (context) => {
  if (hasGraphicsPackage()) return context.skip('this machine has an engine package for GPUs, and the list is made up')
  const path = await starterModel()
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => lines.push(line) } })
  const card = { name: 'CUDA0', description: 'made up', kind: 'gpu', freeBytes: 2 ** 33, totalBytes: 2 ** 33 } as const
  const pool = await startPool({
    models: [{ name: 'starter', path, streams: 2, contextLength: 512 }],
    threads: 1,
    log,
    devices: [card],
  })
  await pool.stop()
  const told = lines.map((text) => JSON.parse(text) as Record<string, unknown>).find((line) => 'gpuLayers' in line)
  assert.deepEqual([told?.['gpuLayers'], told?.['split']], [31, [31]])
})
