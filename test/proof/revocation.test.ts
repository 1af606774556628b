// The proof, shortened to three keys.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutPostgres } from '../support/databases.ts'
import { run } from './revocation.ts'

test('a revoked key stops within a second on every node', { skip: withoutPostgres }, async () => {
  assert.match(await run({ whole: false }), /^\| 3 \| \d+ ms \| \d+ ms \| 1000 ms \|$/m)
})
