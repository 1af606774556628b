// Plans of steps for machines whose pace is known: shares, classes, limits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'
import { planStep, type Runnable } from './step-plan.ts'

const limits = { capacity: 512, outputRows: 64, aloneRows: 128 }

function machine(base: number, perRow: number): Pace {
  const pace = new Pace()
  for (let step = 0; step < 200; step += 1) pace.observe(1 + (step % 100), base + perRow * (1 + (step % 100)))
  return pace
}

const sequence = (pending: number, changes: Partial<Runnable> = {}): Runnable => ({
  pending,
  interactive: true,
  allRows: false,
  ...changes,
})

const rows = (sequences: Runnable[], pace: Pace, starved = 0) => {
  const parts = planStep(sequences, pace, limits, starved)
  return sequences.map((one) => parts.find((part) => part.sequence === one)?.rows ?? 0)
}

test('a prompt that is alone is split the same way whatever the pace', () => {
  for (const pace of [machine(1, 0.01), machine(100, 50)]) {
    assert.deepEqual(rows([sequence(1000)], pace), [128])
    assert.deepEqual(rows([sequence(50)], pace), [50])
    assert.deepEqual(rows([sequence(1000, { allRows: true })], pace), [64])
  }
})

test('everybody who decodes gets a row, prompts share what fits the step', () => {
  const slow = machine(10, 10)
  const [first = 0, second = 0, third = 0] = rows([sequence(1), sequence(1000), sequence(1000)], slow)
  assert.equal(first, 1)
  assert.ok(Math.abs(second - third) <= 1)
  assert.equal(second + third, 16, 'eight rows a prompt although the step takes longer than it should')
})

test('rows that a short prompt does not need go to the long one', () => {
  const fast = machine(5, 0.1)
  const [, brief, long] = rows([sequence(1), sequence(3), sequence(2000)], fast)
  assert.equal(brief, 3)
  assert.equal(long, 512 - 1 - 3)
})

test('a prompt moves on however slow the machine is', () => {
  assert.deepEqual(rows([sequence(1), sequence(1000)], machine(2000, 500)), [1, 8])
})

test('batch work takes what hardly lengthens the step, everything when nobody else is there, and a row now and then', () => {
  const batch = (pending: number) => sequence(pending, { interactive: false })
  assert.deepEqual(rows([sequence(1), batch(1)], machine(1, 20)), [1, 0])
  assert.deepEqual(rows([sequence(1), batch(1)], machine(1, 20), 16), [1, 1])
  assert.deepEqual(rows([sequence(1), batch(1), batch(1)], machine(50, 0.1)), [1, 1, 1])
  assert.deepEqual(rows([batch(1), batch(1)], machine(1, 20)), [1, 1])
})

test('no plan exceeds what a decode takes', () => {
  const many = Array.from({ length: 40 }, (_, index) => {
    const pending = index % 3 === 0 ? 1 : 500
    return sequence(pending, { allRows: index % 5 === 0, interactive: index % 2 === 0 })
  })
  for (const pace of [machine(1, 0.001), machine(50, 0.5), machine(1, 30)]) {
    const parts = planStep(many, pace, limits, 100)
    assert.ok(parts.reduce((sum, part) => sum + part.rows, 0) <= limits.capacity)
    const outputs = parts.filter((part) => part.sequence.allRows && part.sequence.pending > 1)
    assert.ok(outputs.reduce((sum, part) => sum + part.rows, 0) <= limits.outputRows)
    for (const part of parts) assert.ok(part.rows >= 1 && part.rows <= part.sequence.pending)
    assert.equal(new Set(parts.map((part) => part.sequence)).size, parts.length)
  }
})
