// Which models go when another one needs their memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseVictims, type Resident } from './evict.ts'

const resident = (name: string, more: Partial<Resident> = {}): Resident => ({
  ...{ name, bytes: 100, pinned: false, priority: 0, busy: false, reloadMs: 1000, usesPerHour: 10, stayMs: 0 },
  ...more,
})
const evicted = (residents: readonly Resident[], bytes = 100, priority = 0) => chooseVictims(residents, bytes, priority)

test('the one whose reload costs least for how often it is used goes', () => {
  const models = [resident('often', { usesPerHour: 100 }), resident('seldom', { usesPerHour: 2 }), resident('some')]
  assert.deepEqual(evicted(models), { type: 'evict', names: ['seldom'] })
  const slow = [resident('slow', { reloadMs: 60_000, usesPerHour: 2 }), resident('quick', { usesPerHour: 10 })]
  assert.deepEqual(evicted(slow), { type: 'evict', names: ['quick'] })
})

test('priority comes before cost, and a pinned one stays', () => {
  const models = [
    resident('pinned', { pinned: true, usesPerHour: 0 }),
    resident('low', { usesPerHour: 1000 }),
    resident('high', { priority: 5, usesPerHour: 0 }),
  ]
  assert.deepEqual(evicted(models), { type: 'evict', names: ['low'] })
  assert.deepEqual(evicted(models, 200), { type: 'evict', names: ['low', 'high'] })
  assert.deepEqual(evicted(models, 201), { type: 'impossible' })
})

test('no more go than are needed', () => {
  const models = [resident('small', { bytes: 10, usesPerHour: 0 }), resident('large', { bytes: 100 })]
  assert.deepEqual(evicted(models, 100), { type: 'evict', names: ['large'] })
  assert.deepEqual(evicted(models, 105), { type: 'evict', names: ['small', 'large'] })
  assert.deepEqual(evicted(models, 10), { type: 'evict', names: ['small'] })
})

test('one at work that matters more is waited for; one that matters as much is drained', () => {
  const busy = resident('busy', { busy: true, priority: 1 })
  assert.equal(evicted([busy]).type, 'wait')
  assert.deepEqual(evicted([busy], 100, 1), { type: 'evict', names: ['busy'] })
  assert.deepEqual(evicted([{ ...busy, busy: false }]), { type: 'evict', names: ['busy'] })
})

test('one that has just been loaded and is in demand stays a while, unless another one can go', () => {
  const fresh = resident('fresh', { stayMs: 400, usesPerHour: 0 })
  assert.deepEqual(evicted([fresh]), { type: 'wait', milliseconds: 400 })
  assert.deepEqual(evicted([fresh, resident('old')]), { type: 'evict', names: ['old'] })
})
