// The fast exponential against Math.exp over all that it is used for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastExp } from './fast-exp.ts'

test('is within 1e-5 of Math.exp, exact at 0, and ends in 0', () => {
  assert.equal(fastExp(0), 1)
  for (let x = -50; x <= 0; x += 0.00137) {
    const exact = Math.exp(x)
    assert.ok(Math.abs(fastExp(x) / exact - 1) < 1e-5, `at ${x}`)
  }
  assert.equal(fastExp(-60), 0)
  assert.equal(fastExp(-Infinity), 0)
})
