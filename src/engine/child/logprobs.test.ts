// Log-probabilities against arithmetic on small rows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logSumExp, rowLogprobs } from './logprobs.ts'

test('log-probabilities of the whole row sum to one and the best come first', () => {
  const row = Float32Array.of(1, 3, 2, 3, -5)
  const all = rowLogprobs(row, 2, 5)
  assert.deepEqual(
    all.top.map((entry) => entry.token),
    [1, 3, 2, 0, 4],
  )
  const sum = all.top.reduce((total, entry) => total + Math.exp(entry.logprob), 0)
  assert.ok(Math.abs(sum - 1) < 1e-6)
  assert.equal(all.logprob, all.top[2]?.logprob)
  assert.equal(rowLogprobs(row, 0, 0).top.length, 0)
})

test('large logits do not overflow', () => {
  assert.ok(Math.abs(logSumExp(Float32Array.of(1000, 1000)) - (1000 + Math.log(2))) < 1e-4)
})
