// The proof, shortened to 3,000 traces: every question is answered, with what must be found.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './traces-million.ts'

test('lists, filters, figures and single traces are answered', async () => {
  const findings = await run({ whole: false })
  assert.match(findings, /^\| list: tag, three in all \|/m)
  assert.match(findings, /^\| one trace, four spans \|/m)
})
