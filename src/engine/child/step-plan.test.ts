// Plans of steps for machines whose pace is known: shares, classes, limits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'
import { planStep, type Runnable, type StepHistory } from './step-plan.ts'

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

const rows = (sequences: Runnable[], pace: Pace, changes: Partial<StepHistory> = {}) => {
  const parts = planStep(sequences, pace, limits, { turn: 1, starved: 0, scored: false, ...changes })
  return sequences.map((one) => parts.find((part) => part.sequence === one)?.rows ?? 0)
}

test('a prompt that is alone is split the same way whatever the pace', () => {
  for (const pace of [machine(1, 0.01), machine(100, 50)]) {
    assert.deepEqual(rows([sequence(1000)], pace), [128])
    assert.deepEqual(rows([sequence(50)], pace), [50])
    assert.deepEqual(rows([sequence(1000, { allRows: true })], pace), [64])
    assert.deepEqual(rows([sequence(65, { allRows: true })], pace), [63], 'no row is left alone')
  }
})

test('everybody who decodes gets a row, and one prompt after the other the rest', () => {
  const slow = machine(10, 10)
  assert.deepEqual(
    rows([sequence(1), sequence(1000), sequence(900)], slow),
    [1, 0, 16],
    'eight rows for each that waits',
  )
  const usual = machine(5, 6)
  assert.deepEqual(rows([sequence(1), sequence(1000), sequence(900)], usual), [1, 0, 65])
  assert.deepEqual(rows([sequence(1000), sequence(900)], usual), [0, 65], 'nobody decodes')
  assert.deepEqual(rows([sequence(1), sequence(50), sequence(40)], usual), [1, 0, 40], 'no small piece of the next one')
  assert.deepEqual(rows([sequence(1), sequence(20), sequence(40)], usual), [1, 20, 40], 'but its end')
})

test('the prompt that waits longest goes first now and then, however many short ones come', () => {
  const usual = machine(5, 6)
  const served = [0, 1, 2, 3].map((turn) => rows([sequence(4000), sequence(100), sequence(1)], usual, { turn }))
  assert.deepEqual(served, [
    [65, 0, 1],
    [0, 65, 1],
    [0, 65, 1],
    [0, 65, 1],
  ])
})

test('a prompt with log-probabilities is computed as if it were alone, every second step', () => {
  const usual = machine(5, 6)
  const scored = sequence(150, { allRows: true })
  const others = [sequence(1), sequence(40)]
  assert.deepEqual(rows([scored, ...others], usual), [64, 0, 0])
  assert.deepEqual(rows([scored, ...others], usual, { scored: true }), [0, 1, 40])
  assert.deepEqual(rows([scored, scored], usual, { scored: true }).slice(0, 1), [64], 'nobody else waits')
  const batch = sequence(150, { allRows: true, interactive: false })
  assert.deepEqual(rows([batch, sequence(1)], usual), [0, 1])
  assert.deepEqual(rows([batch, sequence(1)], usual, { starved: 16 }), [64, 0])
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
  assert.deepEqual(rows([sequence(1), batch(1)], machine(1, 20), { starved: 16 }), [1, 1])
  assert.deepEqual(rows([sequence(1), batch(1), batch(1)], machine(50, 0.1)), [1, 1, 1])
  assert.deepEqual(rows([batch(1), batch(1)], machine(1, 20)), [1, 1])
})

test('while somebody waits for a first token the steps are what they would be without batch work', () => {
  const batch = (pending: number) => sequence(pending, { interactive: false })
  const usual = machine(5, 6)
  for (const live of [[sequence(300)], [sequence(1), sequence(300)], [sequence(40), sequence(300), sequence(1)]]) {
    assert.deepEqual(rows([...live, batch(1), batch(60)], usual), [...rows(live, usual), 0, 0])
  }
  const [, ...patient] = rows([sequence(300), batch(1), batch(60)], usual, { starved: 16 })
  assert.ok(
    patient.some((share) => share > 0),
    'but it does not starve',
  )
})

test('no plan exceeds what a decode takes', () => {
  const many = Array.from({ length: 40 }, (_, index) => {
    const pending = index % 3 === 0 ? 1 : 500
    return sequence(pending, { allRows: index % 5 === 0, interactive: index % 2 === 0 })
  })
  for (const pace of [machine(1, 0.001), machine(50, 0.5), machine(1, 30)]) {
    const parts = planStep(many, pace, limits, { turn: 0, starved: 100, scored: true })
    assert.ok(parts.reduce((sum, part) => sum + part.rows, 0) <= limits.capacity)
    const outputs = parts.filter((part) => part.sequence.allRows && part.sequence.pending > 1)
    assert.ok(outputs.reduce((sum, part) => sum + part.rows, 0) <= limits.outputRows)
    for (const part of parts) assert.ok(part.rows >= 1 && part.rows <= part.sequence.pending)
    assert.equal(new Set(parts.map((part) => part.sequence)).size, parts.length)
  }
})
