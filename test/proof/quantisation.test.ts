// The proof, shortened to two windows of our own text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './quantisation.ts'

test('quantised weights stay near their reference, and perplexity is what the logits say', async () => {
  const findings = await run({ whole: false })
  for (const name of ['Q4_1', 'F16', 'Q8_0', 'Q4_K_M']) assert.match(findings, new RegExp(`^\\| ${name} \\| `, 'm'))
})
