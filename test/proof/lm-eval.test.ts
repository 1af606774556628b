// The proof, shortened to 10 rows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missing, run } from './lm-eval.ts'

test("lm-eval's sums of log-probabilities are the engine's own", { skip: missing() ?? false }, async () => {
  assert.match(await run({ whole: false }), /\| 10 \| 40 \|/)
})
