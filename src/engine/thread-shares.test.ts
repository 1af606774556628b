// How loaded models share threads.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedThreads } from './thread-shares.ts'

test('all together use no more threads than there are, and none is left without', () => {
  const cases: readonly (readonly [planned: readonly number[], total: number, shares: readonly number[]])[] = [
    [[], 2, []],
    [[2], 2, [2]],
    [[2, 1], 2, [1, 1]],
    [[2, 2], 2, [1, 1]],
    [[1, 1, 1], 2, [1, 1, 1]],
    [[7, 3], 7, [4, 3]],
    [[7, 7, 1], 7, [3, 3, 1]],
    [[3, 3], 7, [3, 3]],
  ]
  for (const [planned, total, shares] of cases) assert.deepEqual(sharedThreads(planned, total), shares)
})
