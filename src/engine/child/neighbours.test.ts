// Groups of neighbouring streams, and the moves that join them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsOf, joiningMove } from './neighbours.ts'

test('neighbours in any order are one group', () => {
  assert.equal(groupsOf([]), 0)
  assert.equal(groupsOf([3, 1, 2]), 1)
  assert.equal(groupsOf([0, 2, 3, 7]), 3)
})

test('a move joins groups, and there is none where nothing is gained', () => {
  assert.deepEqual(joiningMove([0, 2, 3], [0, 2, 3], [1]), { from: 0, to: 1 })
  assert.equal(joiningMove([0, 1, 2], [0, 1, 2], [3]), undefined)
  assert.equal(joiningMove([0, 2], [], [1]), undefined)
  assert.equal(joiningMove([0, 3], [0, 3], []), undefined)
  assert.deepEqual(joiningMove([0, 1, 3, 5], [5], [2, 4]), { from: 5, to: 2 })
})
