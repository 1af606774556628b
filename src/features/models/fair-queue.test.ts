import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFairQueue } from './fair-queue.ts'

const share = (workspace: string, key: string, cost = 100) => ({ workspace, key, cost })

function drain<Item>(queue: { take(): Item | undefined }): Item[] {
  const items: Item[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) items.push(item)
  return items
}

test('one key is served in the order in which it came', () => {
  const queue = createFairQueue<number>()
  for (let item = 0; item < 20; item++) queue.push(item, share('a', 'k', (item % 3) * 1000))
  assert.deepEqual(
    drain(queue),
    Array.from({ length: 20 }, (_, item) => item),
  )
})

test('a workspace that sends much waits for its turns; the other does not wait for it', () => {
  const queue = createFairQueue<string>()
  for (let item = 0; item < 50; item++) queue.push(`busy ${item}`, share('busy', 'k', 200))
  for (let item = 0; item < 5; item++) queue.push(`quiet ${item}`, share('quiet', 'k', 200))
  const order = drain(queue)
  assert.ok(order.lastIndexOf('quiet 4') < 12, order.slice(0, 15).join(', '))
})

test('two keys of one workspace share its turns, they do not double them', () => {
  const queue = createFairQueue<string>()
  for (let item = 0; item < 40; item++) {
    queue.push('one', share('one', 'k', 128))
    queue.push('two', share('two', item % 2 === 0 ? 'a' : 'b', 128))
  }
  const early = drain(queue).slice(0, 40)
  const ones = early.filter((item) => item === 'one').length
  assert.ok(ones >= 18 && ones <= 22, `${ones} of the first 40 were of workspace one`)
})

test('long prompts count for more than short ones', () => {
  const queue = createFairQueue<string>()
  for (let item = 0; item < 40; item++) {
    queue.push('long', share('long', 'k', 4000))
    queue.push('short', share('short', 'k', 400))
  }
  const early = drain(queue).slice(0, 22)
  const longs = early.filter((item) => item === 'long').length
  assert.ok(longs >= 1 && longs <= 4, `${longs} of the first 22 were long`)
})

test('a head of absurd cost is served without counting up to it', () => {
  const queue = createFairQueue<string>()
  queue.push('absurd', share('a', 'k', Number.MAX_SAFE_INTEGER))
  queue.push('more absurd', share('b', 'k', Number.MAX_SAFE_INTEGER))
  queue.push('usual', share('c', 'k', 300))
  assert.deepEqual(drain(queue)[0], 'usual')
})

test('nothing is lost or served twice, whatever is pushed, taken and removed', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push'), w: fc.nat(3), k: fc.nat(2), cost: fc.maxSafeNat(), which: fc.nat() }),
    fc.record({ do: fc.constantFrom('take', 'remove'), w: fc.nat(3), k: fc.nat(2), cost: fc.nat(1), which: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = createFairQueue<number>()
      const inside = new Set<number>()
      for (const [item, { do: action, w, k, cost, which }] of steps.entries()) {
        if (action === 'push') {
          queue.push(item, share(`w${w}`, `k${k}`, cost))
          inside.add(item)
        } else if (action === 'take') {
          const next = queue.peek()
          assert.equal(queue.take(), next)
          assert.equal(next === undefined, inside.size === 0)
          if (next !== undefined) assert.ok(inside.delete(next))
        } else {
          const victim = [...inside][which % Math.max(1, inside.size)]
          if (victim !== undefined) assert.ok(queue.remove(victim) && inside.delete(victim))
          else assert.equal(queue.remove(-1), false)
        }
        assert.equal(queue.size, inside.size)
      }
      assert.deepEqual(new Set(drain(queue)), inside)
    }),
  )
})

test('a key of weight 3 gets three turns for one of the others', () => {
  const queue = createFairQueue<string>()
  const weights = { workspace: 1, key: 3 }
  for (let n = 0; n < 40; n++) {
    queue.push('heavy', { workspace: 'w', key: 'heavy', cost: 128, weights })
    queue.push('light', { workspace: 'w', key: 'light', cost: 128 })
  }
  assert.equal(queue.sizeOf('w'), 80)
  assert.equal(queue.sizeOf('w', 'heavy'), 40)
  const first = Array.from({ length: 40 }, () => queue.take())
  assert.equal(first.filter((name) => name === 'heavy').length, 30)
})

test('a workspace of weight 2 gets twice as much as another, however many keys that has', () => {
  const queue = createFairQueue<string>()
  for (let n = 0; n < 60; n++) {
    queue.push('a', { workspace: 'a', key: 'only', cost: 200, weights: { workspace: 2, key: 1 } })
    queue.push('b', { workspace: 'b', key: `key ${n % 5}`, cost: 200 })
  }
  const first = Array.from({ length: 60 }, () => queue.take())
  assert.equal(first.filter((name) => name === 'a').length, 40)
})
