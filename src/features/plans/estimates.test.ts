// What is said of models' memory: each figure has a reason where it differs, and one that is below the weights is found.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { impossibleClaims, judgedEstimates } from './estimates.ts'

const of = (model: string, bits: number, gigabytes: number) =>
  judgedEstimates(model).find((one) => one.bits === bits && one.gigabytes === gigabytes)

test('13 GB for Mixtral 8x7B at 4 bits is below its weights, and the only figure that cannot be', () => {
  const wrong = judgedEstimates().filter(({ impossible }) => impossible)
  assert.deepEqual(
    wrong.map(({ model, gigabytes }) => [model, gigabytes]),
    [['mixtral-8x7b-instruct-v0.1', 13]],
  )
  assert.match(impossibleClaims('mixtral-8x7b-instruct-v0.1').join(), /13 GB at 4 bits: wrong: .* 23\.4 GB/)
  assert.deepEqual(impossibleClaims('mistral-7b-instruct-v0.3'), [])
})

test('the estimates in common use come from what their reasons say', () => {
  for (const [model, bits, gigabytes, reason] of [
    ['mistral-7b-instruct-v0.3', 16, 14, /weights alone, of rounded parameters/],
    ['mistral-7b-instruct-v0.3', 4, 5, /^agrees$/],
    ['mixtral-8x7b-instruct-v0.1', 16, 90, /weights alone, of rounded parameters/],
    ['mixtral-8x7b-instruct-v0.1', 4, 24, /exactly 4 bits; Q4_K_M has 4\.9 bits, 28\.4 GB/],
    ['mixtral-8x22b-instruct-v0.1', 4, 65, /in GiB: 70\.3 GB are 65\.5 GiB/],
  ] as const)
    assert.match(of(model, bits, gigabytes)?.reason ?? '', reason, `${model} ${gigabytes}`)
})

test('no figure is left without a reason, and the plan is never below the weights', () => {
  for (const one of judgedEstimates()) {
    assert.notEqual(one.reason, '')
    assert.ok(one.planned > one.mixWeights && one.mixWeights >= one.weights * 0.999, one.model)
  }
})
