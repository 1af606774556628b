// The proof, shortened to 40 calls and 6 moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutPostgres } from '../support/databases.ts'
import { run } from './changing-weights.ts'

test('weights change without a failed request', { skip: withoutPostgres }, async () => {
  assert.match(await run({ whole: false }), /moved 6 times.* none failed/)
})
