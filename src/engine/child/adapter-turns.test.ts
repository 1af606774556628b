import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdapterTurns, type TurnTaker } from './adapter-turns.ts'

const taker = (adapterKey: string, interactive = true): TurnTaker => ({ adapterKey, interactive })

/** Groups of so many steps, a millisecond each. */
function turns(ready: readonly TurnTaker[], steps: number, ms = 1): string {
  const subject = new AdapterTurns()
  return Array.from({ length: steps }, (_, step) => subject.next(ready, step * ms)[0]?.adapterKey).join('')
}

test('one group has every step, whole', () => {
  const ready = [taker('a'), taker('a')]
  assert.deepEqual(new AdapterTurns().next(ready, 0), ready)
  assert.equal(turns(ready, 6), 'aaaaaa')
})

test('groups take turns of four steps, and none is left out', () => {
  assert.equal(turns([taker('a'), taker('b'), taker('c'), taker('a')], 14), 'aaaabbbbccccaa')
  const mixed = new AdapterTurns()
  assert.deepEqual(mixed.next([taker('a'), taker('b'), taker('a')], 0).length, 2)
})

test('long steps end a turn sooner, and batch work gives way after one', () => {
  assert.equal(turns([taker('a'), taker('b')], 6, 60), 'aabbaa')
  assert.equal(turns([taker('a'), taker('b', false)], 11), 'aaaabaaaaba')
})

test('a group that left does not keep its turn', () => {
  const subject = new AdapterTurns()
  subject.next([taker('a'), taker('b')], 0)
  assert.equal(subject.next([taker('b'), taker('c')], 1)[0]?.adapterKey, 'b')
  assert.equal(subject.next([], 2).length, 0)
  assert.equal(subject.next([taker('c')], 3)[0]?.adapterKey, 'c')
})
