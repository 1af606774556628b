// The learned line against machines whose step time is known.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'

test('a line is found, and found anew when the machine changes', () => {
  const pace = new Pace()
  for (let step = 0; step < 60; step += 1) pace.observe(1 + (step % 16), 6 + 8 * (1 + (step % 16)))
  assert.ok(Math.abs(pace.predict(10) - 86) < 2, `${pace.predict(10)} ms for 10 rows`)
  assert.ok(Math.abs(pace.rowsWithin(100) - 11) <= 1)
  for (let step = 0; step < 200; step += 1) pace.observe(1 + (step % 64), 20 + 0.05 * (1 + (step % 64)))
  assert.ok(Math.abs(pace.predict(64) - 23.2) < 1)
})

test('steps that are all alike say what they cost and never a negative price', () => {
  const pace = new Pace()
  for (let step = 0; step < 50; step += 1) pace.observe(4, 30)
  assert.ok(Math.abs(pace.predict(4) - 30) < 0.5)
  assert.ok(pace.perRow > 0 && pace.rowsWithin(1) >= 0)
})
