// What is tried when memory ran out, in order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { starterModel } from '../../test/support/weights.ts'
import { readHeader } from './header.ts'
import { type PlanWishes, planModel } from './plan.ts'
import { smallerPlans } from './smaller-plans.ts'

const machine = { availableBytes: 64 * 2 ** 30, totalBytes: 64 * 2 ** 30, cores: 4 }

async function tried(wishes: PlanWishes): Promise<[streams: number, contextLength: number][]> {
  const header = readHeader(await starterModel())
  const plans = [...smallerPlans(header, machine, wishes, planModel(header, machine, wishes))]
  for (const [index, plan] of plans.entries()) {
    const before = plans[index - 1]
    assert.ok(before === undefined || plan.memory.total < before.memory.total)
  }
  return plans.map(({ streams, contextLength }) => [streams, contextLength])
}

test('streams become shorter down to 512 tokens, then fewer down to one', async () => {
  const steps = await tried({ streams: 32 })
  assert.deepEqual(steps, [
    [32, 8192],
    [32, 4096],
    [32, 2048],
    [32, 1024],
    [32, 512],
  ])
  const free = await tried({})
  assert.ok(free.length > 4)
  assert.deepEqual(free.at(-1)?.[0], 1)
  assert.ok((free.at(-1)?.[1] ?? 0) >= 512)
})

test('what the user fixed is not touched', async () => {
  assert.deepEqual(await tried({ streams: 4, contextLength: 2048 }), [[4, 2048]])
  assert.deepEqual(
    await tried({ contextLength: 8192 }).then((steps) => new Set(steps.map(([, length]) => length))),
    new Set([8192]),
  )
})
