// After a load the plan is compared with what was allocated, corrected, and what was learned is kept for the next plan.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createLog } from '../../src/base/log.ts'
import { readHeader } from '../../src/engine/header.ts'
import { correctionKey } from '../../src/engine/plan-correct.ts'
import { memoryNeed } from '../../src/engine/plan-memory.ts'
import { type Correction, shapeOf } from '../../src/engine/plan-shape.ts'
import { startPool } from '../../src/engine/pool.ts'
import { openCorrections } from '../../src/features/plans/corrections.ts'
import { silentLog } from '../support/engine.ts'
import { gemmaModel, starterModel } from '../support/weights.ts'

let home = ''
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'galerne-corrections-'))
})
after(() => rm(home, { recursive: true }))

for (const [name, file] of [
  ['SmolLM2', starterModel],
  ['Gemma 3', gemmaModel],
] as const)
  test(`${name}: what is allocated is what was planned, and the rest is learned`, async () => {
    const path = await file()
    const header = readHeader(path)
    const corrections = openCorrections(home)
    const pool = await startPool({
      models: [{ name, path, streams: 3, contextLength: 1024 }],
      threads: 1,
      log: silentLog,
      corrections,
    })
    try {
      const [plan] = pool.plans
      const learned = corrections.find(correctionKey(header))
      assert.ok(plan !== undefined && learned !== undefined)
      // The formulas are the allocator's: a load has nothing to correct in them but the log's last digit.
      for (const term of ['kv', 'state', 'compute'] as const)
        assert.ok(Math.abs(learned[term] - 1) < 0.05, `${term} × ${learned[term]}`)
      assert.ok(learned.overheadBytes >= 150 * 2 ** 20 && learned.overheadBytes < 500 * 2 ** 20)
      assert.equal(plan.memory.overhead, learned.overheadBytes)
      const planned = memoryNeed(shapeOf(header), plan)
      assert.equal(plan.memory.kv, planned.kv * learned.kv)
    } finally {
      await pool.stop()
    }
    assert.deepEqual(openCorrections(home).find(correctionKey(header)), corrections.find(correctionKey(header)))
  })

test('a wrong plan is corrected by the load, logged, and the next one starts from there', async () => {
  const path = await starterModel()
  const key = correctionKey(readHeader(path))
  const wrong: Correction = { kv: 2, state: 1, compute: 4, overheadBytes: 900 * 2 ** 20 }
  const kept = new Map([[key, wrong]])
  const book = {
    find: (model: string) => kept.get(model),
    keep: (model: string, correction: Correction) => void kept.set(model, correction),
  }
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => lines.push(line) } })
  const options = { models: [{ name: 'starter', path, streams: 2, contextLength: 512 }], threads: 1, log }
  const pool = await startPool({ ...options, corrections: book })
  const corrected = pool.plans[0]?.memory
  await pool.stop()
  assert.ok(corrected !== undefined && corrected.overhead < 500 * 2 ** 20)
  assert.ok(Math.abs((kept.get(key)?.compute ?? 0) - 1) < 0.05)
  const line = lines.map((text) => JSON.parse(text) as Record<string, unknown>).find((one) => 'plannedKv' in one)
  assert.deepEqual([line?.['model'], line?.['plannedKv'], line?.['kv']], ['starter', 22.5, 22.5])
  const again = await startPool({ ...options, corrections: book })
  assert.ok(Math.abs((again.plans[0]?.memory.total ?? 0) / corrected.total - 1) < 0.1)
  await again.stop()
})

test('a damaged file of corrections is as none, and is written anew', async () => {
  await writeFile(join(home, 'plan-corrections.json'), '{"x": {"kv": "much"}}')
  const corrections = openCorrections(home)
  assert.equal(corrections.find('x'), undefined)
  corrections.keep('y', { kv: 1, state: 1, compute: 1, overheadBytes: 1e8 })
  corrections.keep('z', { kv: Number.POSITIVE_INFINITY, state: 1, compute: 1, overheadBytes: 1e8 })
  assert.deepEqual(
    ['y', 'z'].map((key) => openCorrections(home).find(key)?.overheadBytes),
    [1e8, undefined],
  )
})
